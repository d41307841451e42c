"""The verbs of curators, from the command line to the rows of a farm that serves HTTP."""

from __future__ import annotations

import base64
import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import col, update

from farm.api.curator_client import CuratorClient
from farm.cli.remote import read_until
from farm.core.names.declared import SensitiveFile
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.plan.job import BlobRef
from farm.server.channels import channel_troubles, releases
from farm.server.channels.excuses import Excuse
from farm.server.curation import approving, curation
from farm.server.federation import imported
from farm.server.identities import access
from farm.server.identities.access import Actor
from farm.server.tables.evidence import FailedTest, TestEvidence
from farm.server.tables.release_rows import ReleaseRow
from farm.server.tables.states import Role
from farm.trust.keys.key_files import create_key
from tests.cli.shell import Shell, signed_in
from tests.farms.stocked import SAMPLES, StockedFarm, taken_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from farm.server.tables.session import Database

CHAIN = SAMPLES[:1] + SAMPLES[5:7]  # glibc, oniguruma, jq
APPROVALS = {"gate": "approvals", "of": "curators", "count": 1}
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def shell(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    """A farm with edge (two releases, jq held back from a third) and stable, which takes from edge with an approval."""
    stocked = StockedFarm.open(database, tmp_path, real_time=True)
    key = tmp_path / "alice.key"
    alice = create_key(key)
    application = stocked.application
    keys = {"curators": {"alice": alice.public_key.keyval["public"]}}
    stocked.application = replace(application, inputs=replace(application.inputs, curators=keys))
    stocked.release("edge", stocked.build_samples(CHAIN[:2]))
    stocked.release("edge", [*stocked.build_samples(CHAIN[2:]), stocked.build(replace(CHAIN[1], revision=2))])
    stocked.channel("stable", ["proof", APPROVALS], origin="edge")
    candidate = stocked.candidate("edge", [stocked.build(replace(CHAIN[2], revision=2))])
    red = FailedTest("glibc", "locale", "no \x1b[31mlocale", 3)
    stocked.gate(candidate, "tests", "failed", "1 of 3 tests failed", TestEvidence(3, already_red=(red,)))
    held = Excuse(
        package="jq", version="1.7.1-2", gate="tests", reason="the test `runs` failed", root="oniguruma",
        owner="ann", job=1, line="jq: \x1b]0;x\x07error", partners=("glibc",), remedy="mend oniguruma",
    )  # fmt: skip
    stocked.hold_back(candidate, held)
    monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))  # not the key of the user who runs the tests
    with signed_in(stocked, monkeypatch, "ann", Role.CURATOR):
        yield Shell(stocked, capsys, key)


def test_a_channel_is_frozen_shown_and_thawed(shell: Shell) -> None:
    assert shell.run("channel", "freeze", "edge", "--why", "the fair", "--until", "3d").startswith(
        "edge is frozen until "
    )
    assert "frozen until" in shell.run("channel", "show", "edge")
    assert shell.json("channel", "show", "edge")[0]["frozen"]["why"] == "the fair"
    assert "edge is frozen until" in shell.run("channel", "freeze", "edge", "--why", "me first", status=1)
    assert shell.run("channel", "freeze", "edge", "--why", "me first", "--replace") == "edge is frozen\n"
    assert shell.json("channel", "show", "edge")[0]["frozen"]["why"] == "me first"
    assert shell.run("channel", "thaw", "edge") == "edge is no longer frozen\n"
    assert "edge is not frozen" in shell.run("channel", "thaw", "edge", status=1)
    assert "there is no channel 'egde'" in shell.run("channel", "freeze", "egde", "--why", "x", status=1)
    assert "neither a duration" in shell.run("channel", "freeze", "edge", "--why", "x", "--until", "soon", status=2)
    assert "Missing option '--why'" in shell.run("channel", "freeze", "edge", status=2)
    assert "no reason is given" in shell.run("channel", "freeze", "edge", "--why", "  ", status=1)


