"""Checks that libraries' interfaces were compared where a signed policy requires it: by results of listed testers.

The builds to compare are worked out here, from the proven set and from how its packages were built. Libraries whose
files cannot be compared need no result.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.checker.builds.known_builds import KnownBuilds
from farm.checker.reading.described import Described
from farm.checker.reading.refusal import RefusedReleaseError
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
from farm.errors import FarmError
from farm.trust.attestation.tester_results import verify_abi_result
from farm.trust.blob_limits import LARGEST_ENVELOPE

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

_SHOWN = 3


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
    if told := list(_complaints(compared, trial)):
        release, more = case.release, f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
        raise RefusedReleaseError(
            f"release {release.number} of {release.channel}: {'; '.join(told[:_SHOWN])}{more}",
            remedy="Let listed testers compare them (`farm keys show` lists them), or release dependents with it that "
            "were built against it.",
            code="interface-refused",
        )


def _complaints(compared: ComparedInterfaces, trial: TrialSet) -> Iterator[str]:
    def tell(pair: LibraryPair, users: Iterable[str], what: str) -> str:
        labels = listed([trial.members[name].label for name in users])
        library = f"{pair.soname} of {trial.members[pair.after.package].label}"
        return f"{library} {what} the build that {labels} loaded when it was built"

    for pair, users in compared.pairing.pairs.items():
        if compared.answers[pair] is Answer.UNKNOWN:
            yield tell(pair, users, "has not been compared, by as many listed testers as must agree, with")
    for pair, users in compared.broken.items():
        yield tell(pair, users, "has another interface than")
    for pair, users in compared.undecided.items():
        yield tell(pair, users, "has another interface, which no result shows for the release before, than")


@dataclass(frozen=True, slots=True)
class _Told:
    order: AbiOrder
    signed: SignedTest


class _Comparisons:
    """The results of listed testers among the evidence. Anything else in it is ignored."""

    def __init__(self, case: ReleaseContext, known: KnownBuilds) -> None:
        self._known = known
        self._testers = case.builders.testers or {}
        self._needed = case.builders.testers_needed(case.release.channel)
        self._described = Described(case.blobs)
        self._headers: dict[Digest, bool] = {}
        tools = case.plans.trees_of(TOOLCHAIN)
        self._orders: defaultdict[tuple[Digest, Digest], list[_Told]] = defaultdict(list)
        for signed in case.brought.comparisons:
            order = self._described.job_order(signed.order, AbiOrder.from_dict)
            if order and (order.limits, order.rule) == (COMPARISON_LIMITS, RULE) and order.toolchain in tools:
                self._orders[order.before.package.tree, order.after.package.tree].append(_Told(order, signed))

    def ask(self, pairs: Collection[LibraryPair]) -> Mapping[LibraryPair, Answer]:
        """Return the answer for each pair of libraries."""
        return {pair: self._answer(pair) for pair in pairs}

    def _answer(self, pair: LibraryPair) -> Answer:
        said: defaultdict[AbiVerdict, set[str]] = defaultdict(set)
        for told in self._orders.get((pair.before.tree, pair.after.tree), ()):
            if self._is_told(pair.before, told.order.before) and self._is_told(pair.after, told.order.after):
                for verdict, tester in self._results(told):
                    said[verdict].add(tester)
        for verdict in AbiVerdict:
            if len(said[verdict]) >= self._needed:
                return ANSWERS[verdict]
        return Answer.UNJUDGED if any(map(self._is_beyond_telling, (pair.before, pair.after))) else Answer.UNKNOWN

    def _results(self, told: _Told) -> Iterator[tuple[AbiVerdict, str]]:
        for digest in told.signed.results:
            try:
                envelope = self._described.within(digest, LARGEST_ENVELOPE)
                result = verify_abi_result(envelope, self._testers, order=told.order)
                yield result.outcome.verdict, result.run.tester
            except FarmError:
                continue

    def _is_told(self, file: LibraryFile, side: AbiSide) -> bool:
        """Return whether an order names all that belongs to a library: its package, debug data and headers."""
        told = [side.package, side.debug, *side.headers]
        return side.library == file.path and any(
            [_named(member) for member in (found.package, found.debug, *found.headers)]
            == [_said(archive) for archive in told]
            for found in self._sides(file)
            if isinstance(found, ComparedSide)
        )

    def _is_beyond_telling(self, file: LibraryFile) -> bool:
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


def _named(member: Member) -> tuple[Digest, Digest, str]:
    return member.descriptor.digest, member.descriptor.tree, member.descriptor.store_path


def _said(archive: DependencyArchive) -> tuple[Digest, Digest, str]:
    return archive.descriptor, archive.tree, archive.store
