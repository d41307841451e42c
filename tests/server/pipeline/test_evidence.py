"""The evidence of an excuse: the packages that break together, and the place in the log; also in later candidates."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.plan.job import TestOutcome
from farm.server.channels import excuses
from farm.server.jobs.finishing import finish_test
from farm.server.jobs.leases import claim
from farm.server.tables.evidence import TestEvidence
from tests.farms.small import recipe
from tests.farms.stocked import log_record
from tests.server.pipeline.test_scenarios import TEST, breaks_with

if TYPE_CHECKING:
    from tests.farms.releasing import ReleasingFarm


def pair(releasing: ReleasingFarm) -> None:
    """Release aa, bb and a package that is tested with both; then hold back a new bb that breaks with the new aa."""
    releasing.shape("whole", "1.0", {}, requires=("package:aa", "package:bb"))
    releasing.submit(recipe("aa"), recipe("bb"), recipe("whole", more=TEST.format("together")))
    releasing.settle()
    releasing.submit(recipe("aa", version="2.0"), recipe("bb", version="2.0"))
    releasing.settle(judge=breaks_with("aa", "bb"))
    assert releasing.releases() == 2


def test_what_clears_it_names_the_one_that_it_breaks_with(releasing: ReleasingFarm) -> None:
    pair(releasing)
    assert releasing.excuses()["bb"].remedy == (
        "Fix bb or aa, or the test of whole; a new version is tried automatically."
    )


def test_with_what_a_package_breaks_is_said_also_when_the_channel_has_that_by_now(releasing: ReleasingFarm) -> None:
    pair(releasing)
    first = releasing.excuses()["bb"]
    for name in ("cc", "dd"):
        releasing.submit(recipe(name))
        releasing.settle(judge=breaks_with("aa", "bb"))
        excuse = releasing.excuses()["bb"]
        assert excuse.partners == ("aa 2.0-1",)
        assert excuse.reason.endswith("; bb 2.0-1 breaks with aa 2.0-1, which edge has since release 2")
        assert (excuse.job, excuse.remedy) == (first.job, first.remedy)


def test_it_is_not_said_any_more_when_the_channel_has_another_by_now(releasing: ReleasingFarm) -> None:
    pair(releasing)
    releasing.submit(recipe("aa", version="3.0"))
    releasing.settle(judge=lambda _test, there: there["bb"] == "1.0")
    excuse = releasing.excuses()["bb"]
    assert (excuse.partners, "breaks with" in excuse.reason) == ((), False)
    assert excuse.remedy == "Fix bb, or the test of whole; a new version is tried automatically."


def test_it_is_not_said_of_another_failure(releasing: ReleasingFarm) -> None:
    pair(releasing)
    with releasing.application.writing() as unit:
        (kept,) = excuses.open_excuses(unit.session, "edge")
        assert isinstance(kept.excuse.evidence, TestEvidence)
        another = replace(kept.excuse.evidence.regressions[0], test="another")
        other = replace(kept.excuse, evidence=TestEvidence(1, (another,)))
        excuses.hold_back(unit.session, "edge", kept.candidate, [other], now=unit.now)
    releasing.submit(recipe("cc"))
    releasing.settle(judge=breaks_with("aa", "bb"))
    excuse = releasing.excuses()["bb"]
    assert (excuse.partners, "breaks with" in excuse.reason) == ((), False)


def test_of_the_log_the_first_error_is_shown_and_else_what_the_test_said_last(releasing: ReleasingFarm) -> None:
    ended = log_record("it ended with status 1, not 0", stream="farm")
    said = [log_record("trying"), log_record("aa: error: no such table", severity="error"), log_record("giving up")]
    quiet = [log_record("trying"), log_record("giving up", stream="stderr")]
    releasing.submit(recipe("aa", more=TEST.format("loud")), recipe("bb", more=TEST.format("quiet")))
    releasing.build_all_but_tests()
    assert releasing.advance() == "open"
    while lease := claim(releasing.application, releasing.workers["one"]):
        name = lease.order.test.name  # type: ignore[union-attr]
        log = b"".join([*(said if name == "loud" else quiet), ended])
        releasing.application.logs.append(lease.attempt.id, 0, log, limit=1 << 20)
        blob = releasing.application.blobs.put_bytes(log)
        outcome = TestOutcome(passed=False, exit=1, message="it ended with status 1, not 0", log=blob)
        finish_test(releasing.application, releasing.holder(lease), outcome)
        releasing.advance()
    found = {name: excuse.line for name, excuse in releasing.excuses().items()}
    assert found == {"aa": "aa: error: no such table", "bb": "giving up"}
