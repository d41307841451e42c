"""Follows other distributions like a subscriber, for the packages that recipes require of them.

`STATE/<distribution>/<fingerprint>/` has the pinned root and TUF's metadata. Verified releases become rows; the
pipeline decides about them.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from tuf.api.metadata import Metadata, Root

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.server.federation import imported
from farm.server.federation.advisory_import import keep_published_advisories, read_advisory_list
from farm.server.jobs import jobs
from farm.server.recipes import recipes
from farm.server.tables.records import ImportedPackageRecord
from farm.server.transaction.text import kept_error
from farm.store.durable_file import replace_file
from farm.trust.index.earlier_release import LARGEST_HEAD
from farm.trust.index.release_index import Release
from farm.trust.index.tree import IndexTree
from farm.trust.layout import ADVISORY_LIST
from farm.trust.untrusted_metadata import UntrustedMetadataError
from farm.trust.verification.announced_root import announced_root
from farm.trust.verification.client_metadata import ChannelMetadata
from farm.trust.verification.release_package import check_package
from farm.trust.verification.release_proof import MOST_HEADS, ReleaseProof
from farm.trust.verification.stored_metadata import KeptMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from farm.core.recipe.distributions import OtherDistribution
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.trust.index.release_index import ReleaseEntry
    from farm.trust.metadata.builders import AllowedBuilders
    from farm.trust.verification.client_metadata import RepositoryReader

_LOG = logging.getLogger("farm.server")


class Fetching(Protocol):
    """Downloads verified blobs of one repository into the farm's own store."""

    def read(self, blob: BlobRef, what: str) -> bytes:
        """Return the bytes of a small blob. Raises a `FarmError`."""

    def ensure(self, blob: BlobRef, what: str) -> None:
        """Download a blob, unless the store has it. Raises a `FarmError`."""


