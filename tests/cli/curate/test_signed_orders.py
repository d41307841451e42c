"""The verbs sign a curator's orders themselves, with the key of `farm keys me`, and the signer receives them."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

import pytest

from farm.cli.main import main
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.server.advisories.advisory_intake import add_advisory
from farm.server.channels import candidates
from farm.server.channels.excuses import Excuse
from farm.server.curation import approvals, approving, curation, orders, signed_orders
from farm.server.identities.access import Actor
from farm.server.packages import packages
from farm.server.pipeline.publishing.signing_evidence import _orders
from farm.server.pipeline.repository.order_delivery import OrderDelivery
from farm.server.pipeline.repository.signer_client import SignerRefusedError, SignerUnreachableError
from farm.server.tables.pipeline_states import OrderEnding
from farm.server.tables.states import Role
from farm.signing.entries import OrderTaken, RootPinned
from farm.signing.ledger import Ledger
from farm.signing.order_effects import check_effect
from farm.signing.state import LedgerState
from farm.trust.attestation.approval import ApprovalError, read_approval
from farm.trust.attestation.curator_order import NO_RELEASE, Act, CuratorOrder, kept_order, order_statement
from farm.trust.attestation.dsse import sign_statement
from tests.cli.shell import signed_in
from tests.core.advisories.osv_documents import DISTRIBUTION, openvex, osv
from tests.farms.stocked import SAMPLES, StockedFarm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database

CHAIN = SAMPLES[:1] + SAMPLES[5:7]  # glibc, oniguruma, jq


@dataclass
class Signer:
    """Accepts orders as the signer does, without its checker; or is unreachable, refuses, or has no room.

    It has no reports of its own, so it accepts any order that closes one.
    """

    taken: list[CuratorOrder]
    state: str = ""
    ledger: LedgerState = field(default_factory=LedgerState)

    def take_order(self, envelope: bytes) -> None:
        if self.state == "away":
            raise SignerUnreachableError("the signer does not answer")
        if self.state == "refuses":
            raise SignerRefusedError(
                "it was given on another release", remedy="Give the order again.", said="unusable-order"
            )
        if self.state == "ill":
            raise SignerRefusedError("the ledger cannot be written: no room", said="ledger")
        self.enter(kept_order(envelope), envelope)

    def enter(self, order: CuratorOrder, envelope: bytes | None = None) -> None:
        """Accept an order, even one that the farm does not know."""
        try:
            if order.act is not Act.CLOSE_REPORT:
                check_effect(self.ledger, order)
        except FarmError as error:
            raise SignerRefusedError(error.message, remedy=error.remedy, said=error.code) from error
        taken = OrderTaken((envelope or sign_statement(order_statement(order))).decode())
        self.ledger = self.ledger.after(taken, datetime.now(UTC))
        self.taken.append(order)

    def take_report(self, report: bytes) -> None:
        assert json.loads(report)["report"]


@dataclass
class Shell:
    stocked: StockedFarm
    said: pytest.CaptureFixture[str]
    signer: Signer
    stderr: str = ""

    def run(self, *arguments: str, status: int = 0) -> str:
        self.said.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        output, self.stderr = self.said.readouterr()
        assert (ended.value.code or 0) == status, (output, self.stderr)
        return output

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def build_of(self, package: str) -> Digest:
        """Return the descriptor of the build that the farm has of a package."""
        with self.stocked.application.reading() as unit:
            return packages.builds_of(unit.session, package)[0].digest

    def lists(self, key: str, name: str = "ann") -> None:
        """Have the targets role name a person, as control finds it in the published repository."""
        with self.stocked.application.writing() as unit:
            signed_orders.set_who_orders(unit.session, {name: key})


@pytest.fixture
def shell(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    """A farm with two releases on edge, and control, which delivers orders; stable takes from edge."""
    stocked = StockedFarm.open(database, tmp_path, real_time=True)
    stocked.release("edge", stocked.build_samples(CHAIN[:2]))
    stocked.release("edge", stocked.build_samples(CHAIN[2:]))
    stocked.channel("stable", ["proof"], origin="edge")
    application, signer, stop = stocked.application, Signer([]), threading.Event()
    delivery = OrderDelivery(application, signer)

    def control() -> None:
        while not stop.wait(0.05):
            delivery.deliver()

    thread = threading.Thread(target=control)
    thread.start()
    with signed_in(stocked, monkeypatch, "ann", Role.CURATOR):
        monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))
        monkeypatch.delenv("FARM_KEY", raising=False)
        monkeypatch.delenv("FARM_NAME", raising=False)
        made = Shell(stocked, capsys, signer)
        yield made
    stop.set()
    thread.join()


@pytest.fixture
def ann(shell: Shell) -> Shell:
    shell.lists(shell.json("keys", "me", "--name", "ann")["key"])
    return shell


def test_each_act_is_signed_and_brought(ann: Shell) -> None:
    ann.run("channel", "freeze", "edge", "--why", "the fair", "--until", "3d")
    ann.run("channel", "thaw", "edge")
    ann.run("channel", "hold", "edge", "dist.example.org/jq", "--why", "it crashes")
    ann.run("channel", "hold", "edge", "jq", "--lift")
    ann.run("channel", "report", "edge", "jq", "--why", "it crashes")
    ann.run("channel", "report", "--resolve", "1")
    ann.run("channel", "promote", "edge", "stable", "jq", "--why", "needed")
    ann.run("channel", "rollback", "edge", "1", "--why", "slow")
    taken = [(order.act, order.channel, list(order.packages), order.number, order.origin) for order in ann.signer.taken]
    assert taken == [
        (Act.FREEZE, "edge", [], 0, ""),
        (Act.THAW, "edge", [], 0, ""),
        (Act.HOLD, "edge", ["jq"], 0, ""),
        (Act.LIFT, "edge", ["jq"], 0, ""),
        (Act.CLOSE_REPORT, "edge", [], 1, ""),
        (Act.PROMOTE, "stable", ["jq"], 0, "edge"),
        (Act.ROLLBACK, "edge", [], 0, ""),
    ]
    releases = {release["number"]: release["digest"] for release in ann.json("release", "list", "edge")["releases"]}
    assert {order.base for order in ann.signer.taken if order.channel == "edge"} == {releases[2]}
    assert [order.target for order in ann.signer.taken][-2:] == [releases[2], releases[1]]
    assert ann.signer.taken[0].until is not None
    assert {order.curator for order in ann.signer.taken} == {"ann"}


def test_the_order_of_a_candidate_goes_along_as_evidence(ann: Shell) -> None:
    ann.run("channel", "rollback", "edge", "1", "--why", "slow")
    candidate = ann.stocked.candidate("edge", [])
    with ann.stocked.application.writing() as unit:
        (order,) = orders.open_orders(unit.session, "edge")
        orders.take_order(unit.session, order.id, candidate_id=candidate)
        found = candidates.candidate(unit.session, candidate)
        assert found is not None
        assert list(_orders(unit, found)) == [ann.signer.taken[0].digest]


def test_withdrawing_a_signed_order_is_signed_too(ann: Shell) -> None:
    ann.run("channel", "rollback", "edge", "1", "--why", "slow")
    said = ann.run("channel", "order", "withdraw", "edge", "1", "--why", "oops")
    assert said.startswith("order 1 to edge: withdrawn by token:ann: oops")
    rollback, withdrawal = ann.signer.taken
    assert f"signing the withdrawal of the order {rollback.digest}" in ann.stderr
    assert (withdrawal.act, withdrawal.channel, withdrawal.target, withdrawal.reason) == (
        Act.WITHDRAW_ORDER, "edge", rollback.digest, "oops",
    )  # fmt: skip
    assert "is done: withdrawn" in (
        ann.run("channel", "order", "withdraw", "edge", "1", "--why", "oops", status=1) + ann.stderr
    )
    assert len(ann.signer.taken) == 2


def test_an_order_that_ended_without_a_release_is_withdrawn_from_the_signer(ann: Shell) -> None:
    ann.run("channel", "rollback", "edge", "1", "--why", "slow")
    with ann.stocked.application.writing() as unit:
        said = {"candidate_id": None, "ending": OrderEnding.NOTHING_TO_DO, "outcome": "nothing to do"}
        orders.finish_order(unit.session, 1, now=unit.now, **said)  # type: ignore[arg-type]
    assert f"valid with the signer until {ann.signer.taken[0].expires:%Y-%m-%d %H:%M}" in ann.run(
        "channel", "order", "list", "edge"
    )
    said = ann.run("channel", "order", "withdraw", "edge", "1", "--why", "oops")
    assert said == "order 1 to edge: nothing to do; it is withdrawn with the signer too\n"
    assert [order.act for order in ann.signer.taken] == [Act.ROLLBACK, Act.WITHDRAW_ORDER]
    assert "valid with the signer" not in ann.run("channel", "order", "list", "edge")


def test_an_order_that_a_release_has_used_is_not_withdrawn(ann: Shell) -> None:
    ann.run("channel", "rollback", "edge", "1", "--why", "slow")
    with ann.stocked.application.writing() as unit:
        said = {"candidate_id": None, "ending": OrderEnding.RELEASED, "outcome": "release 3"}
        orders.finish_order(unit.session, 1, now=unit.now, **said)  # type: ignore[arg-type]
    assert "valid with the signer" not in ann.run("channel", "order", "list", "edge")
    ann.run("channel", "order", "withdraw", "edge", "1", "--why", "oops", status=1)
    assert "order 1 is done: release 3" in ann.stderr
    assert len(ann.signer.taken) == 1


def test_who_cannot_sign_withdraws_no_signed_order(ann: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like an older client, which sends no signature: the order would stay in force at the signer."""
    ann.run("channel", "rollback", "edge", "1", "--why", "slow")
    monkeypatch.setattr("farm.cli.curate.order.can_sign", lambda: False)
    ann.run("channel", "order", "withdraw", "edge", "1", "--why", "oops", status=1)
    assert "withdraw order must be signed with your own key" in ann.stderr
    (waiting,) = ann.json("channel", "order", "list", "edge")
    assert waiting["done-at"] is None


