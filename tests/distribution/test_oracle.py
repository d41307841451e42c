"""The proof compared with the dynamic linker, on mutated sets of the distribution's real packages (`tests.oracle`)."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest

from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.package.facts import PackageFacts
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.prover import prove
from farm.store.blobs import BlobStore
from farm.store.unpack import PackageCache
from farm.trust.index.release_index import Release
from farm.trust.index.tree import entries
from tests.oracle.linker import SHELL
from tests.oracle.run import Unpacked, base_sets, carry_out, counts, unmutated
from tests.oracle.tables import FALSE_ALARMS, MISMATCHES
from tests.oracle.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.farms.running import RunningFarm
    from tests.oracle.linked_set import LinkedSet
    from tests.oracle.verdict import Verdict

pytestmark = [
    pytest.mark.docker,
    pytest.mark.toolchain,
    pytest.mark.skipif(
        shutil.which("patchelf") is None or shutil.which("bwrap") is None or not SHELL.exists(),
        reason="needs patchelf, bubblewrap and busybox-static",
    ),
]

_FEWEST = 300
_BY_TABLE = ("retype", "resize")
"""Mutations that the linker does not judge."""


@pytest.fixture(scope="module")
def packages(distribution: RunningFarm) -> tuple[tuple[Unpacked, Member], ...]:
    """All packages of the release, unpacked, and as members of the proof."""
    public = BlobStore(distribution.state / "public" / "blobs")
    cache = PackageCache(distribution.host / "packages")
    release = Release.from_json(public.read(Digest(distribution.newest()["digest"])))
    found = []
    for entry in entries(lambda blob: public.read(blob.digest), release.index):
        descriptor = Descriptor.from_json(public.read(entry.descriptor.digest))
        manifest = Manifest.from_json(public.read(entry.manifest.digest))
        facts = PackageFacts.from_json(public.read(entry.facts.digest))
        archive = entry.archive.digest
        tree = cache.ensure(descriptor.store_path, descriptor.tree, partial(public.open, archive))
        found.append((Unpacked(descriptor, manifest, tree), Member.of(descriptor, facts, manifest)))
    return tuple(found)


@pytest.fixture(scope="module")
def bases(
    packages: tuple[tuple[Unpacked, Member], ...], tmp_path_factory: pytest.TempPathFactory
) -> tuple[LinkedSet, ...]:
    return base_sets((unpacked for unpacked, _ in packages), tmp_path_factory.mktemp("slim"))


@pytest.fixture(scope="module")
def verdicts(bases: tuple[LinkedSet, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Verdict, ...]:
    return carry_out(bases, tmp_path_factory.mktemp("mutated"))


def test_the_distribution_as_it_is_has_no_problem_and_its_linker_no_fault(
    packages: tuple[tuple[Unpacked, Member], ...], bases: tuple[LinkedSet, ...], tmp_path: Path
) -> None:
    assert prove(PackageSet.of(member for _, member in packages)).problems == ()
    for base in bases:
        verdict = unmutated(base, tmp_path / "set")
        assert not verdict.rejected
        assert verdict.problems == ()
        judged = sum(len(files) for files in verdict.answer.loaded.values())
        assert judged > len(base.parts), "the linker has loaded hardly anything"


def test_there_are_enough_sets_and_their_counts_are_printed(
    verdicts: tuple[Verdict, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():  # docs/decisions/the-linker-is-asked.md shows these figures
        print("", *counts(verdicts), sep="\n")  # noqa: T201
    assert len(verdicts) >= _FEWEST
    # Mutations that break nothing would prove nothing.
    for group in ("drop", "rename", "version", "path", "soname"):
        rejected = [verdict.rejected for verdict in verdicts if verdict.mutation.group == group]
        assert sum(rejected) >= len(rejected) / 2, group
    assert not [
        str(verdict) for verdict in verdicts if verdict.mutation.group in {"drop", "rename"} and not verdict.rejected
    ]


def test_what_the_linker_rejects_is_refused_with_its_file_and_its_symbol(verdicts: tuple[Verdict, ...]) -> None:
    assert _text_of(verdict for verdict in verdicts if verdict.mutation.group not in _BY_TABLE and verdict.missed) == ""


def test_a_proof_that_did_not_see_the_mutation_would_be_caught(verdicts: tuple[Verdict, ...]) -> None:
    for verdict in (found for found in verdicts if found.mutation.group == "drop"):
        blind = judge(verdict.mutation, verdict.mutation.base.parts, verdict.answer)
        assert blind.problems == ()
        assert blind.missed == tuple(sorted(verdict.answer.faults))


def test_what_is_valid_is_not_rejected_by_the_linker(verdicts: tuple[Verdict, ...]) -> None:
    assert [str(verdict) for verdict in verdicts if verdict.mutation.group == "valid" and verdict.rejected] == []


def test_every_false_alarm_is_in_the_table_and_the_table_has_no_other(verdicts: tuple[Verdict, ...]) -> None:
    alarms = [verdict for verdict in verdicts if verdict.mutation.group not in _BY_TABLE and verdict.unfounded]
    assert _text_of(alarm for alarm in alarms if alarm.kind not in FALSE_ALARMS) == ""
    assert FALSE_ALARMS.keys() == {alarm.kind for alarm in alarms}


def test_another_class_or_size_is_refused_as_the_table_says(verdicts: tuple[Verdict, ...]) -> None:
    judged = [found for found in verdicts if found.mutation.group in _BY_TABLE]
    assert {found.kind for found in judged} == MISMATCHES.keys()
    for verdict in judged:
        (package, file), *_ = verdict.mutation.files
        reported = {
            problem.code
            for problem in verdict.problems
            if (problem.packages[0], getattr(problem, "file", ""), getattr(problem, "symbol", ""))
            == (package, file, verdict.mutation.symbol)
        }
        expected = {MISMATCHES[verdict.kind]} - {""}
        assert reported == expected, str(verdict)
        assert {problem.code for problem in verdict.problems} == expected, str(verdict)


def test_the_linker_warns_of_the_copies_that_the_table_has_as_problems(verdicts: tuple[Verdict, ...]) -> None:
    copies = [found for found in verdicts if found.kind.endswith((", copied", "copied object grows"))]
    assert copies
    for verdict in copies:
        warned = {warning.name for warning in verdict.answer.warnings if warning.kind in {"size", "protected"}}
        assert verdict.mutation.symbol in warned, str(verdict)


def _text_of(verdicts: Iterable[Verdict]) -> str:
    return "\n".join(map(str, verdicts))