class DistributionFollower:
    """Follows all distributions. `open_repository` returns the reader and the downloads of an address.

    `every` is the interval between checks while no recipe requires anything new.
    """

    def __init__(
        self,
        application: Application,
        state: Path,
        open_repository: Callable[[str], tuple[RepositoryReader, Fetching]],
        *,
        every: timedelta = timedelta(minutes=1),
    ) -> None:
        self._application = application
        self._state = state
        self._open = open_repository
        self._every = every
        self._required: dict[int, tuple[str, ...]] = {}
        self._looked: _Looked | None = None
        self._looked_for: frozenset[str] = frozenset()

    def keep_up(self) -> int:
        """Do as `advance` when a check is due; at once if recipes require a package that was not looked up yet."""
        before, now = self._looked, self._application.clock()
        with self._application.reading() as unit:
            mark = jobs.newest_job(unit.session)  # every recipe that is submitted creates a job
            if before and before.mark == mark and now < before.at + self._every:
                return 0
            names = frozenset(self._names_required(unit))
        if before and names <= before.names and now < before.at + self._every:
            self._looked = _Looked(before.at, mark, before.names)
            return 0
        self._looked = _Looked(now, mark, names)
        found = self.advance()
        self._looked_for = names
        return found

    def unseen(self, unit: UnitOfWork) -> tuple[str, ...]:
        """Return the packages that recipes require and that were not looked up yet: a candidate waits for them.

        A package that was looked up and not found is a problem of the candidate's proof.
        """
        names = self._names_required(unit) - self._looked_for
        return tuple(sorted(name for name in names if not imported.is_known(unit.session, name)))

    def advance(self) -> int:
        """Check every distribution that the recipes name; return how many have changed.

        A distribution that cannot be reached or verified does not delay the others; the reason is stored for display.
        """
        new, troubles = 0, {}
        for name, distribution in self._application.inputs.distributions.items():
            try:
                new += self._follow(distribution)
            except FarmError as error:
                troubles[name] = kept_error(error)
                _LOG.error("%s is not followed: %s %s", name, error, error.remedy)  # no traceback needed
            except Exception as error:  # noqa: BLE001  # the others are followed
                troubles[name] = f"{type(error).__name__}: the log of the control process says more."
                _LOG.exception("%s is not followed", name)
        self._tell(troubles)
        return new

    def fetch_archives(self) -> int:
        """Download the archives that tests wait for; return how many were downloaded."""
        with self._application.reading() as unit:
            wanted = imported.wanted_archives(unit.session)
        return sum(self._fetched(archive) for archive in wanted)

    def _tell(self, troubles: dict[str, str]) -> None:
        with self._application.reading() as unit:
            known = {trouble.distribution: trouble.why for trouble in imported.troubles(unit.session)}
        if troubles != known:
            with self._application.writing() as unit:
                imported.set_troubles(unit.session, troubles, now=unit.now)

    def _follow(self, distribution: OtherDistribution) -> bool:
        with self._application.reading() as unit:
            wanted = {name for name in self._names_required(unit) if name.rpartition("/")[0] == distribution.name}
        if not wanted:
            return False
        reader, blobs = self._open(distribution.address)
        metadata = self._metadata(distribution, reader)
        newest, builders = _newest(metadata, distribution)
        with self._application.reading() as unit:
            seen = imported.newest_release(unit.session, distribution.name, distribution.channel, distribution.root)
            same = seen if seen and (seen.digest, seen.address) == (newest.digest, distribution.address) else None
            known = imported.packages_of(unit.session, same.id) if same else {}
        found = list(_packages(newest, builders, blobs, wanted, known))
        names = {package.name.rpartition("/")[2] for package in (*known.values(), *found)}
        shown = self._shown(distribution, newest, blobs)
        # An update is taken only after its owner's advisories about it are read.
        said = read_advisory_list(metadata.advisories().get(ADVISORY_LIST), distribution.name, names, blobs.read)
        with self._application.writing() as unit:
            more = keep_published_advisories(unit, distribution, said)
            if same and not found:
                _keep_shown(unit, distribution, shown)
                return more
            release = same or imported.add_release(
                unit.session,
                digest=newest.digest,
                distribution=distribution.name,
                channel=distribution.channel,
                number=newest.number,
                root=distribution.root,
                address=distribution.address,
                now=unit.now,
            )
            imported.add_packages(unit.session, release.id, found)
            _keep_shown(unit, distribution, shown)
        return True

    def _shown(self, distribution: OtherDistribution, newest: Release, blobs: Fetching) -> list[ReleaseProof]:
        """Store the proof that the newest release was signed, and of earlier releases without a proof, for the signer.

        Earlier versions of control stored no proofs: the releases they saw are proven by the newest, which comes after
        them.
        """
        with self._application.reading() as unit:
            place = distribution.name, distribution.channel, distribution.root
            lacking = imported.unshown(unit.session, *place)
            if not lacking and imported.shown(unit.session, newest.digest, distribution.root):
                return []
        lacking[newest.digest] = newest.number
        folder = self._folder(distribution)
        pinned = Metadata[Root].from_file(str(folder / "root.json")).signed.version
        kept = KeptMetadata(folder / "metadata").documents(distribution.channel, pinned)
        put = self._application.blobs.put_bytes
        shown = ReleaseProof(
            roots=tuple(map(put, kept.roots)),
            timestamp=put(kept.timestamp),
            snapshot=put(kept.snapshot),
            targets=put(kept.targets),
            channel=put(kept.channel),
            heads=(put(newest.to_json()),),
        )
        found, release = [], newest
        while True:
            if lacking.pop(release.digest, None) is not None:
                found.append(shown)
            earlier = [number for number in lacking.values() if number < release.number]
            if not earlier or release.previous is None or len(shown.heads) == MOST_HEADS:
                return found
            shown = replace(shown, heads=(*shown.heads, release.previous))
            head = BlobRef(release.previous, LARGEST_HEAD)
            release = Release.from_json(blobs.read(head, f"release before {release.number} of {distribution.name}"))

    def _folder(self, distribution: OtherDistribution) -> Path:
        return self._state / distribution.name / distribution.root.hex

    def _metadata(self, distribution: OtherDistribution, reader: RepositoryReader) -> ChannelMetadata:
        folder = self._folder(distribution)
        path = folder / "root.json"
        if not path.exists() or Digest.of(path.read_bytes()) != distribution.root:
            replace_file(path, announced_root(reader, distribution.address, distribution.root))
        return ChannelMetadata(folder / "metadata", path.read_bytes(), reader, self._application.clock)

    def _fetched(self, wanted: tuple[str, str, BlobRef]) -> bool:
        name, address, archive = wanted
        try:
            self._open(address)[1].ensure(archive, f"archive of {name}")
        except FarmError as error:
            _LOG.error("%s: %s %s", name, error, error.remedy)  # the error's text is complete
            return False
        except Exception:  # noqa: BLE001  # as above
            _LOG.exception("the archive of %s is not fetched", name)
            return False
        with self._application.writing() as unit:
            imported.have_archive(unit.session, archive.digest)
        return True

    def _names_required(self, unit: UnitOfWork) -> set[str]:
        """Return the full names that recipes require, in their current revision and in the one built last."""
        found: set[str] = set()
        for head in recipes.heads(unit.session).values():
            for number in (head.current, head.built or head.current):
                if number not in self._required:
                    recipe = unit.recipes.recipe(recipes.revision(unit.session, number))
                    self._required[number] = tuple(need for need in recipe.required_packages if "/" in need)
                found.update(self._required[number])
        return found


