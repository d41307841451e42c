"""What a curator finds in the morning: synthetic packages where size matters, with real rows, blobs and keys."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import col, update

from farm.core.names.digest import Digest
from farm.core.policy.channel import Transition
from farm.core.policy.gate_kind import GateKind
from farm.server.channels import candidates, flaky_tests, releases
from farm.server.curation import orders
from farm.server.jobs.leases import claim
from farm.server.pipeline.pipeline import Pipeline
from farm.server.pipeline.repository.signer_client import SignerUnreachableError
from farm.server.tables.pipeline_states import CandidateState
from farm.server.tables.release_rows import CandidateRow
from tests.core.sets.values import elf
from tests.farms.releasing import EDGE, ReleasingFarm
from tests.farms.small import recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.server.transaction.unit_of_work import UnitOfWork


many_rounds = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
"""For tests that run the pipeline so often that one kind of database must be enough."""


TEST = "tests:\n  - name: {}\n    command: [/usr/bin/x]\n"


def library(soname: str, *exports: str) -> dict[str, object]:
    return {f"lib/{soname}": elf(soname=soname, exports=exports)}


def program(name: str, soname: str, *imports: str) -> dict[str, object]:
    return {f"bin/{name}": elf(needs=[soname], imports=imports)}


def integrated(releasing: ReleasingFarm, count: int) -> list[str]:
    """Release `count` small packages, and one whose only test runs with all of them present."""
    names = [f"p{number:02}" for number in range(count)]
    releasing.shape("whole", "1.0", {}, requires=tuple(f"package:{name}" for name in names))
    releasing.submit(*[recipe(name) for name in names], recipe("whole", more=TEST.format("together")))
    releasing.settle()
    assert releasing.releases() == 1
    return names


def breaks_with(*packages: str) -> Callable[[str, dict[str, str]], bool]:
    """A judge for whom tests break when all of these are present in version 2.0."""

    def judge(_test: str, there: dict[str, str]) -> bool:
        return not all(there.get(name) == "2.0" for name in packages)

    return judge


@many_rounds
def test_1_of_64_updates_62_are_published_and_both_culprits_are_named_within_15_runs(releasing: ReleasingFarm) -> None:
    names = integrated(releasing, 64)
    releasing.submit(*[recipe(name, version="2.0") for name in names])
    first, second = breaks_with("p17"), breaks_with("p42")
    releasing.settle(judge=lambda test, there: first(test, there) and second(test, there))
    versions = releasing.versions()
    assert sorted(name for name in names if versions[name] == "1.0") == ["p17", "p42"]
    assert sum(versions[name] == "2.0" for name in names) == 62
    assert releasing.releases() == 2
    runs = releasing.runs()
    assert runs["search"] <= 15
    assert runs.get("evidence", 0) + runs.get("retry", 0) <= 2 * 2
    for name in ("p17", "p42"):
        excuse = releasing.excuses()[name]
        assert (excuse.gate, excuse.root, excuse.partners, excuse.version) == ("tests", "", (), "2.0-1")
        assert "test 'together' of whole failed in job" in excuse.reason
        assert excuse.owner == "token:me"


def test_1_tests_that_see_one_package_each_need_one_run(releasing: ReleasingFarm) -> None:
    names = [f"p{number:02}" for number in range(20)]
    releasing.submit(*[recipe(name, more=TEST.format(f"of {name}")) for name in names])
    releasing.settle()
    releasing.submit(*[recipe(name, version="2.0", more=TEST.format(f"of {name}")) for name in names])
    releasing.settle(failing=("of p03", "of p11"))
    assert sorted(releasing.excuses()) == ["p03", "p11"]
    assert releasing.runs() == {"search": 1}


def test_2_of_two_that_conflict_one_is_held_and_names_the_other(releasing: ReleasingFarm) -> None:
    integrated(releasing, 6)
    releasing.submit(recipe("p01", version="2.0"), recipe("p04", version="2.0"))
    releasing.settle(judge=breaks_with("p01", "p04"))
    assert sorted(releasing.excuses()) == ["p04"]
    excuse = releasing.excuses()["p04"]
    assert excuse.partners == ("p01 2.0-1",)
    assert "p04 2.0-1 breaks only with p01 2.0-1" in excuse.reason
    assert releasing.versions()["p01"] == "2.0"


def test_2_without_the_first_the_second_ships(releasing: ReleasingFarm) -> None:
    integrated(releasing, 6)
    releasing.submit(recipe("p04", version="2.0"))
    releasing.settle(judge=breaks_with("p01", "p04"))
    assert releasing.versions()["p04"] == "2.0"
    assert releasing.excuses() == {}


def soname_bump(releasing: ReleasingFarm) -> list[str]:
    users = [f"user{number}" for number in range(5)]
    releasing.shape("libx", "1.0", library("libx.so.1", "x_open"))
    releasing.shape("libx", "2.0", library("libx.so.2", "x_open"))
    for user in users:
        releasing.shape(user, "1.0", program(user, "libx.so.1", "x_open"))
        releasing.shape(user, "2.0", program(user, "libx.so.2", "x_open"))
    every = [recipe(user, needs=("libx",)) for user in users]
    releasing.submit(recipe("libx"), *every, recipe("apart"))
    releasing.settle()
    return users


def test_3_a_soname_bump_with_a_dependent_that_does_not_build_moves_nothing_of_it(releasing: ReleasingFarm) -> None:
    users = soname_bump(releasing)
    changed = [recipe(user, needs=("libx",), version="2.0") for user in users]
    releasing.submit(recipe("libx", version="2.0"), *changed, recipe("apart", version="2.0"))
    for _ in range(7):
        lease = releasing.claim()
        if lease.job.name == "user3":
            failed = releasing.fail(lease)
        else:
            releasing.finish(lease)
    releasing.settle()
    versions = releasing.versions()
    assert versions["apart"] == "2.0"
    assert {versions[name] for name in ("libx", *users)} == {"1.0"}  # the old library is present, for all that need it
    held = releasing.excuses()
    assert set(held) == {"libx", *users}
    for name in ("libx", "user0", "user4"):
        assert held[name].root == "user3"
        assert held[name].job == failed.id
        assert "user3 1.0-1: bin/user3 needs libx.so.1" in held[name].reason
        assert "Fix the recipe of user3" in held[name].remedy
    assert held["user3"].gate == "build"
    releasing.submit(recipe("user3", needs=("libx",), version="2.1"))
    releasing.shape("user3", "2.1", program("user3", "libx.so.2", "x_open"))
    releasing.settle()
    assert releasing.versions()["libx"] == "2.0"
    assert releasing.excuses() == {}


def test_4_what_breaks_alone_ships_in_one_publish_with_what_mends_it(releasing: ReleasingFarm) -> None:
    integrated(releasing, 4)
    releasing.submit(recipe("p01", version="2.0"), recipe("p03", version="2.0"), recipe("p02", version="2.0"))

    def judge(_test: str, there: dict[str, str]) -> bool:
        alone = there["p01"] == "2.0" and there["p03"] == "1.0"
        return not alone and there["p02"] == "1.0"  # and a culprit, so that the search bisects

    releasing.settle(judge=judge)
    assert releasing.releases() == 2
    assert releasing.versions() | {"whole": ""} == {"p00": "1.0", "p01": "2.0", "p02": "1.0", "p03": "2.0", "whole": ""}


def test_5_a_test_that_is_red_on_the_base_blocks_nobody_and_is_shown(releasing: ReleasingFarm) -> None:
    broken = red_on_the_base(releasing)
    releasing.submit(recipe("a", version="2.0", more=TEST.format("shaky")))
    releasing.settle(failing=("shaky",))
    assert releasing.versions()["a"] == "2.0"
    with releasing.application.reading() as unit:
        latest = candidates.latest_candidate(unit.session, "edge")
        assert latest is not None
        said = {result.gate: result for result in candidates.gate_results(unit.session, latest.id)}
    (shown,) = said[GateKind.TESTS].tests.already_red
    assert (shown.package, shown.test, shown.message, shown.changed) == ("a", "shaky", "it broke", False)
    assert broken == {}


def test_5_a_new_failure_in_a_test_that_was_red_says_that_it_is_another(releasing: ReleasingFarm) -> None:
    red_on_the_base(releasing)
    releasing.submit(recipe("a", version="2.0", more=TEST.format("shaky")))
    releasing.settle(judge=lambda _test, _there: False, message=lambda there: f"it broke in {there['a']}")
    with releasing.application.reading() as unit:
        latest = candidates.latest_candidate(unit.session, "edge")
        assert latest is not None
        said = {result.gate: result for result in candidates.gate_results(unit.session, latest.id)}
    (shown,) = said[GateKind.TESTS].tests.already_red
    assert (shown.message, shown.changed) == ("it broke in 2.0", True)


def red_on_the_base(releasing: ReleasingFarm) -> dict[str, object]:
    """Release `a` with a test that is red: a curator's policy without tests admitted it."""
    application, root = releasing.application, releasing.signer.repository.root
    without = Pipeline(application, EDGE_WITHOUT_TESTS, root, releasing.signer)
    releasing.submit(recipe("a", more=TEST.format("shaky")))
    releasing.build_all_but_tests()
    assert without.advance().state == "released"
    return dict(releasing.excuses())


