"""Proves a release's set again for the checker: the released set stays in memory, and changes are tried on it.

The first release of a channel after a start costs what the channel holds, each later one what it changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import RefusedReleaseError, first_of
from farm.core.sets.proof.closure import OpenSetError, needs_of, needs_touched
from farm.core.sets.proof.test_closures import NeedIndex
from farm.core.sets.proof.trial import TrialSet
from farm.trust.index.imports import imported_descriptors, imported_packages
from farm.trust.index.tree import entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.checker.reading.change import ReleaseChange
    from farm.core.names.digest import Digest
    from farm.core.sets.members.member import Member
    from farm.store.blobs import BlobStore
    from farm.trust.index.release_index import Release, ReleaseEntry


@dataclass(frozen=True, slots=True)
class _Base:
    """The set of a release (None: the empty one), on which others are tried, and the needs that it names.

    `coming` are the needs of the entries that the release proven last adds, or removes.
    """

    release: Digest | None
    trial: TrialSet
    needs: NeedIndex
    coming: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class ReleasedSets:
    """The newest signed set of each channel. For one thread. What it reads from `blobs` is checked by digest."""

    def __init__(self, blobs: BlobStore) -> None:
        self._described = PublishedDocuments(blobs)
        self._bases: dict[str, _Base] = {}

    def read(self, newest: Release) -> None:
        """Read the set of a signed release, as a base for proofs. Raises as `prove`."""
        self._base(newest.channel, newest)

    def prove(self, change: ReleaseChange) -> TrialSet:
        """Return the set of a release, with the one before as its base, when it has no new problem.

        Raises `RefusedReleaseError`, also when the release names other needs than its packages have, `MissingBlobError`
        and the like.
        """
        release, previous = change.release, change.previous
        base = self._base(release.channel, previous)
        placed: dict[str, Member | None] = dict.fromkeys(change.removed)
        arriving = (self._member(entry) for entry in change.put if not _is_in(base.trial, entry))
        placed |= {member.name: member for member in arriving}
        before = imported_descriptors(previous.imports if previous else ())
        after = imported_descriptors(release.imports)
        placed |= dict.fromkeys(before.keys() - after.keys())
        arrived = {name: digest for name, digest in after.items() if before.get(name) != digest}
        placed |= {member.name: member for member in self._imported(arrived)}
        if problems := base.trial.problems_of(placed):
            first = first_of([problem.message for problem in problems])
            raise RefusedReleaseError(
                f"the set of release {release.number} of {release.channel} does not fit together: {first}",
                remedy="Leave out what is named, or release what it needs too. The farm's own proof should have found "
                "it.",
                code="unproven-set",
            )
        _check_none_needed((name for name, member in placed.items() if member is None), change, base.needs)
        _check_needs(change, base)
        coming = {entry.name: entry.needs for entry in change.put} | dict.fromkeys(change.removed, ())
        self._bases[release.channel] = replace(base, coming=coming)
        return base.trial

    def accept(self, release: Release) -> None:
        """Make the set that was proven last the base of the next: its release is signed."""
        base = self._bases[release.channel]
        base.trial.accept()
        for name, needs in base.coming.items():
            base.needs.put(name, needs)
        self._bases[release.channel] = _Base(release.digest, base.trial, base.needs)

    def _base(self, channel: str, previous: Release | None) -> _Base:
        digest = previous.digest if previous else None
        known = self._bases.get(channel)
        if known is not None and known.release == digest:
            known.trial.place({})
            return known
        members: list[Member] = []
        needs = NeedIndex()
        if previous is not None:
            for entry in entries(self._described.blob, previous.index):
                members.append(self._member(entry))
                needs.put(entry.name, entry.needs)
            members += self._imported(imported_descriptors(previous.imports))
        base = self._bases[channel] = _Base(digest, TrialSet(members), needs)
        return base

    def _member(self, entry: ReleaseEntry) -> Member:
        return self._described.member(entry.descriptor.digest)

    def _imported(self, taken: Mapping[str, Digest]) -> Iterator[Member]:
        """Yield imported packages, by full name. `farm.checker.imported` checks who has signed them."""
        for name, digest in sorted(taken.items()):
            member = self._described.member(digest, imported=True)
            if member.name != name:
                raise RefusedReleaseError(f"the package imported as {name} is described as {member.name}")
            yield member


def _is_in(trial: TrialSet, entry: ReleaseEntry) -> bool:
    """Return whether the base has exactly this package; its entry may differ, e.g. in its provenance."""
    held = trial.base.get(entry.name)
    return held is not None and held.descriptor.digest == entry.descriptor.digest


def _check_none_needed(gone: Iterable[str], change: ReleaseChange, needs: NeedIndex) -> None:
    """Check that no unchanged entry names a package that has left: changed entries are checked themselves."""
    other = {*(entry.name for entry in change.put), *change.removed}
    for name in sorted(gone):
        for user in sorted(needs.users([name]) - other):
            raise RefusedReleaseError(f"{user} needs {name}, which is no longer in the release")


def _check_needs(change: ReleaseChange, base: _Base) -> None:
    """Check that the release names what meets the needs of its packages: clients fetch what it names.

    Also for unchanged packages, if something that they require has moved.
    """
    put = {entry.name: entry.needs for entry in change.put}
    put |= {name: package.needs for name, (_, package) in imported_packages(change.release.imports).items()}
    named = {name: tuple(base.needs.of(name)) for name in needs_touched(base.trial, base.trial.placed)} | put
    try:
        needed: Mapping[str, tuple[str, ...]] = needs_of(base.trial, named)
    except OpenSetError as error:
        raise RefusedReleaseError(error.message, remedy=error.remedy) from error
    for name, needs in sorted(needed.items()):
        if needs != named[name]:
            raise RefusedReleaseError(
                f"the release names {', '.join(named[name]) or 'nothing'} as the needs of {name}, which are "
                f"{', '.join(needs) or 'nothing'}",
                remedy="Release it with the needs that its files have.",
            )
