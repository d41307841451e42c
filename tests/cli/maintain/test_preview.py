"""Previews from the command line to the rows of a farm that serves HTTP: asked for, shown, accepted, withdrawn."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import httpx
import pytest

from farm.api.farm_client import FarmClient
from farm.cli.maintain import preview
from farm.cli.maintain.preview import follow_preview
from farm.server.previews import previews
from farm.server.submissions import submissions
from farm.server.submissions.owners import Ownership, set_ownership
from farm.server.tables.preview_verdict import PreviewChange, PreviewFinding, PreviewVerdict, VerdictState
from tests.cli.curate.signing_people import People, people
from tests.farms.small import recipe
from tests.farms.stocked import log_record
from tests.web.page_reading import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
A, CHANGED = recipe("a"), recipe("a", flag="x")


@pytest.fixture
def shells(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[People]:
    with people(database, tmp_path, monkeypatch, capsys) as made:
        made.run("alice", "submit", made.recipe(A))
        made.farm.build_all()
        yield made


def judged(shells: People, number: int, state: VerdictState, *findings: PreviewFinding) -> None:
    """Give a preview this verdict, as the pipeline would."""
    changes = (PreviewChange("a", "1.0-1", "1.0-1+b2", None),)
    with shells.farm.application.writing() as unit:
        found = PreviewVerdict(state, 1, "in a line", findings, changes, unknown=("soak",))
        previews.set_verdict(unit.session, number, found, now=unit.now)


def sent(shells: People, number: int) -> dict[str, bytes]:
    """The files of a submission's one recipe, as the farm has stored them."""
    with shells.farm.application.reading() as unit:
        (kept,) = submissions.submitted(unit.session, [number])[number]
        return dict(unit.recipes.files(kept.files))


def test_a_preview_is_asked_for_listed_shown_and_accepted(shells: People) -> None:
    shells.run("mallory", "submit", "--preview", shells.recipe(CHANGED))
    printed = shells.run("mallory", "submission", "list", "--state", "preview")
    assert printed.splitlines()[1].split()[:2] == ["2", "preview"]
    assert shells.farm.build_all() == ["a"]
    judged(shells, 2, VerdictState.FAILS, PreviewFinding("tests", "b", passed=False, message="\x1b[31mit broke"))
    shown = shells.run("bob", "submission", "show", "2")
    assert "on release 1 of edge: fails, in a line" in shown
    assert "a: 1.0-1 → 1.0-1+b2" in shown
    assert "refused by tests (b):" in shown
    assert "\x1b" not in shown
    assert "decided only on release: soak" in shown
    assert f"page: {shells.url}/submissions/2" in shown
    shells.run("mallory", "submission", "accept", "2", "--yes", status=1)
    accepted = shells.run("alice", "submission", "accept", "2", "--yes", "--despite-verdict", "b is removed next")
    assert "a: job 3, with the build of the preview (job 2)" in accepted
    assert shells.farm.build_all() == []
    assert "it was accepted: all its jobs have succeeded" in shells.run("bob", "submission", "show", "2")
    assert shells.run("bob", "submission", "list").splitlines()[1].split()[-2:] == ["fails", "done"]


def test_of_what_ended_before_its_verdict_nothing_says_that_it_is_built(shells: People) -> None:
    shells.run("mallory", "submit", "--preview", shells.recipe(CHANGED))
    judged(shells, 2, VerdictState.BUILDING)
    assert "building" in shells.run("bob", "submission", "list")
    shells.run("mallory", "submission", "withdraw", "2")
    assert "building" not in shells.run("bob", "submission", "list")
    assert "its preview ended before there was a verdict" in shells.run("bob", "submission", "show", "2")


def test_what_is_printed_at_once_names_the_page(shells: People) -> None:
    lines = shells.run("mallory", "submit", "--preview", shells.recipe(CHANGED)).splitlines()
    assert lines[0] == "a: job 2"
    assert lines[1].startswith("submission 2 is a preview until ")
    assert lines[1].endswith(f"{shells.url}/submissions/2")
    made = shells.json("alice", "submit", "--preview", shells.recipe(recipe("new")))
    assert (made["id"], made["preview"]["channel"], made["accepted"][0]["job"]["state"]) == (3, "edge", "ready")


