"""Checks that libraries' interfaces were compared where a signed policy requires it: by results of listed testers.

The builds to compare are worked out here, from the proven set and from how its packages were built. Libraries whose
files cannot be compared need no result.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING

from farm.checker.builds.known_builds import KnownBuilds
from farm.checker.gates.test_results import verified_results
from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import RefusedReleaseError, first_of
from farm.core.plan.abi import RULE, AbiOrder, AbiVerdict
from farm.core.sets.findings.problem import listed
from farm.core.sets.proof.abi import LinkedFiles
from farm.core.sets.proof.interfaces import (
    ANSWERS,
    COMPARISON_LIMITS,
    TOOLCHAIN,
    Answer,
    ComparedSide,
    compare_interfaces,
    compared_side,
    has_installed_headers,
)
from farm.trust.attestation.tester_results import verify_abi_result

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from farm.checker.builds.known_builds import ReleaseContext
    from farm.core.names.digest import Digest
    from farm.core.plan.abi import AbiSide
    from farm.core.plan.job import DependencyArchive
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.abi import LibraryFile, LibraryPair
    from farm.core.sets.proof.interfaces import ComparedInterfaces
    from farm.core.sets.proof.trial import TrialSet
    from farm.signing.evidence import SignedTest


def check_interfaces(case: ReleaseContext, trial: TrialSet) -> None:
    """Check that no package of the placed set gets a library with another interface than before.

    Raises `RefusedReleaseError`, also for a build that is not shown to follow from its recipe, `MissingBlobError` and
    the like.
    """
    known, files = KnownBuilds(case), LinkedFiles()
    comparisons = _Comparisons(case, known)
    compared = compare_interfaces(
        trial, dict(trial.placed), files, lambda member: known.root(member, files), comparisons.ask
    )
    if complaints := list(_complaints(compared, trial)):
        raise RefusedReleaseError(
            f"release {case.release.number} of {case.release.channel}: {first_of(complaints)}",
            remedy="Let listed testers compare them (`farm keys show` lists them), or release dependents with it that "
            "were built against it.",
            code="interface-refused",
        )


def _complaints(compared: ComparedInterfaces, trial: TrialSet) -> Iterator[str]:
    def sentence(pair: LibraryPair, users: Iterable[str], what: str) -> str:
        labels = listed([trial.members[name].label for name in users])
        library = f"{pair.soname} of {trial.members[pair.after.package].label}"
        return f"{library} {what} the build that {labels} loaded at build time"

    for pair, users in compared.pairing.pairs.items():
        if compared.answers[pair] is Answer.UNKNOWN:
            yield sentence(pair, users, "has not been compared by enough listed testers with")
    for pair, users in compared.broken.items():
        yield sentence(pair, users, "has a different interface from")
    for pair, users in compared.undecided.items():
        yield sentence(
            pair, users, "has a different interface (no result shows that it had one in the previous release too) from"
        )


class _Comparisons:
    """The results of listed testers among the evidence. Anything else in it is ignored."""

    def __init__(self, case: ReleaseContext, known: KnownBuilds) -> None:
        self._known = known
        self._testers = case.builders.testers or {}
        self._needed = case.builders.testers_needed(case.release.channel)
        self._described = PublishedDocuments(case.blobs)
        self._headers: dict[Digest, bool] = {}
        tools = case.plans.trees_of(TOOLCHAIN)
        self._orders: defaultdict[tuple[Digest, Digest], list[tuple[AbiOrder, SignedTest]]] = defaultdict(list)
        for signed in case.brought.comparisons:
            order = self._described.job_order(signed.order, AbiOrder.from_dict)
            if order and (order.limits, order.rule) == (COMPARISON_LIMITS, RULE) and order.toolchain in tools:
                self._orders[order.before.package.tree, order.after.package.tree].append((order, signed))

    def ask(self, pairs: Collection[LibraryPair]) -> Mapping[LibraryPair, Answer]:
        """Return the answer for each pair of libraries."""
        return {pair: self._answer(pair) for pair in pairs}

    def _answer(self, pair: LibraryPair) -> Answer:
        testers: defaultdict[AbiVerdict, set[str]] = defaultdict(set)
        for order, signed in self._orders.get((pair.before.tree, pair.after.tree), ()):
            if self._names_all(order.before, pair.before) and self._names_all(order.after, pair.after):
                verify = partial(verify_abi_result, testers=self._testers, order=order)
                for result in verified_results(signed, self._described, verify):
                    testers[result.outcome.verdict].add(result.run.tester)
        for verdict in AbiVerdict:
            if len(testers[verdict]) >= self._needed:
                return ANSWERS[verdict]
        return Answer.UNJUDGED if any(map(self._cannot_be_compared, (pair.before, pair.after))) else Answer.UNKNOWN

    def _names_all(self, side: AbiSide, file: LibraryFile) -> bool:
        """Return whether an order names all that belongs to a library: its package, debug data and headers."""
        return side.library == file.path and any(
            [_member_key(member) for member in (found.package, found.debug, *found.headers)]
            == [_archive_key(archive) for archive in (side.package, side.debug, *side.headers)]
            for found in self._sides(file)
            if isinstance(found, ComparedSide)
        )

    def _cannot_be_compared(self, file: LibraryFile) -> bool:
        """Return whether no build of a library has what a comparison needs."""
        sides = self._sides(file)
        return bool(sides) and not any(isinstance(side, ComparedSide) for side in sides)

    def _sides(self, file: LibraryFile) -> Sequence[ComparedSide | str]:
        """Return what a comparison needs of each build of a library; or why there can be no comparison."""
        return [
            compared_side(file.path, package, build.outputs, self._has_headers)
            for package, build in self._known.having(file.package, file.tree)
        ]

    def _has_headers(self, member: Member) -> bool:
        tree = member.descriptor.tree
        if tree not in self._headers:
            self._headers[tree] = has_installed_headers(self._described.manifest(member.descriptor))
        return self._headers[tree]


def _member_key(member: Member) -> tuple[Digest, Digest, str]:
    return member.descriptor.digest, member.descriptor.tree, member.descriptor.store_path


def _archive_key(archive: DependencyArchive) -> tuple[Digest, Digest, str]:
    return archive.descriptor, archive.tree, archive.store