def test_a_retry_that_nobody_signed_is_withdrawn_by_nobodys_signature(ann: Shell) -> None:
    candidate = ann.stocked.candidate("edge", [])
    ann.stocked.hold_back(candidate, Excuse(package="jq", version="1.7.1-1", gate="tests", reason="red"))
    ann.run("candidate", "retry", "edge")
    assert "withdrawn by token:ann" in ann.run("channel", "order", "withdraw", "edge", "1", "--why", "oops")
    assert "the farm says that order 1 is unsigned" in ann.stderr
    assert not ann.signer.taken


def test_a_retry_that_names_packages_names_their_builds(ann: Shell) -> None:
    candidate = ann.stocked.candidate("edge", [])
    digest = ann.build_of("jq")
    ann.stocked.hold_back(
        candidate, Excuse(package="jq", version="1.7.1-1+b2", digest=digest, gate="older", reason="it is older")
    )
    ann.run("candidate", "retry", "edge", "jq")
    assert f"signing for jq 1.7.1-1+b2, {digest}" in ann.stderr
    (order,) = ann.signer.taken
    assert (order.act, dict(order.packages)) == (Act.RETRY, {"jq": digest})


@pytest.mark.parametrize(("package", "version", "meant"), [("jq", "1.8-1", "jq"), ("jq", "1.7.1-1", "oniguruma")])
def test_a_retry_that_is_shown_as_something_else_is_not_signed(
    ann: Shell, package: str, version: str, meant: str
) -> None:
    candidate = ann.stocked.candidate("edge", [])
    digest = ann.build_of(meant)
    ann.stocked.hold_back(
        candidate, Excuse(package=package, version=version, digest=digest, gate="older", reason="it is older")
    )
    ann.run("candidate", "retry", "edge", package, status=1)
    assert f"the farm shows {package} {version}, but the descriptor is of another package or version" in ann.stderr
    assert not ann.signer.taken


