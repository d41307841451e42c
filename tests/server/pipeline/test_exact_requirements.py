"""A package that requires another in exactly one version: what is released together, and what waits for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.farms.small import recipe

if TYPE_CHECKING:
    from tests.farms.releasing import ReleasingFarm

TEST = "tests:\n  - name: of a\n    command: [/usr/bin/x]\n"


def release_first(releasing: ReleasingFarm) -> None:
    """Release 1.0 of `a`, which requires exactly `b` 1.0-1, of `b`, and of `apart`."""
    for version in ("1.0", "2.0"):
        releasing.shape("a", version, {}, requires=(f"b={version}-1",))
    releasing.submit(a("1.0"), recipe("b"), recipe("apart"))
    releasing.settle()
    assert releasing.versions() == {"a": "1.0", "apart": "1.0", "b": "1.0"}


def a(version: str) -> dict[str, bytes]:
    return recipe("a", version=version, more=f"requires: [b = {version}-1]\n{TEST}")


def test_both_are_released_together_and_held_together(releasing: ReleasingFarm) -> None:
    release_first(releasing)
    releasing.submit(a("2.0"), recipe("b", version="2.0"), recipe("apart", version="2.0"))
    releasing.settle(failing=("of a",))
    assert releasing.versions() == {"a": "1.0", "apart": "2.0", "b": "1.0"}
    assert set(releasing.excuses()) == {"a", "b"}
    releasing.shape("a", "2.1", {}, requires=("b=2.0-1",))
    releasing.submit(recipe("a", version="2.1", more=f"requires: [b = 2.0-1]\n{TEST}"))
    releasing.settle()
    assert releasing.versions() == {"a": "2.1", "apart": "2.0", "b": "2.0"}
    assert releasing.releases() == 3


def test_what_is_required_waits_for_what_requires_it_and_the_excuse_names_both(releasing: ReleasingFarm) -> None:
    release_first(releasing)
    releasing.submit(recipe("b", version="2.0"), recipe("apart", version="2.0"))
    releasing.settle()
    assert releasing.versions() == {"a": "1.0", "apart": "2.0", "b": "1.0"}
    assert set(releasing.excuses()) == {"b"}
    excuse = releasing.excuses()["b"]
    assert (excuse.gate, excuse.version, excuse.root) == ("proof", "2.0-1", "")
    assert excuse.reason == (
        "a 1.0-1 requires exactly b 1.0-1, which no package of the set provides; the set has b 2.0-1"
    )
    releasing.submit(a("2.0"))
    releasing.settle()
    assert releasing.versions() == {"a": "2.0", "apart": "2.0", "b": "2.0"}
    assert releasing.excuses() == {}


def test_what_requires_a_version_that_is_not_there_waits_for_it(releasing: ReleasingFarm) -> None:
    release_first(releasing)
    releasing.submit(a("2.0"))
    releasing.settle()
    assert set(releasing.excuses()) == {"a"}
    assert releasing.excuses()["a"].reason == (
        "a 2.0-1 requires exactly b 2.0-1, which no package of the set provides; the set has b 1.0-1"
    )
    releasing.submit(recipe("b", version="2.0"))
    releasing.settle()
    assert releasing.versions() == {"a": "2.0", "apart": "1.0", "b": "2.0"}


def test_the_reason_names_the_build_that_failed_and_keeps_the_other_back(releasing: ReleasingFarm) -> None:
    release_first(releasing)
    releasing.submit(recipe("b", version="2.0"))
    releasing.build_all_but_tests()
    releasing.submit(a("2.0"))
    releasing.fail(releasing.claim())
    releasing.settle()
    excuse = releasing.excuses()["b"]
    assert excuse.root == "a"
    assert excuse.reason.endswith("the set has b 2.0-1; the new a could not be built")
