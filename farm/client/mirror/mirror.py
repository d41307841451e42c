"""Mirroring channels of one distribution, with what their releases import from others, into a directory."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.mirror.contents import FetchResult, Portion, key_of
from farm.client.mirror.directory import MirrorDirectory, MirrorError, MirrorRecord
from farm.client.mirror.repository import MirroredRepository
from farm.client.repository.download import Downloads
from farm.client.repository.imports import ImportedReleases
from farm.client.repository.progress import NO_PROGRESS, Progress
from farm.client.repository.readers import open_reader
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.index.earlier_release import MOST_STEPS, pinned_release
from farm.trust.index.release_index import Release

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from farm.client.mirror.contents import Contents
    from farm.client.repository.host import Host
    from farm.client.repository.subscriptions import Subscription
    from farm.store.blobs import BlobStore
    from farm.trust.index.imports import Import

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class MirrorSelection:
    """What to mirror; None keeps the mirror's own setting, or else takes the default.

    `channels` are names of subscriptions. `keep` is the number of newest releases of each, 1 by default; `numbers` are
    further releases of a single channel. `sources`: with the sources of the packages, which is the default.
    """

    channels: tuple[str, ...] = ()
    keep: int | None = None
    numbers: tuple[int, ...] | None = None
    sources: bool | None = None


@dataclass(frozen=True, slots=True)
class Mirrored:
    """What a mirror holds now: its newest releases, what they import, and until when clients accept it.

    `fetched` is in bytes, `missing_sources` counts files that their owner does not have; `stale` names the imports that
    could not be updated.
    """

    releases: tuple[Release, ...]
    held: tuple[Release, ...]
    imports: tuple[Import, ...]
    until: datetime
    fetched: int
    missing_sources: int
    stale: tuple[str, ...]


def mirror(
    host: Host, directory: Path, wanted: MirrorSelection, progress: Progress = NO_PROGRESS, *, check: bool = False
) -> Mirrored:
    """Make `directory` a mirror of channels that this host follows, or update it to their newest releases.

    Readers see the previous state until everything is there. With `check`, all existing content is read, and fetched
    again where it is corrupt. Raises `MirrorError`, `SubscriptionError`, `DownloadError`, `UntrustedMetadataError`,
    `InvalidReleaseError`, `OSError`.
    """
    place = MirrorDirectory(directory)
    with place.locked(progress.wait_for):
        before = place.record()
        names = wanted.channels or (before.channels if before else ("",))
        follows = [
            host.subscriptions.find(f"{before.distribution}/{name}" if not wanted.channels and before else name)
            for name in names
        ]
        record = _record(place, before, follows, wanted)
        if before is None:
            place.write(record)
        state = host.state / "mirrors" / Digest.of(os.fsencode(os.path.realpath(directory))).hex
        with _crash_noticed(state) as crashed:
            return _Mirroring(host, follows[0], state, progress, check=check or crashed).run(place, record)


class _Mirroring:
    """One run. `state` is where this host keeps what it has verified for that directory."""

    def __init__(self, host: Host, subscription: Subscription, state: Path, progress: Progress, *, check: bool) -> None:
        self._host = host
        self._subscription = subscription
        self._state = state
        self._progress = progress
        self._check = check
        self._brought = FetchResult()
        self._stale: list[str] = []

    def run(self, place: MirrorDirectory, record: MirrorRecord) -> Mirrored:
        """Mirror what `record` requests."""
        state = self._state / "metadata"
        metadata = self._host.subscriptions.metadata(self._subscription, state)
        main = MirroredRepository(place, record, state, metadata, brought=self._brought, check=self._check)
        until = main.verify().until
        contents = main.contents(self._host.subscriptions.downloads(self._subscription, place.store))
        releases = [
            release
            for newest in main.newest.values()
            for release in _chosen(contents, newest, main.record.keep, main.record.numbers)
        ]
        wanted = [Portion(release) for release in releases]
        before = list(map(Portion, _known(place.store, main.record.promised)))
        main.bring(wanted, contents, self._progress)
        pins, pins_before = _pins(releases), _pins(portion.release for portion in before)
        for distribution in dict.fromkeys(pin.distribution for pin in pins):
            mine = [pin for pin in pins if pin.distribution == distribution]
            older = [pin for pin in pins_before if pin.distribution == distribution]
            until = min(until, self._mirror_imports(main, mine, older) or until)
        main.show()
        main.sweep(wanted, before)
        place.keep_imports({pin.distribution for pin in (*pins, *pins_before)})
        return Mirrored(
            releases=tuple(main.newest.values()),
            held=tuple(releases),
            imports=tuple(pins),
            until=until,
            fetched=self._brought.size,
            missing_sources=self._brought.missing_sources,
            stale=tuple(self._stale),
        )

    def _mirror_imports(
        self, main: MirroredRepository, pins: Sequence[Import], older: Sequence[Import]
    ) -> datetime | None:
        """Mirror what releases import from another distribution. What is there already need not be reachable.

        Returns until when clients accept it, None where no repository could be reached.
        """
        place = main.place.imported(pins[0].distribution)
        record = place.record() or MirrorRecord(pins[0].distribution, pins[0].root, ())
        channels = tuple(sorted({*record.channels, *(pin.channel for pin in pins)}))
        record = replace(record, channels=channels, sources=main.record.sources)
        opened = ImportedReleases(
            self._state,
            place.store,
            self._host.subscriptions,
            self._host.mirrors,
            (self._subscription.address, *self._subscription.mirrors),
        )
        metadata = opened.metadata(pins[0])
        theirs = MirroredRepository(
            place,
            record,
            opened.folder_of(pins[0]) / "metadata",
            metadata,
            brought=self._brought,
            check=self._check,
        )
        try:
            until = theirs.verify().until
            place.path.mkdir(parents=True, exist_ok=True)
            place.write(record)
            downloads = Downloads(open_reader(metadata.place), place.store)
            wanted = [_portion(theirs, pin, downloads) for pin in pins]
            theirs.bring(wanted, theirs.contents(downloads), self._progress)
        except FarmError as error:
            if not {key_of(pin) for pin in pins} <= set(record.held):
                raise MirrorError(
                    f"{pins[0].distribution}, from which packages are imported, cannot be mirrored from "
                    f"{pins[0].address}: {error.message}",
                    remedy="Clients still see the previous state; fetched files are kept. Try again later.",
                ) from error
            self._stale.append(f"{pins[0].distribution} at {pins[0].address}: {error.message}")
            return None
        theirs.show()
        theirs.sweep(wanted, [_portion(theirs, pin, downloads) for pin in older])
        return until


def _record(
    place: MirrorDirectory, before: MirrorRecord | None, follows: Sequence[Subscription], wanted: MirrorSelection
) -> MirrorRecord:
    """Return the record with the new request. Raises `MirrorError`."""
    first = follows[0]
    channels = tuple(follow.channel for follow in follows)
    if any(follow.distribution != first.distribution for follow in follows):
        raise MirrorError(
            f"{' and '.join(map(str, follows))} are of several distributions",
            remedy="Give each distribution a mirror of its own.",
        )
    if before and before.distribution != first.distribution:
        raise MirrorError(
            f"{place.path} is a mirror of {before.distribution}, not of {first.distribution}",
            remedy="Name another directory.",
        )
    record = before or MirrorRecord(first.distribution, first.fingerprint, channels)
    record = replace(
        record,
        channels=channels,
        keep=record.keep if wanted.keep is None else wanted.keep,
        numbers=record.numbers if wanted.numbers is None else wanted.numbers,
        sources=record.sources if wanted.sources is None else wanted.sources,
    )
    if len(channels) > 1 and record.numbers:
        raise MirrorError(
            "--release takes release numbers of one channel, but several channels are mirrored",
            remedy="Mirror that channel into a directory of its own, or use --keep.",
        )
    if before and record.sources and not before.sources:
        return replace(record, held=())  # complete portions are incomplete once sources are requested
    return record


def _chosen(contents: Contents, newest: Release, keep: int, numbers: Iterable[int]) -> list[Release]:
    """Return the newest releases, and those of the requested numbers. Raises `MirrorError`, `DownloadError`."""
    wanted = {number for number in (*range(newest.number - keep + 1, newest.number + 1), *numbers) if number > 0}
    found = {}
    for steps, release in enumerate(contents.heads_back(newest)):
        if release.number in wanted:
            found[release.number] = release
        if release.number <= min(wanted) or steps > MOST_STEPS:
            break
    if missing := sorted(wanted - found.keys()):
        raise MirrorError(
            f"{newest.distribution}/{newest.channel} has no release {', '.join(map(str, missing))}",
            remedy=f"Its newest is release {newest.number}.",
        )
    return [found[number] for number in sorted(found, reverse=True)]


def _portion(repository: MirroredRepository, pin: Import, downloads: Downloads) -> Portion:
    what = f"earlier release of {pin.distribution}/{pin.channel}"
    release = pinned_release(repository.newest[pin.channel], pin, lambda blob: downloads.read(blob, what))
    return Portion(release, tuple(package.name for package in pin.packages), pin)


def _pins(releases: Iterable[Release]) -> list[Import]:
    return list(dict.fromkeys(pin for release in releases for pin in release.imports))


def _known(store: BlobStore, digests: Iterable[str]) -> Iterator[Release]:
    for digest in digests:
        try:
            yield Release.from_json(store.read(Digest(digest)))
        except (MissingBlobError, CorruptBlobError):
            continue


@contextmanager
def _crash_noticed(state: Path) -> Iterator[bool]:
    """Yield whether the machine crashed while mirroring: then data that was not flushed may be incomplete."""
    mark, boot = state / "under-way", _BOOT.read_bytes()
    crashed = mark.exists() and mark.read_bytes() != boot
    if not crashed:  # otherwise the marker stays until all has been checked
        replace_file(mark, boot)
    yield crashed
    mark.unlink()