def test_a_report_that_only_the_signer_has_is_closed_by_its_descriptor(ann: Shell) -> None:
    digest = ann.build_of("jq")
    ann.run("channel", "report", "--resolve", "7", status=1)
    assert "farm channel report CHANNEL --resolve NUMBER --descriptor DIGEST" in ann.stderr
    closed = ann.run("channel", "report", "edge", "--resolve", "7", "--descriptor", digest)
    assert closed == f"report 7 on edge is closed with the signer: {digest}\n"
    (order,) = ann.signer.taken
    assert (order.act, order.channel, order.number, order.target) == (Act.CLOSE_REPORT, "edge", 7, digest)
    ann.run("channel", "report", "edge", "jq", "--why", "it crashes")
    ann.run("channel", "report", "edge", "--resolve", "1", "--descriptor", digest, status=1)
    assert "report 1 is open here" in ann.stderr
    other = ann.build_of("oniguruma")  # a forged one with the same number
    assert "closed with the signer" in ann.run("channel", "report", "edge", "--resolve", "1", "--descriptor", other)
    ann.run("channel", "report", "edge", "--resolve", "7", "--descriptor", "jq", status=1)
    assert "sha256" in ann.stderr
    for wrong in (["edge", "--descriptor", digest], ["--resolve", "7", "--descriptor", digest]):
        ann.run("channel", "report", *wrong, status=2)