def test_without_owners_a_token_accepts(shells: People) -> None:
    shells.run("mallory", "submit", "--preview", shells.recipe(CHANGED))
    shells.farm.build_all()
    with shells.farm.application.writing() as unit:
        set_ownership(unit.session, Ownership())
    judged(shells, 2, VerdictState.PASSES)
    accepted = shells.run("bob", "submission", "accept", "2", "--yes", "--wait")
    assert "with the build of the preview" in accepted
    assert shells.run("bob", "submission", "list").splitlines()[1].split()[-2:] == ["passes", "done"]


def test_the_outcome_of_a_submission_without_a_preview_is_listed_and_shown(shells: People) -> None:
    shells.run("alice", "submit", shells.recipe(recipe("new")))
    assert shells.run("bob", "submission", "list").splitlines()[1].split()[-1] == "accepted"
    shells.farm.fail(shells.farm.claim(), "the step make failed")
    assert shells.run("bob", "submission", "list").splitlines()[1].split()[-1] == "failed"
    assert "it was accepted: a job has failed: new: " in shells.run("bob", "submission", "show", "2")
    assert shells.json("bob", "submission", "list")["submissions"][0]["outcome"] == "failed"


@pytest.mark.parametrize(
    ("state", "doubt"),
    [
        (VerdictState.FAILS, "fails: in a line"),
        (VerdictState.BUILDING, "has no verdict yet: in a line"),
        (None, "has no verdict yet"),
    ],
)
@pytest.mark.parametrize("owned", [True, False])
def test_what_does_not_pass_is_accepted_in_advance_only_with_a_reason(
    shells: People, state: VerdictState | None, doubt: str, *, owned: bool
) -> None:
    shells.run("mallory", "submit", "--preview", shells.recipe(CHANGED))
    if state:
        judged(shells, 2, state)
    if not owned:
        with shells.farm.application.writing() as unit:
            set_ownership(unit.session, Ownership())
    for words in (("--yes",), ("--yes", "--despite-verdict", " ")):
        shells.run("alice", "submission", "accept", "2", *words, status=1)
        assert f"preview 2 {doubt}" in shells.stderr
        assert f"submission 2 is not accepted with --yes alone: its preview {doubt}" in shells.stderr
        assert "--despite-verdict REASON" in shells.stderr
    shells.run("alice", "submission", "accept", "2", "--yes", "--despite-verdict", "its user goes next")
    trail = shells.json("ann", "channel", "trail")["trail"]
    details = [entry["detail"] for entry in trail if entry["action"] == "accept"]
    assert len(details) == 1
    assert details[0].endswith("its user goes next")
    assert ("preview fails: in a line" in details[0]) == (state is VerdictState.FAILS)