def test_a_channel_that_stands_still_says_why(shell: Shell) -> None:
    with shell.stocked.application.writing() as unit:
        channel_troubles.set_halted(unit.session, "edge", "release 3 is published\x1b")
    assert r"  edge is stopped: release 3 is published\x1b" in shell.run("channel", "show", "edge").splitlines()
    assert shell.json("channel", "show", "edge")[0]["halted"] == "release 3 is published\x1b"
    assert "is stopped" not in shell.run("channel", "show", "stable")
    with shell.stocked.application.writing() as unit:
        channel_troubles.set_halted(unit.session, "edge", "")
    assert "is stopped" not in shell.run("channel", "show", "edge")


def test_a_channel_whose_file_is_wrong_says_so_to_whoever_would_wait_for_it(shell: Shell) -> None:
    line = r"channels/edge.yaml:5:22: block cannot be 'hgih\x1b'. Did you mean high?"
    with shell.stocked.application.writing() as unit:
        channel_troubles.set_trouble(
            unit.session, "edge", [line.replace(r"\x1b", "\x1b"), "channels/edge.yaml:6:1: so"]
        )
    said = f"edge waits until the errors in its file are fixed:\n  {line}\n  channels/edge.yaml:6:1: so\n"
    shown = shell.run("channel", "show", "edge")
    assert shown.splitlines()[1:4] == ["  " + said_line for said_line in said.splitlines()]
    assert shell.json("channel", "show", "edge")[0]["trouble"] == [
        line.replace(r"\x1b", "\x1b"),
        "channels/edge.yaml:6:1: so",
    ]
    assert "waits" not in shell.run("channel", "show", "stable")
    with shell.stocked.application.writing() as unit:
        imported.set_troubles(unit.session, {"other.example": "not \x1b there"}, now=NOW)
    trouble = r"other.example cannot be followed since 2026-11-24 12:00, and its updates do not arrive: not \x1b there"
    assert trouble in shell.run("channel", "show", "edge")
    assert "followed" not in shell.run("channel", "show", "stable")
    for verb in (["candidate", "list", "edge"], ["candidate", "show", "edge"]):
        shell.run(*verb)
        assert shell.stderr == said
    assert shell.json("candidate", "list", "edge")["trouble"] == shell.json("candidate", "show", "edge")["trouble"]
    assert shell.run("channel", "rollback", "edge", "1", "--why", "x", "--wait", status=1) == said
    assert shell.run("candidate", "retry", "edge", "--wait", status=1) == said