def test_many_reports_are_closed_by_one_command(ann: Shell) -> None:
    with ann.stocked.application.writing() as unit:
        for _ in range(60):  # more than a page of a listing
            curation.report(unit, Actor("token:ann"), "edge", "jq", why="it crashes")
    said = ann.run("channel", "report", "--resolve", "2", "--resolve", "60")
    assert said == "report 2 is closed: jq 1.7.1-1 on edge\nreport 60 is closed: jq 1.7.1-1 on edge\n"
    assert [report["id"] for report in ann.json("channel", "report", "--resolve", "3", "--resolve", "4")] == [3, 4]
    ann.run("channel", "report", "--resolve", "5", "--resolve", "2", "--resolve", "6", status=1)
    assert "report 2 was resolved by token:ann" in ann.stderr
    digest = ann.build_of("jq")
    pairs = [part for number in (700, 701) for part in ("--resolve", str(number), "--descriptor", digest)]
    assert ann.run("channel", "report", "edge", *pairs).count("is closed with the signer") == 2
    closed = [(order.number, order.target) for order in ann.signer.taken]
    assert closed == [(number, digest) for number in (2, 60, 3, 4, 5, 700, 701)]
    ann.run("channel", "report", "edge", *pairs[:2], *pairs, status=2)


def test_where_no_policy_is_signed_the_signer_has_no_reports(shell: Shell) -> None:
    digest = shell.build_of("jq")
    shell.run("keys", "me", "--name", "ann")
    shell.run("channel", "report", "edge", "--resolve", "7", "--descriptor", digest, status=1)
    assert "the signer keeps no reports of its own" in shell.stderr


def test_without_a_key_it_is_said_how_to_get_one(shell: Shell) -> None:
    shell.lists("00" * 32)
    shell.run("channel", "freeze", "edge", "--why", "the fair", status=1)
    assert "freeze must be signed with your own key" in shell.stderr
    assert "farm keys me" in shell.stderr
    shell.run("keys", "me", "--name", "ann")
    shell.run("channel", "freeze", "edge", "--why", "the fair", status=1)
    assert "no allowed key has signed the statement" in shell.stderr
    assert "signed curators or operators" in shell.stderr
    assert shell.json("channel", "show", "edge")[0]["frozen"] is None
    assert not shell.signer.taken


def test_where_no_policy_is_signed_no_key_is_needed(shell: Shell) -> None:
    assert shell.run("channel", "freeze", "edge", "--why", "the fair") == "edge is frozen\n"
    shell.run("keys", "me", "--name", "ann")
    assert shell.run("channel", "thaw", "edge") == "edge is no longer frozen\n"
    assert (shell.stderr, shell.signer.taken) == ("", [])