EDGE_WITHOUT_TESTS = type(EDGE)("edge", EDGE.gates[:1])


@many_rounds
def test_6_a_test_that_fails_by_chance_holds_no_innocent_and_is_shown_as_flaky(releasing: ReleasingFarm) -> None:
    chance = random.Random(20261124)
    integrated(releasing, 3)
    for cycle in range(20):
        releasing.submit(recipe("p01", version=f"2.{cycle}"))
        releasing.settle(judge=lambda _test, _there: chance.random() >= 0.3)
        assert releasing.excuses() == {}, f"cycle {cycle}"
        assert releasing.versions()["p01"] == f"2.{cycle}"
    with releasing.application.reading() as unit:
        found = flaky_tests.flaky(unit.session, now=unit.now)
    assert {(flaky_test.recipe, flaky_test.test, flaky_test.version) for flaky_test in found} == {
        ("whole", "together", "1.0-1")
    }
    assert all(flaky_test.expires_at > flaky_test.seen_at for flaky_test in found)
    # A real regression is caught all the same.
    releasing.submit(recipe("p02", version="3.0"))
    releasing.settle(judge=lambda _test, there: there["p02"] != "3.0" and chance.random() >= 0.3)
    assert set(releasing.excuses()) == {"p02"}


@many_rounds
def test_7_a_pipeline_that_is_killed_at_every_step_repeats_no_run_and_never_says_passed(
    releasing: ReleasingFarm,
) -> None:
    names = integrated(releasing, 16)
    releasing.submit(*[recipe(name, version="2.0") for name in names])
    releasing.build_all_but_tests()
    before = len(releasing.test_runs)
    judge = breaks_with("p09")
    for _ in range(100):
        # Each step is made by a new process that knows nothing and ends afterwards.
        another = Pipeline(releasing.application, EDGE, releasing.signer.repository.root, releasing.signer)
        step = another.advance()
        if step.state == "released":
            break
        assert step.state == "open"
        with releasing.application.reading() as unit:
            latest = candidates.latest_candidate(unit.session, "edge")
            assert latest is not None
            said = {result.gate: result.state for result in candidates.gate_results(unit.session, latest.id)}
        assert said["tests"] == "pending"
        assert "tests" not in step.message or "done" in step.message
        releasing.run_tests(judge=judge)
    assert set(releasing.excuses()) == {"p09"}
    runs = releasing.runs()
    assert runs["search"] <= 2 + 4
    # Every red set was tested three times, every green one once.
    with releasing.application.reading() as unit:
        latest = candidates.latest_candidate(unit.session, "edge")
        assert latest is not None
        states = [run.state for run in candidates.set_runs(unit.session, latest.id) if run.tests]
    assert len(releasing.test_runs) - before == 3 * states.count("red") + states.count("green")


