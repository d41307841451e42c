"""What goes to the signer with a release, for it to look at itself: how the new packages were built, and against what.

Costs what changed in the release, with all that it was built against.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from farm.control.owners import signatures_of
from farm.control.planning import plan_of
from farm.database import foreign, jobs, lookups, packages
from farm.database.approvals import approvals_of
from farm.release.attested import attestations_of
from farm.release.sources import recipe_blobs
from farm.trust.imports import imported_descriptors
from farm.trust.index_tree import difference
from farm.trust.release_evidence import BuiltAgainst, ReleaseEvidence, SignedTest
from farm.trust.tester_statement import named_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.control.desk import Desk
    from farm.database.candidates import Candidate
    from farm.database.records import Package
    from farm.names import Digest
    from farm.release.publication import PublicStore
    from farm.trust.release_index import Release


def bring_evidence(desk: Desk, candidate: Candidate, release: Release, public: PublicStore) -> Digest:
    """Put the evidence for a candidate's release, which lies in the public store, there too; return its digest."""
    previous = public.release(release.previous) if release.previous else None
    new = difference(public.read, previous.index if previous else None, release.index).put
    own = lookups.packages_by_digest(desk.session, (entry.descriptor.digest for entry in new))
    dependencies = tuple(_built_against(desk, own.values()))
    found = [digest for each in dependencies for digest in recipe_blobs(desk, each.recipe)]
    found += [blob.digest for each in dependencies for blob in each.blobs]
    found += _imported(desk, release)
    public.bring_blobs(dict.fromkeys([*found, *public.signed_inputs()]))
    recipes = {recipe for entry in new for recipe in entry.recipes} | {each.recipe for each in dependencies}
    submissions = signatures_of(desk, recipes)
    public.bring_blobs(submissions)
    approvals = tuple(public.put(each) for each in _approvals(desk, release.channel, own))
    tests = tuple(_tests(desk, candidate, public))
    return public.put(ReleaseEvidence(dependencies, submissions, approvals, tests).to_json())


def _built_against(desk: Desk, built: Iterable[Package]) -> Iterator[BuiltAgainst]:
    """Give all that packages were built against, and those in turn, each once."""
    seen: set[Digest] = set()
    plans = {package.plan for package in built}
    while plans:
        wanted = {each.tree for plan in plans for each in plan_of(desk, plan).dependencies}
        found = packages.packages_of_tree(desk.session, wanted)
        seen |= plans
        plans = {package.plan for package in found.values()} - seen
        yield from (_of(package) for _, package in sorted(found.items()))


def _of(package: Package) -> BuiltAgainst:
    return BuiltAgainst(package.descriptor, package.facts, package.manifest, package.provenance, package.recipe)


def _approvals(desk: Desk, channel: str, packages: Iterable[Digest]) -> Iterator[bytes]:
    for given in approvals_of(desk.session, channel, packages).values():
        yield from (each.envelope.encode() for each in given)


def _tests(desk: Desk, candidate: Candidate, public: PublicStore) -> Iterator[SignedTest]:
    """Give what testers have signed, by what they were ordered to do."""
    by_order: defaultdict[Digest, list[Digest]] = defaultdict(list)
    for digest in attestations_of(desk, candidate):
        if (order := named_order(desk.blobs.read(digest))) is not None:
            by_order[order].append(digest)
    for order, results in sorted(by_order.items()):
        text = jobs.find_test_text(desk.session, order)
        if text is not None:  # the others are comparisons
            public.put(text.encode())
            public.bring_blobs(results)
            yield SignedTest(order, tuple(results))


def _imported(desk: Desk, release: Release) -> Iterator[Digest]:
    """Give the blobs that describe the packages of other distributions, which the signer proves the set with."""
    taken = foreign.packages_by_digest(desk.session, imported_descriptors(release.imports).values())
    for package in taken.values():
        yield from (package.digest, package.facts.digest, package.manifest.digest)
