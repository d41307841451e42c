"""What is added to a package: its closure."""

import pytest

from farm.core.sets.proof.closure import NotInSetError, OpenSetError, build_closure, closure, needs_of
from tests.core.sets.values import GLIBC, jq, member, oniguruma, the_set


def names(members):
    return [package.name for package in members]


def test_a_closure_holds_what_is_required_through_others():
    other = member("other")
    assert names(closure(the_set(jq(), oniguruma(), GLIBC, other), ["jq"])) == ["glibc", "jq", "oniguruma"]


def test_members_of_a_cycle_come_together():
    ring = the_set(member("a", requires=["b"]), member("b", requires=["c"]), member("c", requires=["a"]))
    assert names(closure(ring, ["b"])) == ["a", "b", "c"]


def test_what_lies_beneath_is_not_followed():
    package_set = the_set(jq(), oniguruma(), GLIBC)
    assert names(closure(package_set, ["jq"], given=GLIBC.provides)) == ["jq", "oniguruma"]


def test_all_open_requirements_are_told_together():
    with pytest.raises(OpenSetError) as caught:
        closure(the_set(jq(), member("bash", requires=["nothing"])), ["jq", "bash"])
    assert caught.value.message == (
        "bash 1.0-1 requires the package nothing, which no package of the set provides; "
        "jq 1.7.1-1 requires libc.so.6, which no package of the set provides; "
        "jq 1.7.1-1 requires libonig.so.5, which no package of the set provides"
    )


def test_an_ambiguous_requirement_is_told():
    twins = (member("a", {"bin/x": ""}), member("b", {"bin/x": ""}))
    with pytest.raises(
        OpenSetError, match=r"c 1\.0-1 requires the command x, which a 1\.0-1 and b 1\.0-1 both provide"
    ):
        closure(the_set(member("c", requires=["command:x"]), *twins), ["c"])


def test_an_unknown_root_gets_a_suggestion():
    with pytest.raises(NotInSetError) as caught:
        closure(the_set(oniguruma(), GLIBC), ["onigurama"])
    assert caught.value.remedy == "Did you mean oniguruma?"


def test_builds_need_the_modules_that_pkg_config_will_ask_for():
    library = member("a", {"lib/pkgconfig/a.pc": ""}, modules=[("a", "1", ("b",), ("c", "of-the-toolchain"))])
    others = [member(name, {f"lib/pkgconfig/{name}.pc": ""}, modules=[(name, "1")]) for name in ("b", "c", "d")]
    package_set = the_set(library, *others)
    assert names(closure(package_set, ["a"])) == ["a"]
    assert names(build_closure(package_set, ["a"])) == ["a", "b", "c"]


def test_needs_are_resolved_to_names():
    assert needs_of(the_set(jq(), oniguruma(), GLIBC)) == {
        "glibc": (),
        "jq": ("glibc", "oniguruma"),
        "oniguruma": ("glibc",),
    }


def test_needs_of_an_open_set_are_not_resolved():
    with pytest.raises(OpenSetError, match=r"libonig\.so\.5"):
        needs_of(the_set(jq(), GLIBC))