def test_8_a_verdict_for_an_older_base_is_refused_at_publish_and_tested_again(releasing: ReleasingFarm) -> None:
    integrated(releasing, 3)
    releasing.submit(recipe("p01", version="2.0"))
    releasing.build_all_but_tests()
    assert releasing.advance() == "open"
    releasing.submit(recipe("p02", version="1.1"))
    releasing.build_all_but_tests()
    # A security fix bypasses the gate of tests while the others are tested.
    fix = Pipeline(releasing.application, EDGE_WITHOUT_TESTS, releasing.signer.repository.root, releasing.signer)
    with releasing.application.planning() as unit:
        stale = candidates.open_candidate(unit.session, "edge")
        assert stale is not None
        candidates.decide(unit.session, stale.id, CandidateState.REFUSED, reason="", now=unit.now)
    assert fix.advance().state == "released"
    with releasing.application.planning() as unit:
        reopen(unit, stale.id)
    releasing.run_tests()
    assert releasing.releases() == 2
    releasing.settle()
    with releasing.application.reading() as unit:
        known = candidates.candidate(unit.session, stale.id)
        assert known is not None
        assert known.state == "superseded"
        assert "release 2 was published in the meantime" in known.reason


def reopen(unit: UnitOfWork, candidate_id: int) -> None:
    """Reopen a candidate, as if it had been tested at the same time as the published one."""
    unit.session.exec(update(CandidateRow).where(col(CandidateRow.id) == candidate_id).values(state="open"))


