"""Comparisons obey two laws: what is equal has no differences, and the other direction is the mirror image."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.comparison.builds import ComparedBuild, compare_builds
from farm.core.comparison.files import file_changes
from farm.core.comparison.inputs import InputKind, input_changes
from farm.core.comparison.symbols import ResizedSymbol, symbol_changes
from farm.core.fileset.manifest import Directory, File, Link, Manifest
from farm.core.names.declared import HostNeeds
from farm.core.names.digest import Digest
from farm.core.package.describe import describe
from farm.core.package.elf.facts import OBJECT, ElfFacts, ExportGroup
from farm.core.package.facts import ElfFile, PackageFacts
from farm.core.recipe.recipe import Step
from tests.core.plan.values import RECIPE, dependency, planned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.plan.plan import Plan

PATHS = st.sampled_from(["a", "a-b", "b", "lib/x", "lib/y", "lib-x", "share/doc/z"])
CONTENTS = st.sampled_from(["", "1", "22"])
ENTRIES = st.one_of(
    st.builds(lambda path, text, mode: file(path, text, executable=mode), PATHS, CONTENTS, st.booleans()),
    st.builds(Link, PATHS, st.sampled_from(["b", "c"])),
    st.builds(Directory, PATHS),
)
TREES = st.lists(ENTRIES, unique_by=lambda entry: entry.path).map(Manifest.of)
SYMBOLS = st.dictionaries(st.sampled_from(["f", "g", "h"]), st.sampled_from([4, 8]))
FACTS = st.dictionaries(st.sampled_from(["liba.so.1", "libb.so.1"]), SYMBOLS).map(lambda exported: libraries(exported))  # noqa: PLW0108  (it is defined below)
STEPS = st.lists(st.sampled_from([Step("run", "make"), Step("run", "make test"), Step("cmake", "x")]), max_size=4)
NEEDS = st.lists(
    st.sampled_from([("oniguruma", "1"), ("oniguruma", "2"), ("zlib", "1"), ("glibc", "1")]),
    unique_by=lambda need: need[0],
)


def file(path: str, content: str = "", *, executable: bool = False) -> File:
    return File(path, len(content), Digest.of(content.encode()), executable=executable)


def libraries(exported: Mapping[str, Mapping[str, int]]) -> PackageFacts:
    return PackageFacts(
        elf=tuple(
            ElfFile(
                f"lib/{soname}",
                ElfFacts(
                    soname, exported=(ExportGroup("V1", tuple(symbols), OBJECT, sizes=tuple(symbols.values())),)
                ).canonical(),
            )
            for soname, symbols in sorted(exported.items())
        )
    )


def plan_of(steps: list[Step], needs: list[tuple[str, str]]) -> Plan:
    direct = tuple(name for name, _ in needs)
    recipe = replace(RECIPE, steps=tuple(steps), build_needs=direct)
    return planned(recipe, dependencies=[dependency(name, tree=name + tree) for name, tree in needs])


PLANS = st.builds(plan_of, STEPS, NEEDS)


def built(
    manifest: Manifest, facts: PackageFacts | None = None, plan: Plan | None = None, **more: object
) -> ComparedBuild:
    plan, facts = plan or planned(), facts or PackageFacts()
    described = describe(
        name=plan.name, version=plan.version, revision=plan.revision, platform=plan.platform, manifest=manifest,
        diff_id=Digest.of(manifest.to_json()), facts=facts, plan=plan.digest, license=str(more.get("license", "MIT")),
        requires=(), host=more.get("host") or HostNeeds(),  # type: ignore[arg-type]
    )  # fmt: skip
    return ComparedBuild(where="here", descriptor=described, manifest=manifest, facts=facts, plan=plan)


BUILDS = st.builds(built, TREES, FACTS, PLANS)


@given(BUILDS)
def test_equal_builds_have_no_differences(build: ComparedBuild) -> None:
    found = compare_builds(build, replace(build, where="there"))
    assert found.is_empty
    assert (found.inputs, found.files, found.symbols, found.members) == ((), (), (), ())


@given(BUILDS, BUILDS)
def test_the_other_direction_is_the_mirror_image(one: ComparedBuild, other: ComparedBuild) -> None:
    assert compare_builds(one, other).mirrored == compare_builds(other, one)


@given(BUILDS, BUILDS)
def test_whatever_is_not_equal_shows_a_difference(one: ComparedBuild, other: ComparedBuild) -> None:
    found = compare_builds(one, other)
    shown = bool(found.inputs or found.files or found.symbols or found.members)
    assert shown == (not found.is_empty) == (one.descriptor.digest != other.descriptor.digest)


@given(TREES, TREES)
def test_files_are_exactly_those_that_a_walk_over_all_paths_finds(one: Manifest, other: Manifest) -> None:
    paths = one.by_path.keys() | other.by_path.keys()
    differing = {path for path in paths if one.by_path.get(path) != other.by_path.get(path)}
    every = list(file_changes(one, other, every_directory=True))
    assert [change.path for change in every] == sorted(differing)
    assert sum(change.growth for change in every) == sum(f.size for f in other.files()) - sum(
        f.size for f in one.files()
    )
    left_out = {change.path for change in every} - {change.path for change in file_changes(one, other)}
    assert all(any(path.startswith(f"{place}/") for path in differing) for place in left_out)


@given(PLANS, PLANS)
def test_plans_differ_exactly_if_their_digests_do(one: Plan, other: Plan) -> None:
    assert bool(input_changes(one, other)) == (one.digest != other.digest)


def test_every_kind_of_input_is_named() -> None:
    source = replace(RECIPE.sources[0], digest=Digest.of(b"jq 2"))
    after = planned(
        replace(
            RECIPE,
            revision=2,
            sources=(source, *RECIPE.sources[1:]),
            steps=(RECIPE.steps[0], Step("run", "make check")),
            environment=(("A", "2"), ("B", "2")),
            license="BSD-2-Clause",
        ),
        toolchain=Digest.of(b"another"),
        dependencies=[dependency("oniguruma", version="1.1"), dependency("zlib")],
    )
    found = [(change.kind, change.name) for change in input_changes(planned(), after)]
    assert found == [
        (InputKind.VERSION, "version"),
        (InputKind.SOURCE, "jq.tar.gz"),
        (InputKind.STEP, "2 run"),
        (InputKind.TOOLCHAIN, "toolchain"),
        (InputKind.FLAG, "A"),
        (InputKind.DEPENDENCY, "dist.example.org/glibc"),
        (InputKind.DEPENDENCY, "dist.example.org/oniguruma"),
        (InputKind.SETTING, "licence"),
    ]


def test_only_the_steps_between_equal_ones_are_named() -> None:
    first, last = RECIPE.steps
    found = input_changes(planned(), planned(replace(RECIPE, steps=(first, Step("patch", "x"), last))))
    assert [(change.kind, change.name, change.before) for change in found] == [(InputKind.STEP, "2 patch", None)]


def test_the_order_of_sources_is_an_input() -> None:
    first, second, third = RECIPE.sources
    (change,) = input_changes(planned(), planned(replace(RECIPE, sources=(second, first, third))))
    assert (change.kind, change.name) == (InputKind.SETTING, "source-order")


@pytest.mark.parametrize(
    ("before", "after", "breaks"),
    [
        ({"liba.so.1": {"f": 4}}, {"liba.so.1": {"f": 4, "g": 4}}, False),
        ({"liba.so.1": {"f": 4, "g": 4}}, {"liba.so.1": {"f": 4}}, True),
        ({"liba.so.1": {"f": 4}}, {"liba.so.1": {"f": 8}}, True),
        ({"liba.so.1": {"f": 4}}, {"liba.so.2": {"f": 4}}, True),
        ({}, {"liba.so.1": {"f": 4}}, False),
    ],
)
def test_what_was_taken_away_breaks_programs(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]], breaks: bool
) -> None:
    found = symbol_changes(libraries(before), libraries(after))
    assert found
    assert any(change.breaks for change in found) == breaks


def test_a_symbol_is_named_with_its_version() -> None:
    (change,) = symbol_changes(libraries({"liba.so.1": {"f": 4, "g": 4}}), libraries({"liba.so.1": {"f": 8, "h": 4}}))
    assert (change.removed, change.added) == (("g@V1",), ("h@V1",))
    assert change.resized == (ResizedSymbol("f@V1", 4, 8),)


def test_licenses_and_needs_of_the_host_are_compared() -> None:
    one = built(Manifest.of([]))
    other = built(Manifest.of([]), license="GPL-2.0-only", host=HostNeeds("5.6", ("CONFIG_IO_URING",)))
    found = {change.member: (change.removed, change.added) for change in compare_builds(one, other).members}
    assert found == {
        "license": (("MIT",), ("GPL-2.0-only",)),
        "host kernel": ((), ("5.6",)),
        "host features": ((), ("CONFIG_IO_URING",)),
    }