def test_who_is_asked_reads_the_verdict_in_the_question(shells: People, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("click.confirm", lambda question, **_: asked.append(question) or len(asked) > 1)
    shells.run("mallory", "submit", "--preview", shells.recipe(CHANGED))
    judged(shells, 2, VerdictState.FAILS)
    shells.run("alice", "submission", "accept", "2", status=1)
    judged(shells, 2, VerdictState.PASSES)
    shells.run("alice", "submission", "accept", "2")
    assert ["although its preview fails: in a line?" in question for question in asked] == [True, False]


def test_following_a_preview_ends_with_its_verdict(shells: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "_POLL_SECONDS", 0.01)
    shells.run("alice", "submit", "--preview", shells.recipe(CHANGED))
    judged(shells, 2, VerdictState.PASSES)
    with FarmClient(shells.url) as farm:
        assert follow_preview(farm, 2) == 0
        judged(shells, 2, VerdictState.FAILS, PreviewFinding("proof", "a", passed=False, message="no such symbol"))
        assert follow_preview(farm, 2) == 1
        assert "refused by proof (a): no such symbol" in shells.shown.readouterr().out
        shells.run("alice", "submission", "withdraw", "2")
        assert follow_preview(farm, 2) == 1


def test_of_a_build_that_stops_a_preview_the_first_error_is_shown(shells: People) -> None:
    shells.run("mallory", "submit", "--preview", shells.recipe(CHANGED))
    farm = shells.farm
    lease = farm.claim()
    line = "a.c:2:52: error: 'WHO' undeclared (first use in this function)"
    farm.application.logs.append(lease.attempt.id, 0, log_record(line), limit=1 << 20)
    farm.fail(lease, "the step build failed")
    failed = PreviewFinding("build", "a", passed=False, message="the step build failed", job=lease.job.id)
    judged(shells, 2, VerdictState.FAILS, failed)
    shown = shells.run("bob", "submission", "show", "2")
    assert f"> 1 | {line}" in shown
    assert f"/jobs/{lease.job.id}?attempt=1&line=1#L1" in shown
    shells.run("alice", "submission", "withdraw", "2")
    assert "run it:" not in shells.run("bob", "submission", "show", "2")


def test_a_watch_ends_once_a_preview_has_a_verdict_with_status_1_if_it_fails(shells: People) -> None:
    shells.run("mallory", "submit", "--preview", shells.recipe(CHANGED))
    assert "preview    submission 2" in shells.run("mallory", "watch", "--once")
    judged(shells, 2, VerdictState.PASSES)
    watch = ("watch", "--exit-when-done", "--submission", "2")
    assert "preview-passes submission 2: in a line" in shells.run("mallory", *watch)
    judged(shells, 2, VerdictState.FAILS)
    assert "preview-fails submission 2: in a line" in shells.run("mallory", *watch, status=1)


def test_a_commit_is_previewed_and_named(shells: People) -> None:
    directory = shells.recipe(CHANGED)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", *who, *command], cwd=shells.tree, check=True, capture_output=True)
    shells.recipe(recipe("a", flag="not committed"))
    made = shells.json("alice", "submit", "--preview", "--ref", "HEAD", directory)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=shells.tree, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert made["preview"]["origin"] == f"commit {commit} (HEAD)"
    assert sent(shells, made["id"]) == CHANGED


def test_a_patch_is_applied_to_the_farms_recipes(shells: People) -> None:
    patch = shells.place / "change.patch"
    patch.write_bytes(
        b"--- a/packages/a/recipe.yaml\n+++ b/packages/a/recipe.yaml\n@@ -8,2 +8,2 @@\n steps:\n"
        b"-  - run: make install FLAG=\n+  - run: make install FLAG=x\n"
    )
    made = shells.json("alice", "submit", "--preview", "--patch", str(patch))
    assert made["preview"]["origin"] == "patch change.patch"
    assert sent(shells, made["id"]) == CHANGED


def test_a_preview_replaces_ones_own(shells: People) -> None:
    shells.run("alice", "submit", "--preview", shells.recipe(CHANGED))
    shells.run("alice", "submit", "--preview", "--replace", "2", shells.recipe(recipe("a", flag="y")))
    assert [line.split()[:2] for line in shells.run("alice", "submission", "list").splitlines()[1:3]] == [
        ["3", "preview"],
        ["2", "withdrawn"],
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--ref", "HEAD", "x"], "--ref is for --preview"),
        (["--preview", "--patch", "PATCH", "x"], "leave out DIRECTORIES"),
        (["--preview", "--release", "edge", "TREE"], "neither released nor signed"),
        (["--preview"], "Missing argument"),
        (["--preview", "nowhere"], "does not exist"),
    ],
)
def test_options_that_contradict_are_refused(shells: People, options: list[str], said: str) -> None:
    patch = shells.place / "x.patch"
    patch.write_bytes(b"")
    named = {"PATCH": str(patch), "TREE": str(shells.tree)}
    shells.run("alice", "submit", *[named.get(option, option) for option in options], status=2)
    assert said in shells.stderr


def test_the_page_shows_the_verdict_and_the_state(shells: People) -> None:
    shells.run("alice", "submit", "--preview", shells.recipe(CHANGED))
    judged(shells, 2, VerdictState.FAILS, PreviewFinding("tests", "b", passed=False, message="<b>it broke</b>", job=1))
    page = httpx.get(f"{shells.url}/submissions/2")
    assert page.status_code == 200
    assert "<b>it broke" not in page.text
    shown = text_of(page.text)
    assert "If it were released" in shown
    assert "farm submit --preview --replace 2 DIRECTORY…" in shown
    shells.run("alice", "submission", "withdraw", "2")
    assert "--replace 2" not in text_of(httpx.get(f"{shells.url}/submissions/2").text)