def test_11_a_rolled_back_channel_holds_what_it_did_and_does_not_roll_forward_by_itself(
    releasing: ReleasingFarm,
) -> None:
    releasing.submit(recipe("a"), recipe("b"))
    releasing.settle()
    first = releasing.released()
    releasing.submit(recipe("a", version="2.0"), recipe("c"))
    releasing.settle()
    assert releasing.releases() == 2
    order(releasing, "rollback", {"number": 1})
    releasing.settle()
    assert releasing.releases() == 3
    assert releasing.released() == first
    assert releasing.advance() == "refused"
    held = releasing.excuses()
    assert held["a"].gate == "rolled-back"
    assert "release 3 of edge, a rollback, took it out: it ate my homework" in held["a"].reason
    releasing.submit(recipe("a", version="2.1"))
    releasing.settle()
    assert releasing.versions() == {"a": "2.1", "b": "1.0"}
    assert set(releasing.excuses()) == {"c"}
    order(releasing, "retry", {"packages": ["c"]})
    releasing.settle()
    assert releasing.versions()["c"] == "1.0"


def test_a_curators_order_does_not_wait_for_tests_that_are_under_way(releasing: ReleasingFarm) -> None:
    integrated(releasing, 3)
    releasing.submit(recipe("p01", version="1.1"))
    releasing.settle()
    releasing.submit(recipe("p02", version="2.0"))
    releasing.build_all_but_tests()
    assert releasing.advance() == "open"
    order(releasing, "rollback", {"number": 1})
    assert releasing.advance() == "released"
    assert releasing.versions()["p01"] == "1.0"
    releasing.settle()
    assert (releasing.versions()["p01"], releasing.versions()["p02"]) == ("1.0", "1.0")
    releasing.advance()
    assert releasing.excuses()["p02"].reason.startswith("release 3 of edge, a rollback, left it out")