def test_a_submission_does_not_wait_for_a_channel_whose_file_is_wrong(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shell.stocked.application.writing() as unit:
        channel_troubles.set_trouble(unit.session, "edge", ["channels/edge.yaml:5:22: so"])
        token, _ = access.issue_token(unit, name="m", role=Role.MAINTAINER, lasts=timedelta(days=1))
    monkeypatch.setenv("FARM_TOKEN", token)
    folder = tmp_path / "glibc"
    folder.mkdir()
    (folder / "recipe.yaml").write_bytes(CHAIN[0].recipe()["recipe.yaml"])
    message = shell.run("submit", str(folder), "--release", "edge", status=1)
    assert "edge waits until the errors in its file are fixed:\n  channels/edge.yaml:5:22: so\n" in message


def test_a_package_is_held_listed_and_lifted(shell: Shell) -> None:
    assert shell.run("channel", "hold", "edge", "jq", "--why", "1.7.2 loses data") == "jq is held on edge\n"
    assert "1.7.2 loses data" in shell.run("channel", "hold", "edge")
    assert shell.json("channel", "hold", "edge")[0]["package"] == "jq"
    assert "jq is held by token:ann: 1.7.2 loses data" in shell.run("channel", "show", "edge")
    assert shell.run("channel", "hold", "edge", "jq", "--lift") == "jq is no longer held on edge\n"
    assert shell.run("channel", "hold", "edge") == "nothing is held on edge\n"
    assert "nobody holds jq" in shell.run("channel", "hold", "edge", "jq", "--lift", status=1)
    for wrong in (["edge", "jq"], ["edge", "--lift"], ["edge", "jq", "--lift", "--why", "x"]):
        shell.run("channel", "hold", *wrong, status=2)
    assert "String should have at least 1 character" in shell.run("channel", "hold", "edge", "", "--why", "x", status=1)


def test_a_package_of_another_distribution_is_held_by_its_full_name(shell: Shell) -> None:
    name, digest = "other.example/openssl", Digest.of(b"blob")
    blob = BlobRef(digest, 1)
    assert "no recipe makes" in shell.run("channel", "hold", "edge", name, "--why", "not yet", status=1)
    with shell.stocked.application.writing() as unit:
        release = imported.add_release(
            unit.session,
            digest=digest,
            distribution="other.example",
            channel="edge",
            number=1,
            root=digest,
            address="https://other.example/",
            now=unit.now,
        )
        package = imported.ImportedPackageRecord(
            name=name,
            digest=digest,
            descriptor=blob,
            version="3.0",
            revision=1,
            tree=digest,
            manifest=blob,
            facts=blob,
            archive=blob,
            needs=(),
        )
        imported.add_packages(unit.session, release.id, [package])
    shell.run("channel", "hold", "edge", name, "--why", "not yet")
    shell.run("channel", "hold", "edge", name, "--lift")
    assert f"nobody holds {name}" in shell.run("channel", "hold", "edge", name, "--lift", status=1)


def test_what_is_held_back_is_told_with_blocker_owner_log_and_what_to_do(shell: Shell) -> None:
    shown = shell.run("channel", "excuses", "edge")
    for expected in (
        "jq 1.7.1-2: tests, held back from edge since 2", "why      the test `runs` failed", "blocker  oniguruma",
        "breaks   only with glibc", "owner    ann", r"log      job 1: jq: \x1b]0;x\x07error", "clears   mend oniguruma",
        "retry    farm candidate retry edge jq (needs the role curator)\n",
    ):  # fmt: skip
        assert expected in shown, expected
    assert shown in shell.run("channel", "excuses")
    (excuse,) = shell.json("channel", "excuses", "edge")
    assert (excuse["package"], excuse["root"], excuse["partners"]) == ("jq", "oniguruma", ["glibc"])
    assert shell.run("channel", "excuses", "stable") == "nothing is held back\n"
    assert shell.json("channel", "excuses", "stable") == []


def test_a_candidate_is_listed_shown_and_tried_again(shell: Shell) -> None:
    assert "open" in shell.run("candidate", "list", "edge")
    number = str(shell.json("candidate", "list", "edge")["candidates"][0]["id"])
    shown = shell.run("candidate", "show", "edge", number)
    assert shown == shell.run("candidate", "show", "edge")
    assert "jq" in shown
    assert "1.7.1-2" in shown
    assert r"failed before this candidate too: glibc: locale (job 3): no \x1b[31mlocale" in shown
    assert {change["change"] for change in shell.json("candidate", "show", "edge")["changes"]} == {"version", "gone"}
    assert "retry jq" in shell.run("candidate", "retry", "edge", "jq", "--why", "the disk was full")
    assert "is not done yet" in shell.run("candidate", "retry", "edge", "jq", status=1)
    assert "nothing is held back on stable" in shell.run("candidate", "retry", "stable", status=1)
    assert "has no candidate 999" in shell.run("candidate", "show", "edge", "999", status=1)
    assert "stable has had no candidate yet" in shell.run("candidate", "show", "stable", status=1)
    shell.run("candidate", "show", "edge", "0", status=2)


def test_releases_are_compared_package_by_package(shell: Shell) -> None:
    assert shell.run("release", "diff", "edge", "1", "2").splitlines()[1:] == [
        "glibc      removed      2.41-1     -",
        "jq         new          -          1.7.1-1",
        "oniguruma  new version  6.9.9-1    6.9.9-2",
    ]
    assert [change["change"] for change in shell.json("release", "diff", "edge", "2", "1")["changes"]] == [
        "new", "gone", "version"
    ]  # fmt: skip
    assert shell.run("release", "diff", "edge", "1", "1") == "releases 1 and 1 hold the same packages\n"
    assert "has no release 9" in shell.run("release", "diff", "edge", "1", "9", status=1)


def test_a_release_that_is_not_signed_is_not_shown_as_released(shell: Shell) -> None:
    newest = (col(ReleaseRow.channel) == "edge", col(ReleaseRow.number) == 2)
    with shell.stocked.application.writing() as unit:
        unit.session.exec(update(ReleaseRow).where(*newest).values(published_at=None))
    second, first = shell.run("release", "list", "edge").splitlines()[1:]
    assert second.startswith("2        waits for its signature  ")
    assert first.startswith("1        released                 ")
    shell.run("release", "show", "edge", "2")
    assert "release 2 of edge is not signed yet" in shell.stderr
    shell.run("release", "show", "edge", "1")
    assert shell.stderr == ""


@pytest.mark.parametrize("name", ["../jobs", "a/b", "..", "", "nope"])
def test_what_is_no_channel_is_called_so(shell: Shell, name: str) -> None:
    for verb in (
        ["channel", "show", name], ["release", "show", name, "1"], ["release", "list", name],
        ["candidate", "list", name], ["candidate", "show", name, "1"], ["release", "diff", name, "1", "2"],
        ["channel", "excuses", name], ["channel", "freeze", name, "--why", "x"],
        ["channel", "hold", name, "jq", "--why", "x"],
    ):  # fmt: skip
        if name or verb[:2] not in (
            ["channel", "show"],
            ["channel", "excuses"],
        ):  # without a name these cover all channels
            assert f"there is no channel {name!r}" in shell.run(*verb, status=1)


def test_the_pipeline_is_ordered_to_promote_and_to_go_back(shell: Shell) -> None:
    assert shell.run("channel", "promote", "edge", "stable", "jq").startswith(
        "order 1 to stable: promote jq from edge release 2"
    )
    assert shell.json("channel", "promote", "edge", "stable")["detail"] == {"from": "edge", "number": 2, "packages": []}
    assert "takes fresh builds" in shell.run("channel", "promote", "stable", "edge", status=1)
    assert "Did you mean jq?" in shell.run("channel", "promote", "edge", "stable", "jqq", status=1)
    assert "go back to release 1" in shell.run("channel", "rollback", "edge", "1", "--why", "jq is broken")
    assert "order 3 of token:ann is pending: go back to release 1" in shell.run("channel", "show", "edge")
    assert "is the newest of edge" in shell.run("channel", "rollback", "edge", "2", "--why", "x", status=1)
    shell.run("channel", "rollback", "edge", "1", status=2)


def test_a_release_names_the_tests_that_were_red_before(shell: Shell) -> None:
    with shell.stocked.application.reading() as unit:
        released = releases.release(unit.session, "edge", 2)
        assert released is not None
        assert released.candidate_id is not None
    red = FailedTest("glibc", "locale", "no \x1b[31mlocale", 3)
    evidence = TestEvidence(3, already_red=(red,))
    shell.stocked.gate(released.candidate_id, "tests", "passed", "3 tests passed", evidence)
    assert "failed before this candidate too: glibc: locale (job 3): no " in shell.run("release", "show", "edge", "2")
    assert "red before" not in shell.run("release", "show", "edge", "1")
    assert shell.json("release", "show", "edge", "2")["tests"]["flaky"] == []


def test_orders_are_listed_and_one_that_waits_is_withdrawn(shell: Shell) -> None:
    assert shell.run("channel", "order", "list", "stable") == "nothing was ordered of stable yet\n"
    shell.run("channel", "promote", "edge", "stable", "--why", "the fair")
    (waiting,) = shell.json("channel", "order", "list", "stable")
    number = str(waiting["id"])
    assert [line.split()[-1] for line in shell.run("channel", "order", "list", "stable").splitlines()[1:]] == ["waits"]
    assert "Missing option '--why'" in shell.run("channel", "order", "withdraw", "stable", number, status=2)
    said = shell.run("channel", "order", "withdraw", "stable", number, "--why", "it is over")
    assert said == f"order {number} to stable: withdrawn by token:ann: it is over\n"
    assert "is done: withdrawn" in shell.run("channel", "order", "withdraw", "stable", number, "--why", "x", status=1)
    assert "waits: promote" not in shell.run("channel", "show", "stable")


def test_approvals_are_shown_first_and_signed_here(shell: Shell) -> None:
    assert "stable needs approvals of 1 of the group curators" in shell.run("approve", "stable")
    assert shell.json("approve", "stable")["packages"][0]["approved-by"] == []
    signing = ("--key", str(shell.key), "--name", "alice")
    full = "dist.example.org/jq"
    assert shell.run("approve", "stable", full, *signing, "--yes") == "alice has approved 1 package on stable\n"
    assert shell.run("approve", "stable", *signing, "--yes") == "alice has approved 1 package on stable\n"
    assert shell.run("approve", "stable", *signing, "--yes") == "nothing on stable waits for an approval of alice\n"
    assert [package["approved-by"] for package in shell.json("approve", "stable")["packages"]] == [["alice"], ["alice"]]
    assert "requires no approvals" in shell.run("approve", "edge", status=1)
    assert "Did you mean jq?" in shell.run("approve", "stable", "jqq", status=1)
    assert "is not a pending change of" in shell.run("approve", "stable", "other.example/jq", status=1)
    shell.run("approve", "stable", "--name", "alice", status=2)


def test_whoever_approves_sees_which_sensitive_files_come_and_why(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "note:" not in shell.run("approve", "stable")
    honest = CuratorClient.in_question

    def declaring(self: CuratorClient, channel: str) -> dict[str, Any]:
        answer = honest(self, channel)
        for package in answer["packages"]:
            files = tuple(SensitiveFile(f"etc/pam.d/{name}", "How\u202e to log in") for name in ("login", "su"))
            descriptor = replace(Descriptor.from_json(package["descriptor"].encode()), sensitive_files=files)
            package |= {"descriptor": descriptor.to_json().decode(), "digest": descriptor.digest}
        return answer

    monkeypatch.setattr(CuratorClient, "in_question", declaring)
    said = shell.run("approve", "stable")
    assert "note: jq 1.7.1-1 has etc/pam.d/login and 1 more: How\\u202e to log in\n" in said


def test_what_goes_is_shown_as_going_and_signed_as_that(shell: Shell) -> None:
    with shell.stocked.application.reading() as unit:
        there = [pending.package for pending in approving.in_question(unit, "stable")]
    shell.stocked.release("stable", there, source=taken_from("edge", 2))
    shell.stocked.release("edge", [package for package in there if package.name != "jq"])
    assert [line.split()[:4] for line in shell.run("approve", "stable").splitlines()[1:]] == [
        ["PACKAGE", "VERSION", "CHANGE", "APPROVED"],
        ["jq", "1.7.1-1", "removed", "-"],
    ]
    signing = ("--key", str(shell.key), "--name", "alice")
    assert shell.run("approve", "stable", *signing, "--yes") == "alice has approved 1 package on stable\n"
    assert shell.json("approve", "stable")["packages"][0]["approved-by"] == ["alice"]


def test_an_approval_is_taken_back_without_a_key(shell: Shell) -> None:
    signing = ("--key", str(shell.key), "--name", "alice", "--yes")
    shell.run("approve", "stable", "jq", *signing)
    back = ("--withdraw", "--name", "alice")
    said = shell.run("approve", "stable", "jq", *back, "--why", "it loses data")
    assert said == "the approval of alice for jq 1.7.1-1 on stable no longer counts\n"
    assert [package["approved-by"] for package in shell.json("approve", "stable")["packages"]] == [[], []]
    assert "alice has approved no jq on stable" in shell.run("approve", "stable", "jq", *back, status=1)
    shell.run("approve", "stable", *signing)
    assert len(shell.json("approve", "stable", "dist.example.org/jq", "jq", *back)["withdrawn"]) == 1
    for wrong in (["jq", "--withdraw"], [*back], ["jq", *back, "--key", str(shell.key)], ["jq", "--why", "x"]):
        shell.run("approve", "stable", *wrong, status=2)


def test_who_is_not_asked_for_approval_cannot_give_it(shell: Shell, tmp_path: Path) -> None:
    create_key(tmp_path / "eve.key")
    signing = ("--key", str(tmp_path / "eve.key"), "--yes")
    assert "no allowed key has signed" in shell.run("approve", "stable", "jq", *signing, "--name", "eve", status=1)
    assert "no allowed key has signed" in shell.run("approve", "stable", "jq", *signing, "--name", "alice", status=1)
    missing = ("--key", str(tmp_path / "none"), "--name", "alice", "--yes")
    assert "cannot use the key file" in shell.run("approve", "stable", "jq", *missing, status=1)


def test_a_farm_that_shows_one_package_and_offers_another_gets_no_signature(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = CuratorClient.in_question

    def swapped(self: CuratorClient, channel: str) -> dict[str, Any]:
        answer = honest(self, channel)
        first, second = answer["packages"]
        first["descriptor"] = second["descriptor"]
        return answer

    monkeypatch.setattr(CuratorClient, "in_question", swapped)
    signing = ("--key", str(shell.key), "--name", "alice", "--yes")
    assert "but the descriptor is of another package or version" in shell.run("approve", "stable", *signing, status=1)
    monkeypatch.undo()


def test_an_approval_is_for_the_channel_that_was_named_and_not_for_the_one_that_the_farm_answers(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, sent = CuratorClient.in_question, list[tuple[str, bytes]]()
    monkeypatch.setattr(CuratorClient, "in_question", lambda farm, name: honest(farm, name) | {"channel": "edge"})

    def approve(_farm: CuratorClient, channel: str, envelopes: Sequence[bytes]) -> dict[str, Any]:
        sent.extend((channel, envelope) for envelope in envelopes)
        return {"approvals": []}

    monkeypatch.setattr(CuratorClient, "approve", approve)
    shell.run("approve", "stable", "jq", "--key", str(shell.key), "--name", "alice", "--yes")
    ((channel, envelope),) = sent
    payload = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    assert (channel, payload["predicate"]["channel"]) == ("stable", "stable")


def test_the_trail_says_who_decided_what_about_a_channel_and_what_was_refused(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run("channel", "freeze", "stable", "--why", "the \u202efair")
    shell.run("channel", "hold", "edge", "jq", "--why", "x")
    shell.run("channel", "thaw", "stable")
    with shell.stocked.application.writing() as unit:
        token, _ = access.issue_token(unit, name="m", role=Role.MAINTAINER, lasts=timedelta(days=1))
        admin, _ = access.issue_token(unit, name="root", role=Role.ADMIN, lasts=timedelta(days=1))
    curator = os.environ["FARM_TOKEN"]
    monkeypatch.setenv("FARM_TOKEN", token)
    shell.run("channel", "freeze", "stable", "--why", "x", status=1)
    assert "this needs the role curator" in shell.run("channel", "trail", status=1)
    monkeypatch.setenv("FARM_TOKEN", curator)

    refused, thawed, frozen = shell.run("channel", "trail", "--channel", "stable").splitlines()[1:]
    assert "token:m" in refused
    assert "refused: PUT /api/v1/channels/stable/freeze" in refused
    assert re.search(r"token:ann +thaw +channel stable", thawed)
    assert re.search(r"token:ann +freeze +channel stable +the \\u202efair", frozen)
    page = shell.json("channel", "trail", "--limit", "2")
    assert [entry["action"] for entry in page["trail"]] == ["GET /api/v1/trail", "PUT /api/v1/channels/stable/freeze"]
    older = shell.json("channel", "trail", "--before", str(page["next-before"]))["trail"]
    assert [(entry["action"], entry["channel"]) for entry in older[:3]] == [
        ("thaw", "stable"), ("hold", "edge"), ("freeze", "stable")
    ]  # fmt: skip
    assert not any("address" in entry or "farm_" in json.dumps(entry) for entry in [*page["trail"], *older])
    monkeypatch.setenv("FARM_TOKEN", admin)
    assert shell.json("channel", "trail")["trail"][0]["address"] == "127.0.0.1"

    assert len(shell.json("channel", "trail", "--since", "1h")["trail"]) == len(page["trail"]) + len(older)
    assert shell.run("channel", "trail", "--since", "2999-01-01") == "no entries\n"
    assert "there is no channel 'nope'" in shell.run("channel", "trail", "--channel", "nope", status=1)
    assert "neither a duration" in shell.run("channel", "trail", "--since", "soon", status=2)


def test_trouble_is_reported_listed_and_resolved(shell: Shell) -> None:
    assert shell.run("channel", "report", "edge", "jq", "--why", "segfaults on []") == "report 1: jq 1.7.1-1 on edge\n"
    assert "segfaults on []" in shell.run("channel", "report", "edge")
    assert shell.run("channel", "report", "--resolve", "1") == "report 1 is closed: jq 1.7.1-1 on edge\n"
    assert shell.run("channel", "report", "edge") == "no open reports on edge\n"
    assert "was resolved by token:ann" in shell.run("channel", "report", "--resolve", "1", status=1)
    for wrong in ([], ["edge", "jq"], ["edge", "--resolve", "1"], ["--resolve", "0"]):
        shell.run("channel", "report", *wrong, status=2)


def test_a_maintainer_reports_and_decides_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    with shell.stocked.application.writing() as unit:
        token, _ = access.issue_token(unit, name="m", role=Role.MAINTAINER, lasts=timedelta(days=1))
    monkeypatch.setenv("FARM_TOKEN", token)
    shell.run("channel", "report", "edge", "jq", "--why", "segfaults")
    for act in (
        ["channel", "freeze", "edge", "--why", "x"], ["channel", "thaw", "edge"],
        ["channel", "hold", "edge", "jq", "--why", "x"], ["channel", "hold", "edge", "jq", "--lift"],
        ["channel", "promote", "edge", "stable"], ["channel", "rollback", "edge", "1", "--why", "x"],
        ["candidate", "retry", "edge"], ["channel", "report", "--resolve", "1"],
        ["approve", "stable", "--key", str(shell.key), "--name", "alice", "--yes"],
        ["approve", "stable", "jq", "--withdraw", "--name", "alice"],
    ):  # fmt: skip
        assert "this needs the role curator" in shell.run(*act, status=1)
    monkeypatch.delenv("FARM_TOKEN")
    assert "this needs a token" in shell.run("channel", "report", "edge", "jq", "--why", "segfaults", status=1)


def test_words_that_are_no_words_are_refused_without_harm(shell: Shell) -> None:
    for why in ("\udcff", "x" * 2001):
        shell.run("channel", "freeze", "edge", "--why", why, status=1)
    with shell.stocked.application.writing() as unit:
        curation.freeze(unit, Actor("token:\x1b[31m"), "edge", why="a\x1b[31mb\x00")
    assert r"a\x1b[31mb" in shell.run("channel", "show", "edge")


@pytest.mark.parametrize(
    ("text", "hours"),
    [("3d", 72), ("12h", 12), ("2026-11-25", 12), ("2026-11-24T13:00Z", 1), ("2026-11-24T15:00+02:00", 1)],
)
def test_a_time_that_lies_ahead_is_a_length_or_a_date(text: str, hours: int) -> None:
    assert read_until(text, NOW) == NOW + timedelta(hours=hours)


@pytest.mark.parametrize("text", ["", "3", "d", "-3d", "0h", "2026-11-24", "2026-13-01", "yesterday", "9" * 400 + "d"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither|is in the past"):
        read_until(text, NOW)
