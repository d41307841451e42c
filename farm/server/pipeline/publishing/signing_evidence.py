"""The evidence that goes to the signer with a release, for its checker: how new packages were built, and against what.

The cost is that of the changes of the release and of all that they were built against; if interfaces are compared, also
of what the dependents that load changed libraries were built against.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from farm.core.names.canonical_json import canonical_json
from farm.core.plan.job import TestOrder
from farm.server.channels import candidates
from farm.server.curation import orders
from farm.server.curation.approvals import approvals_of
from farm.server.curation.order_intake import signature_of
from farm.server.federation import imported
from farm.server.jobs import comparisons, work_orders
from farm.server.jobs.planning import plan_of
from farm.server.packages import packages
from farm.server.pipeline.publishing.rebuilds import provenances_of_others
from farm.server.pipeline.publishing.sources import recipe_blobs
from farm.server.submissions.owners import signatures_of
from farm.server.tables.evidence import TestEvidence
from farm.server.tables.pipeline_states import ChangeState, RunState
from farm.signing.evidence import BuiltAgainst, ReleaseEvidence, SignedTest
from farm.trust.attestation.tester_results import order_named_in
from farm.trust.index.imports import imported_descriptors
from farm.trust.index.release_index import Release
from farm.trust.index.tree import IndexTree, difference
from farm.trust.verification.release_proof import ReleaseProof

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.core.plan.abi import AbiOrder
    from farm.core.plan.job import BlobRef
    from farm.server.channels.candidates import Candidate
    from farm.server.pipeline.repository.public_store import PublicStore
    from farm.server.tables.records import ImportedPackageRecord, Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.index.release_index import ReleaseEntry
    from farm.trust.index.tree import Difference


def bring_evidence(
    unit: UnitOfWork, candidate: Candidate, release: Release, public: PublicStore, loading: Sequence[Package] = ()
) -> Digest:
    """Put the evidence for a candidate's release in the public store, where the release is already; return its digest.

    `loading` are the packages whose libraries have to be compared with those that they were built against.
    """
    previous = public.release(release.previous) if release.previous else None
    moved = difference(public.read, previous.index if previous else None, release.index)
    signed = _signed_results(unit, candidate)
    comparisons_made = comparisons.comparisons(unit.session, signed) if loading else {}
    compared = _compared(unit, [made.order for made in comparisons_made.values()])
    rebuilt = tuple(_rebuilt(unit, loading))
    own = packages.by_digest(unit.session, (entry.descriptor.digest for entry in moved.put))
    built = [*own.values(), *loading, *rebuilt, *compared]
    against = [*compared, *_built_against(unit, built)]
    others = provenances_of_others(unit, against, public)
    dependencies = tuple(_of(package, others.get(package.digest)) for package in against)
    described = [*dependencies, *map(_of, rebuilt)]
    proofs = _import_proofs(unit, release, previous)
    blobs = [
        *(digest for package in described for digest in recipe_blobs(unit, package.recipe)),
        *(blob.digest for package in described for blob in package.blobs),
        *_outputs(unit, {package.plan for package in built}),
        *_outputs(unit, {package.plan for package in _dependencies(unit, [*loading, *rebuilt])}),
        *_import_blobs(unit, release, proofs),
        *public.signed_inputs(),
    ]
    public.bring_blobs(dict.fromkeys(blobs))
    tests, tested = _tests(unit, signed, public)
    counting = [*moved.put, *_entries_of(unit, release, public, tested)]
    recipes = {recipe for entry in counting for recipe in entry.recipes} | {package.recipe for package in described}
    evidence = ReleaseEvidence(
        dependencies=dependencies,
        submissions=_submissions(unit, recipes, public),
        approvals=tuple(map(public.put, _approvals(unit, release, previous, moved, public))),
        tests=tests,
        comparisons=tuple(
            _keep_results(canonical_json(comparisons_made[order].order.to_dict()), order, signed[order], public)
            for order in sorted(comparisons_made)
        ),
        rebuilt=tuple(map(_of, rebuilt)),
        orders=tuple(_orders(unit, candidate)),
        proofs=tuple(proofs),
    )
    return public.put(evidence.to_json())


def _built_against(unit: UnitOfWork, built: Iterable[Package]) -> Iterator[Package]:
    """Yield all packages that these were built against, directly or indirectly, each once."""
    seen: set[Digest] = set()
    found = list(built)
    while found:
        seen |= {package.plan for package in found}
        found = _dependencies(unit, found)
        yield from found
        found = [package for package in found if package.plan not in seen]


def _dependencies(unit: UnitOfWork, built: Iterable[Package]) -> list[Package]:
    """Return the packages that these were built with, by name and tree."""
    plans = {package.plan for package in built}
    wanted = {dependency.tree for plan in plans for dependency in plan_of(unit, plan).dependencies}
    return [package for _, package in sorted(packages.packages_of_tree(unit.session, wanted).items())]


def _of(package: Package, provenance: BlobRef | None = None) -> BuiltAgainst:
    """Return a package as evidence, with the provenance of its own or another builder."""
    shown = provenance or package.provenance
    return BuiltAgainst(package.descriptor, package.facts, package.manifest, shown, package.recipe)


def _submissions(unit: UnitOfWork, recipes: Iterable[Digest], public: PublicStore) -> tuple[Digest, ...]:
    """Return the signatures of the people who submitted these recipes, after putting them in the public store."""
    signatures = signatures_of(unit, recipes)
    public.bring_blobs(signatures)
    return signatures


def _approvals(
    unit: UnitOfWork, release: Release, previous: Release | None, moved: Difference, public: PublicStore
) -> Iterator[bytes]:
    """Yield the curators' signed approvals of packages that enter a channel or leave it."""
    before = imported_descriptors(previous.imports) if previous else {}
    after = imported_descriptors(release.imports)
    asked = {entry.descriptor.digest for entry in moved.put} | (set(before.values()) ^ set(after.values()))
    if previous and moved.removed:
        tree = IndexTree(public.read, previous.index)
        asked |= {entry.descriptor.digest for name in moved.removed if (entry := tree.entry(name))}
    for given in approvals_of(unit.session, release.channel, asked).values():
        yield from (approval.envelope.encode() for approval in given)


