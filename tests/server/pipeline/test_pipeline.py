"""The pipeline over real rows, blobs and keys: what is released, what is refused, and what a crash leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.core.policy.gate_kind import GateKind
from farm.server.channels import candidates, excuses
from farm.server.curation import ordering
from farm.server.identities.access import Actor
from farm.server.jobs.leases import claim
from farm.server.pipeline.gates.standing_gates import FIRST_WAIT
from farm.server.pipeline.pipeline import Pipeline
from farm.server.pipeline.repository.order_delivery import OrderDelivery
from farm.server.pipeline.repository.signer_client import SignerRefusedError, SignerUnreachableError
from farm.store.blobs import BlobStore
from farm.trust.index.tree import entries
from farm.trust.layout import BLOBS
from tests.farms.releasing import EDGE, ReleasingFarm
from tests.farms.small import recipe

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.trust.index.release_index import Release

WITH_TEST = "tests:\n  - name: {}\n    command: [/usr/bin/x]\n"


def test_what_is_built_and_proven_is_released(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"), recipe("b", needs=("a",)))
    status = releasing.settle()
    assert status.newest is not None
    assert status.newest.number == 1
    assert set(releasing.released()) == {"a", "b"}
    assert releasing.signer.signed == [1]


@pytest.mark.parametrize(
    ("more", "said"), [("", "no test concerns what changed"), (WITH_TEST.format("of a"), "1 test passed")]
)
def test_how_many_tests_have_passed_is_said_and_none_is_not_counted(
    releasing: ReleasingFarm, more: str, said: str
) -> None:
    releasing.submit(recipe("a", more=more))
    latest = releasing.settle().latest
    assert latest is not None
    with releasing.application.reading() as unit:
        results = {result.gate: result.summary for result in candidates.gate_results(unit.session, latest.candidate.id)}
    assert said in results[GateKind.TESTS]


def test_nothing_is_collected_while_builds_are_not_finished(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"))
    assert releasing.advance() == "building"
    assert releasing.status().latest is None


def test_the_same_set_is_not_released_twice(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"))
    releasing.settle()
    assert releasing.advance() == "idle"
    assert releasing.signer.signed == [1]


def test_a_test_of_the_set_runs_once_and_its_verdict_is_kept(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a", more=WITH_TEST.format("of a")))
    releasing.settle()
    assert releasing.test_runs == ["of a"]
    releasing.submit(recipe("b", more=WITH_TEST.format("of b")))
    releasing.settle()
    assert releasing.test_runs == ["of a", "of b"]
    assert releasing.signer.signed == [1, 2]


def test_a_failing_test_refuses_the_set_with_an_excuse_and_leaves_the_channel(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"))
    releasing.settle()
    before = releasing.released()
    releasing.submit(recipe("b", more=WITH_TEST.format("of b")))
    status = releasing.settle(failing=("of b",))
    assert status.latest is not None
    assert status.latest.candidate.state == "refused"
    assert [(excuse.excuse.package, excuse.excuse.gate) for excuse in status.latest.excuses] == [("b", "tests")]
    assert "it broke" in status.latest.excuses[0].excuse.reason
    assert releasing.released() == before
    assert releasing.advance() == "refused"


def test_a_test_whose_needs_could_not_be_built_is_an_excuse(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("b"))
    releasing.fail(releasing.claim())
    releasing.submit(recipe("a", more="tests:\n  - {name: t, command: [x], needs: [b]}\n"))
    status = releasing.settle()
    assert status.latest is not None
    assert "'t' of a cannot be run: the set has no package 'b'" in status.latest.excuses[0].excuse.reason


def test_an_unmet_requirement_refuses_the_set_by_name(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"))
    lease = releasing.claim()
    releasing.finish(lease, requires=("soname:libgone.so.1",))
    status = releasing.settle()
    assert status.latest is not None
    assert [(excuse.excuse.package, excuse.excuse.gate) for excuse in status.latest.excuses] == [("a", "proof")]
    assert "libgone.so.1" in status.latest.excuses[0].excuse.reason
    assert status.newest is None


def test_trouble_of_workers_is_never_a_verdict_and_is_tried_again_later_and_later(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a", more=WITH_TEST.format("of a")))
    releasing.build_all_but_tests()
    for pause in (20, 40, 80, 160):
        assert releasing.advance() == "open"
        releasing.fail(releasing.claim())  # code build-failed: not the test's own failure
        releasing.clock.passes(pause - 1)
        step = releasing.pipeline.advance()
        assert step.state == "open"
        assert "it is tried again at" in step.message
        assert claim(releasing.application, releasing.workers["one"]) is None
        releasing.clock.passes(1)
    assert releasing.settle().newest is not None


def test_a_signer_that_is_away_keeps_the_release_until_it_is_back(releasing: ReleasingFarm, tmp_path: object) -> None:
    releasing.submit(recipe("a"))
    releasing.build_all_but_tests()
    releasing.signer.away = True
    with pytest.raises(SignerUnreachableError):
        releasing.advance()
    assert releasing.status().newest is None
    # The process that knew of it is gone; another continues from the database.
    again = Pipeline(releasing.application, EDGE, releasing.signer.repository.root, releasing.signer)
    with pytest.raises(SignerUnreachableError):
        again.advance()
    releasing.signer.away = False
    assert again.advance().state == "released"
    assert releasing.signer.signed == [1]


def test_a_release_that_was_signed_before_the_crash_is_not_made_twice(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"))
    releasing.build_all_but_tests()
    sign = releasing.signer.sign

    def sign_and_crash(release: Release, evidence: Digest) -> None:
        sign(release, evidence)
        raise KeyboardInterrupt

    releasing.signer.sign = sign_and_crash  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        releasing.advance()
    releasing.signer.sign = sign  # type: ignore[method-assign]
    assert releasing.advance() == "released"
    published = releasing.signer.repository.current("edge").release
    assert published is not None
    assert published.number == 1
    assert releasing.advance() == "idle"


def test_a_release_that_the_signer_refuses_is_taken_back_with_the_reason(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"))
    releasing.signer.refuses = True
    status = releasing.settle()
    assert status.newest is None
    assert status.latest is not None
    assert status.latest.excuses[0].excuse.gate == "signer"
    releasing.signer.refuses = False
    releasing.submit(recipe("a", flag="other"))
    assert releasing.settle().newest is not None
    assert releasing.signer.signed == [1]


def test_what_another_process_has_published_is_not_taken_back_by_a_late_refusal(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"))
    releasing.build_all_but_tests()
    other = Pipeline(releasing.application, EDGE, releasing.signer.repository.root, releasing.signer)
    sign = releasing.signer.sign

    def sign_too_late(release: Release, _evidence: Digest) -> None:
        releasing.signer.sign = sign  # type: ignore[method-assign]
        assert other.advance().state == "released"
        raise SignerRefusedError(f"another release than {release.number} is the newest")

    releasing.signer.sign = sign_too_late  # type: ignore[method-assign]
    assert releasing.advance() == "idle"
    assert set(releasing.released()) == {"a"}
    status = releasing.status()
    assert status.latest is not None
    assert status.latest.candidate.state == "released"
    assert status.standing == ()


def test_an_excuse_of_the_signer_says_what_clears_it(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"))
    releasing.signer.refuses = True
    status = releasing.settle()
    assert [kept.excuse.remedy for kept in status.standing] == ["Have it built by a worker that targets names."]


class Refusing:
    """A signer that refuses releases with a `bad` package in them, and names these packages."""

    def __init__(self, releasing: ReleasingFarm) -> None:
        self.bad: set[str] = {"b", "d"}
        self._honest, self._blobs = releasing.signer.sign, BlobStore(releasing.signer.repository.root / BLOBS)

    def __call__(self, release: Release, evidence: Digest) -> None:
        held = entries(lambda blob: self._blobs.read(blob.digest), release.index)
        bad = {entry.name for entry in held} & self.bad
        if bad:
            by_package = {name: (f"{name} is not well", "Mend it.") for name in sorted(bad)}
            raise SignerRefusedError("something is not well", by_package=by_package)
        self._honest(release, evidence)


@pytest.fixture
def refusing(releasing: ReleasingFarm) -> Refusing:
    releasing.signer.sign = made = Refusing(releasing)  # type: ignore[method-assign]
    for name in ("a", "b", "d"):
        releasing.submit(recipe(name))
    releasing.submit(recipe("c", needs=("b",), more="requires: [b]\n"))
    return made


@pytest.mark.usefixtures("refusing")
def test_what_the_signer_refuses_stays_back_with_what_needs_it_and_all_else_goes_on(releasing: ReleasingFarm) -> None:
    status = releasing.settle()
    assert releasing.versions() == {"a": "1.0"}
    held = {kept.excuse.package: kept.excuse for kept in status.standing}
    assert held.keys() == {"b", "c", "d"}
    assert [held[name].reason for name in ("b", "d")] == ["b is not well", "d is not well"]
    assert held["b"].remedy == "Mend it."
    assert held["c"].root == "b"
    assert all(excuse.gate is GateKind.SIGNER and excuse.until for excuse in held.values())


@pytest.mark.usefixtures("refusing")
def test_the_signer_is_asked_again_about_it_after_twice_as_long_each_time(releasing: ReleasingFarm) -> None:
    releasing.settle()
    for waits in (FIRST_WAIT, FIRST_WAIT * 2):
        until = releasing.excuses()["b"].until
        assert until is not None
        assert waits / 2 < until - releasing.clock.now <= waits
        releasing.clock.passes(waits.total_seconds() + 1)
        releasing.settle()
    assert releasing.versions() == {"a": "1.0"}


def test_a_retry_has_the_signer_asked_at_once(releasing: ReleasingFarm, refusing: Refusing) -> None:
    releasing.settle()
    refusing.bad = {"d"}
    releasing.settle()
    assert releasing.versions() == {"a": "1.0"}
    with releasing.application.writing() as unit:
        ordering.retry(unit, Actor("token:ann"), "edge", packages=["b"])
    releasing.settle()
    assert releasing.versions().keys() == {"a", "b", "c"}
    refusing.bad = set()
    with releasing.application.writing() as unit:
        ordering.retry(unit, Actor("token:ann"), "edge")
    releasing.settle()
    assert releasing.versions().keys() == {"a", "b", "c", "d"}


def test_a_retry_of_one_output_of_a_build_asks_about_the_others_as_well(
    releasing: ReleasingFarm, refusing: Refusing
) -> None:
    releasing.settle()
    releasing.submit(recipe("e"))
    lease = claim(releasing.application, releasing.workers["one"])
    assert lease is not None
    releasing.finish(lease, debug="of e")
    refusing.bad = {"e-debug"}
    releasing.settle()
    assert releasing.excuses()["e"].reason == "e-debug is not well"
    refusing.bad = set()
    with releasing.application.writing() as unit:
        ordering.retry(unit, Actor("token:ann"), "edge", packages=["e"])
    releasing.settle()
    assert {"e", "e-debug"} <= releasing.versions().keys()


@pytest.mark.parametrize("packages", [["b"], None])
def test_what_may_have_cured_a_refusal_has_the_signer_asked_at_once(
    releasing: ReleasingFarm, refusing: Refusing, packages: list[str] | None
) -> None:
    releasing.settle()
    refusing.bad = {"d"}
    with releasing.application.writing() as unit:
        excuses.ask_signer_again(unit.session, now=unit.now, channel="stable")
        excuses.ask_signer_again(unit.session, now=unit.now, packages=["a"])
    releasing.settle()
    assert releasing.versions().keys() == {"a"}
    with releasing.application.writing() as unit:
        excuses.ask_signer_again(unit.session, now=unit.now, packages=packages)
    releasing.settle()
    assert releasing.versions().keys() == {"a", "b", "c"}
    assert releasing.excuses().keys() == {"d"}


def test_a_whole_candidate_that_the_signer_refuses_is_brought_again_after_a_while(releasing: ReleasingFarm) -> None:
    """The reason of its refusal may disappear: for example, a published blob is restored, and requested again."""
    releasing.submit(recipe("a"))
    releasing.signer.refuses = True
    releasing.settle()
    releasing.signer.refuses = False
    assert releasing.advance() == "refused"
    releasing.clock.passes(FIRST_WAIT.total_seconds() + 1)
    releasing.settle()
    assert releasing.versions() == {"a": "1.0"}


def test_what_was_refused_before_the_last_release_makes_the_next_candidate_wait_no_longer(
    releasing: ReleasingFarm,
) -> None:
    releasing.submit(recipe("a"))
    releasing.signer.refuses = True
    for waits in (FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4):
        releasing.settle()
        releasing.clock.passes(waits.total_seconds() + 1)
    releasing.signer.refuses = False
    releasing.settle()
    assert releasing.versions() == {"a": "1.0"}
    releasing.clock.passes(1)
    releasing.submit(recipe("b"))
    releasing.signer.refuses = True
    releasing.settle()
    (excuse,) = releasing.excuses().values()
    assert excuse.until is not None
    assert excuse.until - releasing.clock.now <= FIRST_WAIT


def test_without_the_orders_that_there_are_no_release_is_asked_for(
    releasing: ReleasingFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_delivery: OrderDelivery) -> int:
        raise SignerUnreachableError("the signer does not answer")

    releasing.submit(recipe("a"))
    releasing.build_all_but_tests()
    with monkeypatch.context() as broken:
        broken.setattr(OrderDelivery, "bring", away)
        with pytest.raises(SignerUnreachableError):
            releasing.advance()
    assert releasing.signer.signed == []
    assert releasing.advance() == "released"
