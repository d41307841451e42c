"""Records a release of a set that passed, and puts all its blobs in the public store: the signer's turn is next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError
from farm.core.sets.members.member import is_imported
from farm.core.sets.proof.closure import needs_of, needs_touched
from farm.server.channels import release_needs, releases
from farm.server.jobs.sboms import sbom_of
from farm.server.pipeline.candidates.imports import make_imports
from farm.server.pipeline.publishing.rebuilds import packages_with_new_rebuilds, provenances_of_others, rebuilds_of
from farm.server.pipeline.publishing.sources import sources_of
from farm.server.pipeline.repository.next_release import make_release
from farm.server.recipes import recipes
from farm.trust.index.release_index import ReleaseEntry
from farm.trust.index.tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.channels.candidates import Candidate
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.pipeline.gates.gate_result import CandidateContext
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.pipeline.repository.public_store import PublicStore
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.index.release_index import Release


@dataclass(frozen=True, slots=True)
class RecordedRelease:
    """A release that was recorded for a candidate, and is not known to be published."""

    candidate: Candidate
    record: ReleaseRecord
    release: Release


def record_release(
    unit: UnitOfWork,
    context: CandidateContext,
    changes: Mapping[str, Member | None],
    *,
    cache: MemberCache,
    public: PublicStore,
    with_tests: bool,
    tested: Collection[str] = (),
) -> RecordedRelease:
    """Make the release that `changes`, placed on the candidate's base, make of it; record it, and bring its blobs.

    It also names the rebuilds since the base and, with `with_tests`, the newest recipes, whose tests and waivers count:
    also for the `tested` packages of the set for which the base names other recipes. The cost is that of the changes
    and of the tested packages. Raises `OpenSetError`, as the proof of such a set would have failed.
    """
    candidate, base, trial = context.candidate, context.base, context.trial
    previous = public.release(base.digest) if base else None
    imports = make_imports(unit, candidate, trial, previous.imports if previous else (), public)
    rebuilt_since = packages_with_new_rebuilds(unit, base, previous, public) if base and previous else set()
    touched = {name for name in needs_touched(trial, changes) if not is_imported(name)}
    if previous and with_tests:
        touched |= _with_other_tests(unit, trial, tested, cache, IndexTree(public.read, previous.index))
    needs = needs_of(trial, touched | (rebuilt_since & trial.members.keys()))
    own = {name: member for name, member in changes.items() if not is_imported(name)}
    records = {name: cache.record(unit, trial.members[name].descriptor.digest) for name in needs}
    tests = {name: cache.tested_revision(unit, record).digest for name, record in records.items() if with_tests}
    put = release_entries(unit, records, needs, tests, public)
    release, index = make_release(
        previous,
        put,
        [name for name, member in own.items() if member is None],
        distribution=unit.inputs.distribution,
        channel=candidate.channel,
        now=unit.now,
        read=public.read,
        imports=imports,
    )
    public.bring_blobs(
        digest for name, record in records.items() for digest in sources_of(unit, record, tests.get(name))
    )
    public.bring(put, index, release)
    moved = {name: member.descriptor.digest if member else None for name, member in own.items()}
    if base and not release_needs.are_recorded(unit.session, base.channel, base.number):
        needs = needs_of(trial, (name for name in trial.members if not is_imported(name)))
    record = add_release(unit, release, candidate.id, moved, needs, trace=candidate.trace, now=unit.now)
    return RecordedRelease(candidate, record, release)


def release_entries(
    unit: UnitOfWork,
    records: Mapping[str, Package],
    needs: Mapping[str, tuple[str, ...]],
    tests: Mapping[str, Digest],
    public: PublicStore,
) -> list[ReleaseEntry]:
    """Return the entries of packages by name; `tests` are the recipes whose tests count, where they are others."""
    rebuilt = rebuilds_of(unit, records.values(), public)
    others = provenances_of_others(unit, records.values(), public)
    verified = {
        name: replace(record, provenance=others.get(record.digest, record.provenance))
        for name, record in records.items()
    }
    entries = []
    for name, record in sorted(verified.items()):
        recipe = tests.get(name, record.recipe)
        rebuilds = set(rebuilt.get(record.digest, ())) - {record.provenance}
        entry = ReleaseEntry(
            name=record.name,
            version=record.version,
            revision=record.revision,
            summary=record.summary,
            descriptor=record.descriptor,
            archive=record.archive,
            manifest=record.manifest,
            facts=record.facts,
            provenance=record.provenance,
            recipe=record.recipe,
            needs=needs[name],
            rebuilds=tuple(sorted(rebuilds, key=lambda blob: blob.digest)),
            sbom=sbom_of(unit, record),
            tests=recipe if recipe != record.recipe else None,
        )
        entries.append(entry)
    return entries


def add_release(
    unit: UnitOfWork,
    release: Release,
    candidate_id: int,
    changes: Mapping[str, Digest | None],
    needs: Mapping[str, tuple[str, ...]],
    *,
    trace: str,
    now: datetime,
) -> ReleaseRecord:
    """Record a release of a candidate, which adds or removes (None) these packages, and changes these needs."""
    return releases.add_release(
        unit.session,
        channel=release.channel,
        number=release.number,
        candidate_id=candidate_id,
        digest=release.digest,
        set_digest=release.package_set,
        previous=release.previous,
        packages=release.packages,
        changes=changes,
        needs=needs,
        trace=trace,
        now=now,
    )


def _with_other_tests(
    unit: UnitOfWork, trial: TrialSet, tested: Collection[str], cache: MemberCache, before: IndexTree
) -> set[str]:
    """Return the packages that the signer checks and whose tests in the release before are not those that count now.

    `tested` are the packages whose tests ran for the set placed on `trial`. Other tests were submitted since, or a
    rollback has named the recipe that a package was built from. The signer would also require older tests whose needs
    have moved: nobody has run these.
    """
    mains = {_recipe_of(unit, cache, trial, name) for name in tested if not is_imported(name)}
    moved = trial.dependents(trial.placed) | trial.placed.keys()
    found = set()
    for name, member in trial.members.items():
        if member.imported or not cache.has_revised_tests(member.descriptor.plan):
            continue
        package = cache.record(unit, member.descriptor.digest)
        entry = before.entry(name)
        if entry is None or entry.tested_by == cache.tested_revision(unit, package).digest:
            continue
        if name in mains or not moved.isdisjoint(_needed_by(unit, package, entry.tested_by)):
            found.add(name)
    return found


def _recipe_of(unit: UnitOfWork, cache: MemberCache, trial: TrialSet, name: str) -> str:
    return cache.revision(unit, cache.record(unit, trial.members[name].descriptor.digest)).name


def _needed_by(unit: UnitOfWork, package: Package, recipe: Digest) -> set[str]:
    """Return the needs of a recipe's tests if it tests a package of this name and can still be read."""
    revision = recipes.find_revision(unit.session, recipe)
    if revision is None or revision.name != package.name:
        return set()
    try:
        return {need for test in unit.recipes.recipe(revision).tests for need in test.needs}
    except RecipeError:
        return set()
