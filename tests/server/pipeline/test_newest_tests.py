"""A submission that changes only tests: nothing is built, and the newest tests run on the existing build."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.server.channels import candidates, excuses, releases
from farm.server.jobs import jobs
from farm.server.jobs.job_actions import retry
from farm.server.recipes import recipes
from farm.server.tables.states import JobKind
from farm.trust.index.release_index import ReleaseEntry
from farm.trust.index.tree import entries
from tests.farms.small import recipe
from tests.farms.two_channels import order

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from tests.farms.releasing import ReleasingFarm


def with_tests(name: str, *tests: str, **more: object) -> dict[str, bytes]:
    declared = "".join(f"  - name: {test}\n    command: [/usr/bin/x]\n" for test in tests)
    return recipe(name, more=f"tests:\n{declared}" if tests else "", **more)  # type: ignore[arg-type]


def builds(releasing: ReleasingFarm) -> int:
    """How many builds were carried out, rather than answered by an earlier build."""
    with releasing.application.reading() as unit:
        found = jobs.list_jobs(unit.session, limit=1000)
        return sum(job.kind is JobKind.BUILD and job.answered_by is None for job in found)


def entry(releasing: ReleasingFarm, name: str) -> ReleaseEntry:
    """The entry of a package in the last published index."""
    public = releasing.pipeline._tools.public
    with releasing.application.reading() as unit:
        newest = releases.newest_release(unit.session, "edge")
        assert newest is not None
    release = public.release(newest.digest)
    return {listed.name: listed for listed in entries(public.read, release.index)}[name]


def digest(releasing: ReleasingFarm, files: dict[str, bytes]) -> Digest:
    return releasing.application.recipes.read(files, file="recipe.yaml").digest


def test_the_newest_tests_decide_about_what_was_built_before_them(releasing: ReleasingFarm) -> None:
    first, second = with_tests("a", "wrong"), with_tests("a", "right")
    releasing.submit(first)
    releasing.build_all_but_tests()
    releasing.submit(second)
    assert builds(releasing) == 1
    releasing.settle(failing=("wrong",))

    assert releasing.test_runs == ["right"]
    assert releasing.releases() == 1
    published = entry(releasing, "a")
    assert (published.recipe, published.tests) == (digest(releasing, first), digest(releasing, second))


def test_a_package_whose_newest_tests_fail_does_not_enter(releasing: ReleasingFarm) -> None:
    releasing.submit(with_tests("a", "lenient"))
    releasing.build_all_but_tests()
    releasing.submit(with_tests("a", "strict"))
    releasing.settle(failing=("strict",))
    assert releasing.releases() == 0
    assert releasing.excuses()["a"].gate == "tests"


def test_what_wrong_tests_held_back_is_tried_again_with_others_and_nothing_is_built(releasing: ReleasingFarm) -> None:
    releasing.submit(with_tests("a", "wrong"))
    releasing.settle(failing=("wrong",))
    assert releasing.releases() == 0
    releasing.submit(with_tests("a", "right"))
    releasing.settle(failing=("wrong",))
    assert (releasing.releases(), builds(releasing)) == (1, 1)
    assert releasing.excuses() == {}


def test_tests_that_come_while_a_candidate_is_tested_decide_about_it(releasing: ReleasingFarm) -> None:
    releasing.submit(with_tests("a", "lenient"))
    releasing.build_all_but_tests()
    assert releasing.advance() == "open"
    releasing.submit(with_tests("a", "strict"))
    releasing.run_tests(failing=("strict",))
    releasing.settle(failing=("strict",))
    assert releasing.releases() == 0
    with releasing.application.reading() as unit:
        states = [candidate.state for candidate in candidates.candidates(unit.session, "edge")]
    assert states == ["refused", "superseded"]


def test_what_the_wrong_test_of_a_dependent_held_back_goes_in_once_that_is_mended(releasing: ReleasingFarm) -> None:
    releasing.shape("app", "1.0", {}, requires=("package:lib",))
    releasing.submit(recipe("lib"), with_tests("app", "of lib 1"))
    releasing.settle()
    releasing.submit(recipe("lib", version="2.0"))
    releasing.settle(judge=lambda test, there: test != "of lib 1" or there["lib"] == "1.0")
    assert releasing.versions()["lib"] == "1.0"
    releasing.submit(with_tests("app", "of any lib"))
    releasing.settle()
    assert releasing.versions()["lib"] == "2.0"
    assert releasing.excuses() == {}


def test_what_is_released_shows_that_its_newest_tests_fail_until_they_do_not(releasing: ReleasingFarm) -> None:
    releasing.submit(with_tests("a", "lenient"), recipe("b"))
    releasing.settle()
    assert entry(releasing, "a").tests is None
    releasing.submit(with_tests("a", "lenient", "strict"))
    assert not releasing.status().settled
    releasing.settle(failing=("strict",))

    assert releasing.releases() == 1, "what is out stays out"
    excuse = releasing.excuses()["a"]
    assert excuse.gate == "released-tests"
    assert excuse.reason.startswith("it is in release 1 of edge, and its newest tests fail: test 'strict' of a failed")
    assert builds(releasing) == 2

    # Another release does not clear it; only passing tests do.
    releasing.submit(recipe("b", version="2.0"))
    releasing.settle(failing=("strict",))
    assert releasing.releases() == 2
    assert releasing.excuses()["a"].gate == "released-tests"
    releasing.submit(with_tests("a", "lenient", "fair"))
    releasing.settle(failing=("strict",))
    assert releasing.excuses() == {}


def test_a_new_build_of_what_has_red_tests_clears_it(releasing: ReleasingFarm) -> None:
    releasing.submit(with_tests("a", "lenient"))
    releasing.settle()
    releasing.submit(with_tests("a", "strict"))
    releasing.settle(judge=lambda _test, there: there["a"] == "2.0")
    assert releasing.excuses().keys() == {"a"}
    releasing.submit(with_tests("a", "strict", version="2.0"))
    releasing.settle()
    assert (releasing.versions(), releasing.excuses()) == ({"a": "2.0"}, {})
    assert entry(releasing, "a").tests is None, "it was tested with the recipe that it was built from"


def test_an_entry_without_tests_of_another_recipe_is_written_as_before(releasing: ReleasingFarm) -> None:
    releasing.submit(with_tests("a", "works"))
    releasing.settle()
    published = entry(releasing, "a")
    assert "tests" not in json.loads(published.to_json())
    assert ReleaseEntry.from_json(published.to_json()) == published


def test_a_test_of_what_is_released_that_passes_when_it_is_tried_again_clears_it(releasing: ReleasingFarm) -> None:
    releasing.submit(with_tests("a", "lenient"))
    releasing.settle()
    releasing.submit(with_tests("a", "shaky"))
    releasing.settle(failing=("shaky",))
    (standing,) = releasing.status().standing
    assert standing.retry_command == f"farm retry {standing.excuse.job}"
    with releasing.application.planning() as unit:
        retry(unit, standing.excuse.job or 0, trace="t")
    releasing.run_tests()
    releasing.advance()
    assert releasing.excuses() == {}


def test_what_fails_on_what_is_released_is_told_once_though_a_build_fails_beside_it(releasing: ReleasingFarm) -> None:
    releasing.submit(with_tests("a", "lenient"))
    releasing.settle()
    releasing.submit(with_tests("a", "strict"))
    releasing.settle(failing=("strict",))
    assert held_back(releasing) == [("a", "released-tests")]
    releasing.submit(recipe("b"))
    releasing.fail(releasing.claim())
    releasing.settle(failing=("strict",))
    assert held_back(releasing) == [("a", "released-tests"), ("b", "build")]
    releasing.submit(with_tests("a", "lenient"))
    releasing.settle()
    assert held_back(releasing) == [("b", "build")]


def held_back(releasing: ReleasingFarm) -> list[tuple[str, str]]:
    with releasing.application.reading() as unit:
        standing = excuses.open_excuses(unit.session, "edge")
    return sorted((kept.excuse.package, kept.excuse.gate) for kept in standing)


def test_whoever_is_tested_in_a_release_is_named_with_the_newest_tests(releasing: ReleasingFarm) -> None:
    """The signer requires the named tests: a release that names others than those that ran is refused."""
    releasing.shape("app", "1.0", {}, requires=("package:lib",))
    releasing.submit(recipe("lib"), with_tests("app", "weak"))
    releasing.settle()
    releasing.submit(with_tests("app", "strong"))
    releasing.settle()
    assert entry(releasing, "app").tests is None
    releasing.test_runs.clear()
    releasing.submit(recipe("lib", version="2.0"))
    releasing.settle()
    assert releasing.test_runs == ["strong"]
    assert entry(releasing, "app").tests == newest(releasing, "app")


def test_so_it_is_once_a_rollback_has_named_those_that_it_was_built_with(releasing: ReleasingFarm) -> None:
    for version in ("1.0", "2.0"):
        releasing.shape("app", version, {}, requires=("package:lib",))
    releasing.submit(recipe("lib"), with_tests("app", "weak"))
    releasing.settle()
    releasing.submit(with_tests("app", "strong"))
    releasing.settle()
    strong = newest(releasing, "app")
    for changed in (recipe("lib", version="2.0"), with_tests("app", "weak", version="2.0")):
        releasing.submit(changed)
        releasing.settle()
    order(releasing, "rollback", {"number": 2})
    releasing.settle()
    assert (releasing.releases(), entry(releasing, "app").tests) == (4, None)
    releasing.submit(recipe("lib", version="3.0"))
    releasing.settle()
    assert releasing.versions() == {"app": "1.0", "lib": "3.0"}
    assert entry(releasing, "app").tests == strong


def test_so_it_is_where_older_tests_would_have_run_and_the_newest_need_not(releasing: ReleasingFarm) -> None:
    needing = recipe("app", more="tests:\n  - {name: old, command: [x], needs: [lib]}\n")
    releasing.submit(recipe("lib"), recipe("apart"), needing)
    releasing.settle()
    releasing.submit(with_tests("app", "new"))
    releasing.settle()
    releasing.submit(recipe("apart", version="2.0"))
    releasing.settle()
    assert entry(releasing, "app").tests is None
    releasing.submit(recipe("lib", version="2.0"))
    releasing.settle()
    assert entry(releasing, "app").tests == newest(releasing, "app")


def newest(releasing: ReleasingFarm, name: str) -> Digest:
    """The last submitted recipe of this name."""
    with releasing.application.reading() as unit:
        return recipes.current_digests(unit.session, [name])[name]
