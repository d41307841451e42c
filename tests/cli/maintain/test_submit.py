"""What a user sees while a channel decides."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from farm.cli.channel_lines import waits_for_signer, waits_for_thaw
from farm.cli.main import main
from farm.server.identities import access
from farm.server.tables.states import Role
from tests.farms.served import serving
from tests.farms.small import SmallFarm, recipe
from tests.server.pipeline.conftest import releasing
from tests.server.pipeline.test_newest_tests import with_tests
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database
    from tests.farms.releasing import ReleasingFarm

__all__ = ["releasing"]


def status(*gates: str, state: str = "open") -> dict[str, Any]:
    return {"candidate": {"state": state, "gates": [{"gate": "proof", "state": gate} for gate in gates]}}


def test_a_candidate_that_passed_and_comes_to_nothing_waits_for_the_signer() -> None:
    assert waits_for_signer(status("passed", "passed"), 10.0)
    assert not waits_for_signer(status("passed", "passed"), 9.0)


@pytest.mark.parametrize(
    "other", [status("passed", "pending"), status(), status("passed", state="released"), {"candidate": None}]
)
def test_everything_else_waits_for_something_else(other: dict[str, Any]) -> None:
    assert not waits_for_signer(other, 60.0)


def test_a_candidate_that_waits_for_a_thaw_is_not_waited_for() -> None:
    proof = {"gate": "proof", "state": "passed", "summary": "3 packages proven"}
    gates = [proof, {"gate": "freeze", "state": "pending", "summary": "x"}]
    frozen = {"candidate": {"id": 3, "state": "open", "gates": gates}, "frozen": {"why": "x"}}
    assert waits_for_thaw(frozen) == "candidate 3: x"
    for other in (
        {"frozen": None},
        {"candidate": None},
        {"candidate": {"id": 3, "state": "open", "gates": [proof]}},
        {"candidate": {"id": 3, "state": "released", "gates": gates}},
    ):
        assert not waits_for_thaw(frozen | other)


def test_who_changes_only_tests_is_told_that_they_run_on_the_build_that_there_is(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    farm = SmallFarm.open(database, tmp_path, real_time=True)
    with farm.application.writing() as unit:
        token, _ = access.issue_token(unit, name="mia", role=Role.MAINTAINER, lasts=timedelta(days=1))
    place = tmp_path / "recipes" / "packages" / "a"
    place.mkdir(parents=True)

    def submit(more: str) -> str:
        (place / "recipe.yaml").write_bytes(recipe("a", more=more)["recipe.yaml"])
        with pytest.raises(SystemExit) as ended:
            main(["submit", str(place)])
        assert ended.value.code == 0
        return capsys.readouterr().out.splitlines()[0]

    with serving(create_app(farm.application)) as url:
        monkeypatch.setenv("FARM_URL", url)
        monkeypatch.setenv("FARM_TOKEN", token)
        monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))  # not the key of the user who runs the tests
        assert submit("") == "a: job 1"
        farm.build_all()
        tests = "tests:\n  - name: runs\n    command: [/usr/bin/a]\n"
        assert submit(tests) == "a: job 2, built already by job 1: its tests run on that build"
        assert submit(tests) == "a: unchanged, job 2"


class Submitting:
    """A user at a shell, and a farm whose channel `edge` has decided about everything."""

    def __init__(self, releasing: ReleasingFarm, place: Path, shown: pytest.CaptureFixture[str]) -> None:
        self.releasing = releasing
        self.place = place
        self._shown = shown

    def submit(self, *recipes: dict[str, bytes], failing: tuple[str, ...] = ()) -> tuple[int, str, list[str]]:
        """Submit with `--release edge`; returns the status, the last line of stdout, and what went to stderr.

        The decision is made before the command follows it.
        """
        places = []
        for files in recipes:
            name = re.search(rb"name: ([a-z]+)", files["recipe.yaml"])[1].decode()  # type: ignore[index]
            place = self.place / "packages" / name
            place.mkdir(parents=True, exist_ok=True)
            (place / "recipe.yaml").write_bytes(files["recipe.yaml"])
            places.append(str(place))
        self.releasing.submit(*recipes)
        self.releasing.settle(failing=failing)
        self._shown.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["submit", *places, "--release", "edge"])
        shown = self._shown.readouterr()
        # Without the progress board of builds, the page's address, and the warnings about how recipes are written.
        messages = [line for line in shown.err.splitlines() if not line.startswith(("[", "submission ", "packages/"))]
        return int(ended.value.code or 0), shown.out.splitlines()[-1], messages


@pytest.fixture
def submitting(
    releasing: ReleasingFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Submitting]:
    with releasing.application.writing() as unit:
        token, _ = access.issue_token(unit, name="mia", role=Role.MAINTAINER, lasts=timedelta(days=1))
    with serving(create_app(releasing.application)) as url:
        monkeypatch.setenv("FARM_URL", url)
        monkeypatch.setenv("FARM_TOKEN", token)
        monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))  # not the key of the user who runs the tests
        yield Submitting(releasing, tmp_path / "recipes", capsys)


def test_who_waits_for_a_channel_is_told_of_tests_that_fail_on_what_it_holds(submitting: Submitting) -> None:
    assert submitting.submit(with_tests("a", "lenient"), recipe("b")) == (0, "edge: release 1 is published", [])
    status, out, messages = submitting.submit(with_tests("a", "strict"), failing=("strict",))
    assert (status, out) == (1, "edge: release 1 is published")
    assert messages[0] == "the new tests fail on the packages of edge:"
    assert messages[1].startswith(
        "  a: it is in release 1 of edge, and its newest tests fail: test 'strict' of a failed"
    )
    assert submitting.submit(recipe("b"))[:2] == (0, "edge: release 1 is published")


def test_a_release_without_what_was_submitted_is_not_told_as_one_with_it(submitting: Submitting) -> None:
    status, out, messages = submitting.submit(with_tests("a", "strict"), recipe("b"), failing=("strict",))
    assert (status, out) == (1, "edge: release 1 is published, without a")
    assert messages[0] == "held back from edge:"
    assert "strict" in messages[1]


def test_held_back_lines_are_those_of_the_submission_with_the_line_of_the_error(submitting: Submitting) -> None:
    submitting.submit(recipe("a"))
    farm = submitting.releasing
    farm.submit(with_tests("b", "broken"))
    farm.settle(failing=("broken", "strict"))
    status, out, messages = submitting.submit(with_tests("c", "strict"), failing=("broken", "strict"))
    assert (status, out) == (1, "c: unchanged, job 6")
    text = "\n".join(messages)
    assert "  c: " in text
    assert "broken" not in text, "the reason of another submission's package"
    assert "is published" not in out + text
    assert "also held back from edge: 1 package of other submissions" in messages


def test_a_release_with_nothing_of_the_submission_is_not_said_to_be_published(submitting: Submitting) -> None:
    submitting.releasing.submit(recipe("z"))
    status, out, messages = submitting.submit(with_tests("a", "strict"), failing=("strict",))
    assert (status, out) == (1, "edge: release 1 is without a")
    assert messages[0] == "held back from edge:"
    assert messages[1].startswith("  a: ")


def test_the_page_of_the_submission_is_named(submitting: Submitting, capsys: pytest.CaptureFixture[str]) -> None:
    submitting.submit(recipe("a"))
    with pytest.raises(SystemExit):
        main(["submit", str(submitting.place / "packages" / "a")])
    address = capsys.readouterr().out.splitlines()[-1].partition(": ")[2]
    assert "<h1>Submission 3 " in httpx.get(address).raise_for_status().text


def test_new_tests_are_told_of_though_another_package_was_refused(submitting: Submitting) -> None:
    """Whether they pass or fail: the refused candidate does not concern them."""
    failing = ("strict", "broken")
    submitting.submit(with_tests("a", "lenient"), recipe("b"))
    status, out, messages = submitting.submit(with_tests("b", "broken", version="2.0"), failing=failing)
    assert (status, messages[0], messages[-1]) == (
        1, "refused by edge (candidate 2):", "edge is unchanged: release 1"
    )  # fmt: skip
    assert out.startswith("b: unchanged, job ")

    status, out, messages = submitting.submit(with_tests("a", "fair"), failing=failing)
    assert (status, out) == (0, "edge: release 1 holds a")
    assert messages == ["also held back from edge: 1 package of other submissions"]

    status, out, messages = submitting.submit(with_tests("a", "strict"), failing=failing)
    assert (status, out) == (1, "edge: release 1 holds a")
    assert messages[-2] == "the new tests fail on the packages of edge:"
    assert "'strict' of a failed in job " in messages[-1]

    # Both together: the command reports the decided one, and the tests of the other.
    status, out, messages = submitting.submit(
        with_tests("a", "strict"), with_tests("b", "broken", version="2.0"), failing=failing
    )
    assert status == 1
    assert messages[0].startswith("refused by edge (candidate ")
    assert "broken" in messages[1]
    assert "'strict' of a failed in job " in messages[-1]


def test_who_changes_what_is_released_under_its_revision_is_shown_where_to_raise_it(
    submitting: Submitting, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    submitting.submit(recipe("a"))
    place = tmp_path / "recipes" / "packages" / "a"
    (place / "recipe.yaml").write_bytes(recipe("a", flag="other")["recipe.yaml"])
    with pytest.raises(SystemExit) as ended:
        main(["submit", str(place), "--release", "edge"])
    assert ended.value.code == 1
    shown = capsys.readouterr().err
    assert "packages/a/recipe.yaml:3:11: a 1.0-1 is in release 1 of edge, with other content" in shown
    assert "3 | revision: 1" in shown
    assert "Raise revision to 2" in shown
    (place / "recipe.yaml").write_bytes(recipe("a", flag="other", revision=2)["recipe.yaml"])
    with pytest.raises(SystemExit) as ended:
        main(["submit", str(place)])
    assert ended.value.code == 0