@dataclass(frozen=True, slots=True)
class _Looked:
    """The last check of other distributions, and the packages it was for; `mark` is the newest job at that time."""

    at: datetime
    mark: int
    names: frozenset[str]


def _keep_shown(unit: UnitOfWork, distribution: OtherDistribution, shown: Iterable[ReleaseProof]) -> None:
    for release in shown:
        imported.show(unit.session, release.release, distribution.root, json.dumps(release.to_dict()))


def _newest(metadata: ChannelMetadata, distribution: OtherDistribution) -> tuple[Release, AllowedBuilders]:
    newest, builders = metadata.newest(distribution.channel)
    if newest.distribution != distribution.name:
        raise UntrustedMetadataError(
            "mismatch",
            f"the repository at {distribution.address} is that of {newest.distribution}, not {distribution.name}",
            "Correct distributions.yaml.",
        )
    return newest, builders


def _packages(
    release: Release,
    builders: AllowedBuilders,
    blobs: Fetching,
    wanted: set[str],
    known: dict[str, ImportedPackageRecord],
) -> Iterator[ImportedPackageRecord]:
    """Yield the wanted packages of a release and all that they need in their distribution, without known ones."""
    index = IndexTree(lambda blob: blobs.read(blob, f"index of {release.distribution}"), release.index)
    waiting, seen = sorted(wanted), set(wanted)
    while waiting:
        name = waiting.pop()
        package = known.get(name)
        if package is None:
            entry = index.entry(name.rpartition("/")[2])
            if entry is None:
                continue  # the proof of a candidate reports a missing package
            check_package(release, entry, builders, blobs.read)
            package = package_of(release, entry)
            yield package
        # A package of a third distribution must be pinned by this farm itself.
        here = {need for need in package.needs if need.rpartition("/")[0] == release.distribution} - seen
        seen |= here
        waiting += sorted(here)


def package_of(release: Release, entry: ReleaseEntry) -> ImportedPackageRecord:
    """Return a package of another distribution from its entry in a release."""
    return ImportedPackageRecord(
        name=f"{release.distribution}/{entry.name}",
        digest=entry.descriptor.digest,
        descriptor=entry.descriptor,
        version=entry.version,
        revision=entry.revision,
        tree=entry.manifest.digest,
        manifest=entry.manifest,
        facts=entry.facts,
        archive=entry.archive,
        needs=tuple(need if "/" in need else f"{release.distribution}/{need}" for need in entry.needs),
    )