def test_an_order_to_retry_runs_failed_tests_anew(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a", more=TEST.format("of a")))
    releasing.settle(failing=("of a",))
    assert set(releasing.excuses()) == {"a"}
    releasing.clock.passes(60)
    order(releasing, "retry", {"packages": ["a"]})
    before = len(releasing.test_runs)
    releasing.settle(failing=("of a",))
    assert len(releasing.test_runs) - before == 3
    assert set(releasing.excuses()) == {"a"}
    releasing.clock.passes(60)
    order(releasing, "retry", {"packages": ["a"]})
    releasing.settle()
    assert releasing.versions() == {"a": "1.0"}


def test_an_order_that_changes_nothing_is_done_and_says_so(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"))
    releasing.settle()
    order(releasing, "retry", {"packages": []})
    assert releasing.advance() == "idle"
    with releasing.application.reading() as unit:
        (done,) = orders.orders(unit.session, "edge")
    assert done.outcome == "nothing to do: edge holds that already"
    assert releasing.releases() == 1


def order(releasing: ReleasingFarm, kind: str, detail: dict[str, object]) -> None:
    with releasing.application.writing() as unit:
        orders.add_order(
            unit.session,
            "edge",
            kind,
            detail=detail,
            reason="it ate my homework",
            ordered_by="alice",
            now=unit.now,  # type: ignore[arg-type]
        )


def test_a_new_version_clears_an_excuse_by_itself(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a", more=TEST.format("good")))
    releasing.settle()
    releasing.submit(recipe("a", version="2.0", more=TEST.format("good")))
    releasing.settle(failing=("good",))
    held = releasing.excuses()["a"]
    releasing.clock.passes(3600)
    releasing.submit(recipe("a", version="2.1", more=TEST.format("good")))
    releasing.settle()
    assert releasing.excuses() == {}
    assert held.version == "2.0-1"


def test_a_frozen_channel_tests_on_and_publishes_when_it_thaws(releasing: ReleasingFarm) -> None:
    with releasing.application.writing() as unit:
        until = unit.now + timedelta(hours=2)
        freeze = releases.Freeze(unit.now, "the auditors are here", "alice", until)
        releases.freeze(unit.session, "edge", freeze)
    releasing.submit(recipe("a"))
    releasing.build_all_but_tests()
    assert "frozen until" in releasing.pipeline.advance().message
    assert "by alice: the auditors are here" in releasing.pipeline.advance().message
    assert releasing.releases() == 0
    releasing.clock.passes(2 * 3600)
    assert releasing.advance() == "released"
    latest = releasing.status().latest
    assert latest is not None
    assert [(gate.state, gate.summary) for gate in latest.gates if gate.gate == "freeze"] == [
        ("passed", "edge is no longer frozen")
    ]


@many_rounds
def test_with_a_cadence_releases_come_no_closer_and_only_a_curator_is_faster(releasing: ReleasingFarm) -> None:
    application, root = releasing.application, releasing.signer.repository.root
    releasing.pipeline = Pipeline(application, replace(EDGE, cadence=timedelta(hours=6)), root, releasing.signer)
    releasing.submit(recipe("a"))
    releasing.settle()
    releasing.submit(recipe("a", version="2.0"))
    releasing.build_all_but_tests()
    step = releasing.pipeline.advance()
    assert step.state == "waiting"
    assert step.message.startswith("the next release of edge is due at ")
    releasing.clock.passes(6 * 3600)
    assert releasing.advance() == "released"
    order(releasing, "rollback", {"number": 1})
    assert releasing.advance() == "released"
    assert releasing.versions() == {"a": "1.0"}


@many_rounds
def test_what_a_curator_declared_to_move_together_is_held_together(releasing: ReleasingFarm) -> None:
    integrated(releasing, 4)
    application, root = releasing.application, releasing.signer.repository.root
    policy = replace(EDGE, transitions=(Transition("the move", ("p00", "p02")),))
    releasing.pipeline = Pipeline(application, policy, root, releasing.signer)
    releasing.submit(*[recipe(name, version="2.0") for name in ("p00", "p01", "p02")])
    releasing.settle(judge=breaks_with("p02"))
    assert releasing.versions() == {"p00": "1.0", "p01": "2.0", "p02": "1.0", "p03": "1.0", "whole": "1.0"}
    assert set(releasing.excuses()) == {"p00", "p02"}


def test_what_was_declared_to_move_together_waits_for_each_other(releasing: ReleasingFarm) -> None:
    """All in one release or none: also where one of them is not built yet, or has nothing new."""
    application, root = releasing.application, releasing.signer.repository.root
    policy = replace(EDGE, transitions=(Transition("the move", ("a", "b")),))
    releasing.pipeline = Pipeline(application, policy, root, releasing.signer)
    releasing.submit(recipe("a"), recipe("c"))
    releasing.settle()
    assert releasing.versions() == {"c": "1.0"}
    assert releasing.excuses()["a"].gate == "transition"
    assert releasing.excuses()["a"].reason.startswith(
        "the transition the move of edge requires b to change in the same release"
    )
    releasing.submit(recipe("b"))
    releasing.settle()
    assert releasing.versions() == {"a": "1.0", "b": "1.0", "c": "1.0"}
    releasing.submit(recipe("b", version="2.0"))
    releasing.settle()
    assert releasing.versions()["b"] == "1.0"
    releasing.submit(recipe("a", version="2.0"))
    releasing.settle()
    assert releasing.versions() == {"a": "2.0", "b": "2.0", "c": "1.0"}
    assert releasing.excuses() == {}


def test_a_signer_that_is_away_in_the_middle_of_a_partial_release_changes_nothing(releasing: ReleasingFarm) -> None:
    integrated(releasing, 4)
    releasing.submit(recipe("p01", version="2.0"), recipe("p02", version="2.0"))
    releasing.build_all_but_tests()
    releasing.signer.away = True
    with pytest.raises(SignerUnreachableError):
        releasing.settle(judge=breaks_with("p02"))
    releasing.signer.away = False
    assert releasing.advance() == "released"
    assert releasing.versions()["p01"] == "2.0"
    assert set(releasing.excuses()) == {"p02"}


def test_a_conflict_of_paths_holds_the_later_one_without_a_single_test(releasing: ReleasingFarm) -> None:
    releasing.shape("one", "1.0", {"bin/same": elf()})
    releasing.shape("two", "1.0", {"bin/same": elf()})
    releasing.submit(recipe("one"), recipe("two"), recipe("apart"))
    releasing.settle()
    assert set(releasing.versions()) == {"one", "apart"}
    assert releasing.excuses()["two"].partners == ("one 1.0-1",)
    assert releasing.runs() == {}


def test_nothing_open_means_nothing_to_claim(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"))
    releasing.settle()
    assert claim(releasing.application, releasing.workers["one"]) is None
    assert isinstance(next(iter(releasing.released().values())), Digest)