def test_an_order_that_the_signer_has_not_got_is_told(ann: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farm.cli.sign_order._WAITED", 0.3)
    ann.signer.state = "away"
    assert ann.run("channel", "freeze", "edge", "--why", "the fair") == "edge is frozen\n"
    assert "the order is accepted, but has not reached the signer yet" in ann.stderr
    assert "freeze that ann has signed has not reached the signer yet" in ann.run("channel", "show", "edge")
    ann.signer.state = ""
    assert ann.json("channel", "thaw", "edge")["signed"]["act"] == "thaw"
    assert [order.act for order in ann.signer.taken] == [Act.FREEZE, Act.THAW]
    assert "signer" not in ann.run("channel", "show", "edge")


def test_an_order_that_the_signer_refuses_is_told(ann: Shell) -> None:
    ann.signer.state = "refuses"
    assert ann.run("channel", "freeze", "edge", "--why", "the fair", status=1) == ""
    assert "the signer refuses the order: it was given on another release. Give the order again." in ann.stderr
    assert "freeze that ann has signed was refused by the signer" in ann.run("channel", "show", "edge")


def by_a_clock(monkeypatch: pytest.MonkeyPatch, module: str, wrong_by: timedelta) -> None:
    """Set this machine's clock wrong where it signs."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + wrong_by

    monkeypatch.setattr(f"{module}.datetime", Wrong)


@pytest.mark.parametrize("hours", [-1, 1])
def test_an_order_by_a_clock_that_is_wrong_is_refused_where_it_is_given(
    ann: Shell, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    by_a_clock(monkeypatch, "farm.cli.sign_order", timedelta(hours=hours))
    assert ann.run("channel", "freeze", "edge", "--why", "the fair", status=1) == ""
    assert "Correct the clock of the machine where you sign" in ann.stderr
    assert ann.json("channel", "show", "edge")[0]["frozen"] is None
    assert not ann.signer.taken


def from_another_machine(shell: Shell, act: Act, *, later: timedelta, **said: Any) -> CuratorOrder:
    """Enter an order of bob's at the signer, whose clock is `later` than this one."""
    now = datetime.now(UTC) + later
    order = CuratorOrder(
        act=act,
        distribution="dist.example.org",
        base=NO_RELEASE,
        reason="so",
        at=now,
        expires=now + timedelta(days=1),
        **({"channel": "edge", "curator": "bob"} | said),
    )
    shell.signer.enter(order)
    return order


def test_an_order_that_brings_nothing_about_is_told_and_given_again(
    ann: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob's clock is four minutes fast, so his order is the newer one by its signed time."""
    freeze = from_another_machine(ann, Act.FREEZE, later=timedelta(minutes=4))
    hold = from_another_machine(ann, Act.HOLD, later=timedelta(minutes=4), packages={"jq": None})
    assert ann.run("channel", "thaw", "edge", status=1) == ""
    assert f"freeze on edge by bob of {freeze.at:%Y-%m-%d %H:%M:%S} UTC is newer" in ann.stderr
    assert f"sign it again after {freeze.at:%Y-%m-%d %H:%M:%S} UTC" in ann.stderr
    assert ann.run("channel", "hold", "edge", "jq", "--lift", status=1) == ""
    assert ann.run("channel", "freeze", "edge", "--why", "the fair", status=1) == ""
    assert ann.run("channel", "hold", "edge", "jq", "--why", "it crashes", status=1) == ""
    assert f"hold jq on edge by bob of {hold.at:%Y-%m-%d %H:%M:%S} UTC is newer" in ann.stderr
    shown = ann.run("channel", "show", "edge")
    assert shown.count("was refused by the signer") == 4
    by_a_clock(monkeypatch, "farm.cli.sign_order", timedelta(minutes=4, seconds=30))
    assert ann.run("channel", "thaw", "edge") == "edge is no longer frozen\n"
    assert ann.run("channel", "hold", "edge", "jq", "--lift") == "jq is no longer held on edge\n"
    assert not ann.signer.ledger.held("edge", "dist.example.org", freeze.at)
    assert ann.signer.ledger.frozen("edge", "dist.example.org", freeze.at) is None
    assert "was refused by the signer" not in ann.run("channel", "show", "edge")


def test_what_only_the_signer_has_frozen_or_holds_is_let_go(ann: Shell) -> None:
    from_another_machine(ann, Act.FREEZE, later=timedelta(seconds=-1))
    from_another_machine(ann, Act.HOLD, later=timedelta(seconds=-1), packages={"jq": None})
    assert ann.run("channel", "thaw", "edge") == "edge is no longer frozen\n"
    assert "nobody holds jqq on edge" in (ann.run("channel", "hold", "edge", "jqq", "--lift", status=1) + ann.stderr)
    assert (
        ann.run("channel", "hold", "edge", "dist.example.org/jq", "--lift")
        == "dist.example.org/jq is no longer held on edge\n"
    )
    now = datetime.now(UTC)
    assert (
        ann.signer.ledger.frozen("edge", "dist.example.org", now),
        ann.signer.ledger.held("edge", "dist.example.org", now),
    ) == (None, {})


@pytest.fixture
def approver(ann: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Ann is in the group whose approval stable requires, which takes from edge."""
    application = ann.stocked.application
    with application.reading() as unit:
        people = dict(signed_orders.who_orders(unit.session) or {})
    asked = {"gate": "approvals", "of": "curators", "count": 1, "people": people}
    ann.stocked.channel("stable", ["proof", asked], origin="edge")
    return ann


def counted(shell: Shell, name: str, at: datetime) -> list[bool]:
    """Return for each approval of ann's for a package on stable whether the signer counts it."""
    with shell.stocked.application.reading() as unit:
        people = signed_orders.who_orders(unit.session) or {}
        found = approvals.given_by(unit.session, "stable", "ann", name)
    return [
        shell.signer.ledger.counts(approval.envelope.encode(), people, "dist.example.org", at) for approval in found
    ]


def test_who_approves_again_names_the_withdrawal(approver: Shell) -> None:
    approver.run("approve", "stable", "jq", "--yes")
    with approver.stocked.application.reading() as unit:
        (first,) = approvals.given_by(unit.session, "stable", "ann", "jq")
    said = approver.run("approve", "stable", "jq", "--withdraw")
    assert said == "the approval of ann for jq 1.7.1-1 on stable no longer counts\n"
    now = datetime.now(UTC)
    people = {"ann": approver.json("keys", "me")["key"]}
    assert not approver.signer.ledger.counts(first.envelope.encode(), people, "dist.example.org", now)
    with approver.stocked.application.writing() as unit, pytest.raises(ApprovalError, match="does not name that"):
        approving.approve(unit, Actor("token:ann"), "stable", [first.envelope.encode()])
    approver.run("approve", "stable", "jq", "--yes")
    assert counted(approver, "jq", datetime.now(UTC)) == [True]


def test_an_approval_by_a_clock_that_is_ahead_is_refused(approver: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    by_a_clock(monkeypatch, "farm.cli.curate.approve", timedelta(days=1))
    approver.run("approve", "stable", "jq", "--yes", status=1)
    assert "Correct the clock of the machine where you sign" in approver.stderr
    assert {package["enough"] for package in approver.json("approve", "stable")["packages"]} == {False}


def test_what_wants_in_no_more_is_withdrawn_by_its_name(approver: Shell) -> None:
    approver.run("approve", "stable", "jq", "--yes")
    stocked, old = approver.stocked, approver.build_of("jq")
    stocked.release("edge", [stocked.build(replace(CHAIN[2], revision=2))])
    assert old not in [package["digest"] for package in approver.json("approve", "stable")["packages"]]
    assert "no longer counts" in approver.run("approve", "stable", "dist.example.org/jq", "--withdraw")
    assert [list(order.packages.values()) for order in approver.signer.taken] == [[old]]
    approver.run("approve", "stable", "jq", "--withdraw", status=1)
    assert "farm approve stable --withdraw --descriptor DIGEST" in approver.stderr


def test_an_approval_that_the_farm_does_not_show_is_withdrawn_by_its_descriptor(approver: Shell) -> None:
    approver.run("approve", "stable", "jq", "--yes")
    digest, unknown = approver.build_of("jq"), Digest.of(b"a build that the database has lost")
    with approver.stocked.application.writing() as unit:
        (kept,) = approvals.given_by(unit.session, "stable", "ann", "jq")
        approvals.withdraw_approval(unit.session, "stable", digest, "ann")  # as an intruder in the database can
    said = approver.run("approve", "stable", "--withdraw", "--descriptor", digest, "--descriptor", unknown)
    assert f"your approval of {digest} on stable is withdrawn" in said
    (order,) = approver.signer.taken
    assert dict(order.packages) == {"jq": digest, str(unknown): unknown}
    people = {"ann": approver.json("keys", "me")["key"]}
    assert not approver.signer.ledger.counts(kept.envelope.encode(), people, "dist.example.org", datetime.now(UTC))
    for wrong in (["jq", "--withdraw", "--descriptor", digest], ["--descriptor", digest]):
        approver.run("approve", "stable", *wrong, status=2)


def test_who_approves_again_tells_of_a_withdrawal_that_the_farm_has_lost(approver: Shell) -> None:
    digest = approver.build_of("jq")
    lost = from_another_machine(
        approver, Act.WITHDRAW_APPROVAL, later=timedelta(), channel="stable", curator="ann", packages={"jq": digest}
    )
    approver.run("approve", "stable", "jq", "--yes")
    assert counted(approver, "jq", datetime.now(UTC)) == [False]
    approver.run("approve", "stable", "jq", "--withdraw")
    approver.run("approve", "stable", "jq", "--yes", "--after", lost.digest)
    assert "has withdrawn what was signed" not in approver.stderr


def test_an_order_that_only_the_signer_has_is_withdrawn_by_its_digest(ann: Shell) -> None:
    invented = from_another_machine(ann, Act.PROMOTE, later=timedelta(), target=Digest.of(b"a"), origin="lab")
    said = ann.run("channel", "order", "withdraw", "edge", "--order", invented.digest, "--why", "nobody gave it")
    assert said == f"the order {invented.digest} is withdrawn on edge\n"
    assert not ann.signer.ledger.usable("edge", Digest.of(b""), datetime.now(UTC))
    assert ann.run("channel", "order", "withdraw", "edge", "--order", invented.digest, "--why", "again", status=1) == ""
    assert "ann has withdrawn the order" in ann.stderr
    for wrong in (["edge"], ["edge", "1", "--order", invented.digest]):
        ann.run("channel", "order", "withdraw", *wrong, "--why", "x", status=2)


def test_an_order_that_waits_here_is_withdrawn_by_its_number(ann: Shell) -> None:
    ann.run("channel", "rollback", "edge", "1", "--why", "slow")
    (rollback,) = ann.signer.taken
    ann.run("channel", "order", "withdraw", "edge", "--order", rollback.digest, "--why", "oops", status=1)
    assert "farm channel order withdraw edge 1" in ann.stderr
    with ann.stocked.application.writing() as unit:
        said = {"candidate_id": None, "ending": OrderEnding.RELEASED, "outcome": "release 3"}  # which is false
        orders.finish_order(unit.session, 1, now=unit.now, **said)  # type: ignore[arg-type]
    assert "is withdrawn on edge" in ann.run(
        "channel", "order", "withdraw", "edge", "--order", rollback.digest, "--why", "oops"
    )


def test_an_order_waits_while_the_signer_is_in_trouble_itself(ann: Shell) -> None:
    ann.signer.state = "ill"
    ann.run("channel", "freeze", "edge", "--why", "the fair")
    assert "has not reached the signer yet" in ann.run("channel", "show", "edge")
    ann.signer.state = ""
    deadline = time.monotonic() + 60
    while not ann.signer.taken and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [order.act for order in ann.signer.taken] == [Act.FREEZE]


def test_the_ledger_is_listed(ann: Shell, tmp_path: Path) -> None:
    ann.run("channel", "freeze", "edge", "--why", "the fair")
    (freeze,) = ann.signer.taken
    with ann.stocked.application.reading() as unit:
        kept = signed_orders.signed_order(unit.session, freeze.digest)
    assert kept
    ledger = Ledger(tmp_path / "record", clock=lambda: datetime(2026, 11, 29, tzinfo=UTC))
    assert ann.run("keys", "ledger", str(tmp_path / "record")) == "the ledger is empty\n"
    ledger.append(RootPinned(1, Digest.of(b"root")), OrderTaken(kept.envelope))
    shown = ann.run("keys", "ledger", str(tmp_path / "record"))
    assert "root version 1, sha256:" in shown
    assert f"3      2026-11-29 00:00  order  freeze on edge by ann: the fair (order {freeze.digest}, expires" in shown
    *_, last = ann.json("keys", "ledger", str(tmp_path / "record"))
    assert (last["number"], last["order"], last["statement"]["predicate"]["act"]) == (3, freeze.digest, "freeze")
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b'"version":1', b'"version":2'))
    ann.run("keys", "ledger", str(tmp_path / "record"), status=1)
    assert "entry 3 does not follow the previous entry" in ann.stderr


def test_what_is_said_of_vulnerabilities_is_signed_and_brought(ann: Shell, tmp_path: Path) -> None:
    (tmp_path / "jq.json").write_bytes(osv(fixed=""))
    (tmp_path / "vex.json").write_bytes(openvex(product=f"{DISTRIBUTION}/jq@1.7.1-1"))
    ann.run("advisory", "add", str(tmp_path / "jq.json"))
    assert "1 new statement" in ann.run("advisory", "vex", str(tmp_path / "vex.json"))
    source = ("--source", "https://tracker.example.net/")
    ann.run("advisory", "reviewed", "dist.example.org/jq", *source)
    other = ("--source", "https://tracker.example.net/jq", "--at", "2026-01-01T10:00Z")
    assert "1 new review" in ann.run("advisory", "reviewed", "jq", *other)
    assert [(order.act, order.channel, list(order.packages)) for order in ann.signer.taken] == [
        (Act.ADVISE, "advisories", [subject])
        for subject in ("EXAMPLE-2026-1", "EXAMPLE-2026-1 not_affected in jq 1.7.1-1", "review of jq", "review of jq")
    ]
    assert ann.signer.taken[0].packages["EXAMPLE-2026-1"] == Digest.of_json(json.loads(osv(fixed="")))
    assert {order.base for order in ann.signer.taken} == {NO_RELEASE}
    # The same file states nothing new, so it need not be signed again.
    assert "unchanged" in ann.run("advisory", "add", str(tmp_path / "jq.json"))
    assert len(ann.signer.taken) == 4


def test_an_advisory_that_nobody_has_signed_is_told_and_signed_by_the_same_file(ann: Shell, tmp_path: Path) -> None:
    (tmp_path / "jq.json").write_bytes(osv(fixed=""))
    with ann.stocked.application.writing() as unit:
        people = signed_orders.who_orders(unit.session)
        signed_orders.set_who_orders(unit.session, None)
        add_advisory(unit, Actor("token:ann"), osv(fixed=""))
        signed_orders.set_who_orders(unit.session, people)
        signed_orders.set_unsigned_claims(unit.session, {Digest.of_json(json.loads(osv(fixed=""))): "EXAMPLE-2026-1"})
    assert "critical, unsigned" in ann.run("advisory", "list")
    assert ann.json("advisory", "list")[0]["unsigned"] is True
    assert "not published: not signed" in ann.run("advisory", "show", "EXAMPLE-2026-1")
    (answer,) = ann.json("advisory", "add", str(tmp_path / "jq.json"))
    assert (answer["outcome"], answer["signed"]["act"]) == ("unchanged", "advise")
    assert [list(order.packages) for order in ann.signer.taken] == [["EXAMPLE-2026-1"]]


def test_what_advises_is_withdrawn_by_its_digest(ann: Shell, tmp_path: Path) -> None:
    (tmp_path / "jq.json").write_bytes(osv(fixed=""))
    ann.run("advisory", "add", str(tmp_path / "jq.json"))
    (order,) = ann.signer.taken
    said = ann.run("channel", "order", "withdraw", "advisories", "--order", order.digest, "--why", "nobody gave it")
    assert said == f"the order {order.digest} is withdrawn on advisories\n"
    withdrawal = ann.signer.taken[-1]
    assert (withdrawal.act, withdrawal.channel, withdrawal.target) == (Act.WITHDRAW_ORDER, "advisories", order.digest)
    assert ann.signer.ledger.withdrawal(order) == withdrawal


def test_without_a_key_nothing_is_said_of_vulnerabilities(shell: Shell, tmp_path: Path) -> None:
    shell.lists("00" * 32)
    (tmp_path / "jq.json").write_bytes(osv(fixed=""))
    shell.run("advisory", "add", str(tmp_path / "jq.json"), status=1)
    assert "a statement about vulnerabilities must be signed with your own key" in shell.stderr
    assert "farm keys me" in shell.stderr
    shell.run("advisory", "reviewed", "jq", "--source", "https://tracker.example.net/", status=1)
    assert "must be signed" in shell.stderr
    assert shell.json("advisory", "list") == []
    shell.lists(shell.json("keys", "me", "--name", "ann")["key"])
    shell.signer.state = "refuses"
    shell.run("advisory", "add", str(tmp_path / "jq.json"), status=1)
    assert "the signer refuses the order: it was given on another release" in shell.stderr


def test_an_approval_says_of_which_distribution_the_channel_is(approver: Shell) -> None:
    """The same person may be a curator of several distributions that import the same package."""
    approver.run("approve", "stable", "jq", "--yes")
    assert "the approval is valid for stable of dist.example.org only" in approver.stderr
    with approver.stocked.application.reading() as unit:
        (given,) = approvals.given_by(unit.session, "stable", "ann", "jq")
    people = {"ann": approver.json("keys", "me")["key"]}
    assert read_approval(given.envelope.encode(), people).distribution == "dist.example.org"