def _rebuilt(unit: UnitOfWork, loading: Iterable[Package]) -> Iterator[Package]:
    """Yield the later builds with the same files as these packages, the newest first for each."""
    for package in loading:
        for plan in packages.plans_of(unit.session, package.digest):
            yield from (
                later for later in packages.packages_of_plan(unit.session, plan) if later.same_as == package.digest
            )


def _outputs(unit: UnitOfWork, plans: Iterable[Digest]) -> Iterator[Digest]:
    """Yield the blobs that describe all outputs of builds: a library's debug data and headers are in other outputs."""
    for plan in sorted(plans):
        yield from _described_by(packages.packages_of_plan(unit.session, plan))


def _described_by(found: Iterable[Package | ImportedPackageRecord]) -> Iterator[Digest]:
    """Yield the blobs that describe packages, with which the checker proves the set."""
    for package in found:
        yield from (package.digest, package.facts.digest, package.manifest.digest)


def _signed_results(unit: UnitOfWork, candidate: Candidate) -> Mapping[Digest, list[Digest]]:
    """Return the statements that testers have signed, by the digest of the order."""
    by_order: defaultdict[Digest, list[Digest]] = defaultdict(list)
    for digest in attestations_of(unit, candidate):
        if (order := order_named_in(unit.blobs.read(digest))) is not None:
            by_order[order].append(digest)
    return dict(sorted(by_order.items()))


def _keep_results(order: bytes, digest: Digest, results: Sequence[Digest], public: PublicStore) -> SignedTest:
    """Put an order and its signed results in the public store."""
    public.put(order)
    public.bring_blobs(results)
    return SignedTest(digest, tuple(results))


