"""The proof of a release's set, made again by the checker: what is released stays in memory, a change is tried on it.

The first release of a channel after a start costs what the channel holds, each one after it what it changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.compat import OpenSetError, TrialSet, needs_of
from farm.countersign.described import Described
from farm.countersign.refusal import RefusedReleaseError
from farm.trust.imports import imported_descriptors, imported_packages
from farm.trust.index_tree import difference, entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.blobs import BlobStore
    from farm.compat import Member, Problem
    from farm.names import Digest
    from farm.trust.release_index import Release, ReleaseEntry

_SHOWN = 3


class UnprovenSetError(RefusedReleaseError):
    """The packages of a release do not fit together."""

    code = "unproven-set"

    def __init__(self, release: Release, problems: tuple[Problem, ...]) -> None:
        more = f", and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        told = "; ".join(problem.message for problem in problems[:_SHOWN])
        super().__init__(
            f"the set of release {release.number} of {release.channel} does not fit together: {told}{more}",
            remedy="Leave out what is named, or release what it needs too. The farm's own proof should have said so.",
        )
        self.problems = problems


class ReleasedSets:
    """The newest signed set of each channel. For one thread. What it reads of `blobs` is checked by digest."""

    def __init__(self, blobs: BlobStore) -> None:
        self._described = Described(blobs)
        self._sets: dict[str, tuple[Digest | None, TrialSet]] = {}

    def read(self, newest: Release) -> None:
        """Read the set of a release that is signed, for what is proven on it. Raises as `prove`."""
        self._base(newest.channel, newest)

    def prove(self, release: Release, previous: Release | None) -> TrialSet:
        """Return the set of a release, on the one before as its base, when nothing is wrong that was not before.

        Raises `UnprovenSetError`, `RefusedReleaseError` when the release says otherwise what serves whose needs,
        `MissingBlobError` and the like.
        """
        trial = self._base(release.channel, previous)
        change = difference(self._described.node, previous.index if previous else None, release.index)
        placed: dict[str, Member | None] = dict.fromkeys(change.removed)
        arriving = (self._member(entry) for entry in change.put if not _is_in(trial, entry))
        placed |= {member.name: member for member in arriving}
        before, after = (
            imported_descriptors(previous.imports if previous else ()),
            imported_descriptors(release.imports),
        )
        placed |= dict.fromkeys(before.keys() - after.keys())
        arrived = {digest for name, digest in after.items() if before.get(name) != digest}
        placed |= {member.name: member for member in self._foreign(arrived)}
        if problems := trial.problems_of(placed):
            raise UnprovenSetError(release, problems)
        _check_needs(release, trial, change.put)
        return trial

    def accept(self, release: Release) -> None:
        """Let the set that was proven last be the base of what follows: its release is signed."""
        _, trial = self._sets[release.channel]
        trial.accept()
        self._sets[release.channel] = release.digest, trial

    def _base(self, channel: str, previous: Release | None) -> TrialSet:
        digest = previous.digest if previous else None
        known = self._sets.get(channel)
        if known is not None and known[0] == digest:
            known[1].place({})
            return known[1]
        members: list[Member] = []
        if previous is not None:
            members += (self._member(entry) for entry in entries(self._described.node, previous.index))
            members += self._foreign(set(imported_descriptors(previous.imports).values()))
        trial = TrialSet(members)
        self._sets[channel] = digest, trial
        return trial

    def _member(self, entry: ReleaseEntry) -> Member:
        return self._described.member(entry.descriptor.digest)

    def _foreign(self, digests: set[Digest]) -> Iterator[Member]:
        """Give packages of other distributions. What they are is signed by these: here only the digest is known."""
        for digest in sorted(digests):
            yield self._described.member(digest, foreign=True)


def _is_in(trial: TrialSet, entry: ReleaseEntry) -> bool:
    """Say whether the base has the very package: its entry may have changed, for it may name another provenance now."""
    held = trial.base.get(entry.name)
    return held is not None and held.descriptor.digest == entry.descriptor.digest


def _check_needs(release: Release, trial: TrialSet, put: Iterable[ReleaseEntry]) -> None:
    """See that the release says of its packages what serves their needs: clients fetch what it names."""
    said = {entry.name: entry.needs for entry in put}
    said |= {name: package.needs for name, (_, package) in imported_packages(release.imports).items()}
    try:
        needed: Mapping[str, tuple[str, ...]] = needs_of(trial, said)
    except OpenSetError as error:
        raise RefusedReleaseError(error.message, remedy=error.remedy) from error
    for name, needs in sorted(needed.items()):
        if needs != said[name]:
            raise RefusedReleaseError(
                f"the release says that {name} needs {', '.join(said[name]) or 'nothing'}, and it needs "
                f"{', '.join(needs) or 'nothing'}",
                remedy="Release it with the needs that its files have.",
            )