def _tests(
    unit: UnitOfWork, signed: Mapping[Digest, Sequence[Digest]], public: PublicStore
) -> tuple[tuple[SignedTest, ...], set[Digest]]:
    """Return the signed results of tests, after putting them in the public store, and the packages that were tested."""
    tests, subjects = [], set()
    for order, results in signed.items():
        text = work_orders.find_test_text(unit.session, order)
        if text is not None:  # the others are results of comparisons
            tests.append(_keep_results(text.encode(), order, results, public))
            subjects.add(TestOrder.from_dict(json.loads(text)).subject)
    return tuple(tests), subjects


def _entries_of(
    unit: UnitOfWork, release: Release, public: PublicStore, tested: Iterable[Digest]
) -> Iterator[ReleaseEntry]:
    """Yield the entries of tested packages that do not change: the checker also checks which tests of theirs count."""
    tree = IndexTree(public.read, release.index)
    for package in packages.by_digest(unit.session, tested).values():
        if (entry := tree.entry(package.name)) is not None:
            yield entry


def _compared(unit: UnitOfWork, orders: Iterable[AbiOrder]) -> list[Package]:
    """Return the packages whose libraries were compared: with equal files, they may be other builds than released."""
    sides = {side.package.descriptor for order in orders for side in (order.before, order.after)}
    return [package for _, package in sorted(packages.by_digest(unit.session, sides).items())]


def _orders(unit: UnitOfWork, candidate: Candidate) -> Iterator[Digest]:
    """Yield the curator's order that a candidate carries out, as it was signed: the release uses it up."""
    order = orders.order_of(unit.session, candidate.id)
    signed = signature_of(unit, order.id) if order else None
    if signed is not None:
        yield signed.given.digest


def _import_proofs(unit: UnitOfWork, release: Release, previous: Release | None) -> list[ReleaseProof]:
    """Return the proofs that other distributions have signed the new imports of a release."""
    had = previous.imports if previous else ()
    known = (imported.shown(unit.session, pin.release, pin.root) for pin in release.imports if pin not in had)
    return [ReleaseProof.from_dict(json.loads(shown)) for shown in known if shown]


def _import_blobs(unit: UnitOfWork, release: Release, proofs: Iterable[ReleaseProof]) -> Iterator[Digest]:
    """Yield the blobs that describe imports, and those that prove them.

    These are the documents of other distributions' releases, and their index nodes on the way to the imports.
    """
    descriptors = imported_descriptors(release.imports).values()
    yield from _described_by(imported.packages_by_digest(unit.session, descriptors).values())
    read: list[Digest] = []

    def noted(blob: BlobRef) -> bytes:
        read.append(blob.digest)
        return unit.blobs.read(blob.digest)

    for proof in proofs:
        yield from proof.blobs
        tree = IndexTree(noted, Release.from_json(unit.blobs.read(proof.release)).index)
        for taken in release.imports:
            for package in taken.packages if taken.release == proof.release else ():
                tree.entry(package.name)
    yield from read


def attestations_of(unit: UnitOfWork, candidate: Candidate) -> tuple[Digest, ...]:
    """Return the digests of the counted attestations of what a candidate adds, sorted.

    These are for the tests that passed, for those that failed both on the set and on its base, from as many testers as
    the channel requires, and for the comparisons of interfaces. Empty if the set was not tested (a rollback), or if the
    signed list names no testers and workers signed nothing.
    """
    accepted = {
        change.name: change.after
        for change in candidates.changes_of(unit.session, candidate.id)
        if change.state is ChangeState.ACCEPTED
    }
    digest = candidates.changes_digest(candidate.base_number, accepted)
    for run in candidates.set_runs(unit.session, candidate.id):
        if run.set_digest == digest and run.state is RunState.GREEN and isinstance(run.evidence, TestEvidence):
            return run.evidence.attestations
    return ()
