"""Garbage collection: old states of roots, then packages and blobs that no record of this host refers to.

Nothing is installed meanwhile (`CacheLock.alone`). What is reached through something else is removed before that: an
archive before the entry that names it, so that a killed process leaves nothing that cannot be found again.
"""

from __future__ import annotations

import os
import shutil
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.client.gc.index_blobs import StoreSurvey, nodes_of
from farm.client.gc.references import newest_releases, ran, referred
from farm.client.root.generations import Root, RootError
from farm.client.root.known_roots import roots, states
from farm.client.run.links import unused_links
from farm.store.locks import no_progress
from farm.store.partial import sweep_partial
from farm.store.quarantine import Quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from farm.client.repository.host import Host
    from farm.core.names.digest import Digest
    from farm.store.locks import Waiting
    from farm.trust.index.release_index import ReleaseEntry

KEEP = 3
"""The default number of states that a root keeps: the current one and those before it."""
SCRUB_DAYS = 30
"""The time between two checks of the whole cache of unpacked packages."""


@dataclass(slots=True)
class Garbage:
    """What was removed, or would be.

    `size` is the number of bytes that this frees; `left` are roots that could not be changed, each with the reason;
    `building`: packages of the cache stay, because a build is running on this host; `links` counts directories of links
    that runs had mounted.
    """

    generations: list[tuple[Path, int]] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    blobs: int = 0
    size: int = 0
    forgotten: list[Path] = field(default_factory=list)
    left: list[tuple[Path, str]] = field(default_factory=list)
    building: bool = False
    links: int = 0
    dry_run: bool = False

    def free(self, size: int, remove: Callable[[], object]) -> None:
        """Count what something takes on the disk, and remove it unless this is a dry run."""
        self.size += size
        self.do(remove)

    def do(self, remove: Callable[[], object]) -> None:
        """Remove something that takes no room, unless this is a dry run."""
        if not self.dry_run:
            remove()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "generations": [{"root": str(root), "number": number} for root, number in self.generations],
            "packages": self.packages,
            "blobs": self.blobs,
            "bytes": self.size,
            "forgotten": [str(root) for root in self.forgotten],
            "left": [{"root": str(root), "why": why} for root, why in self.left],
            "building": self.building,
            "links": self.links,
        }


def collect_garbage(
    host: Host,
    now: datetime,
    *,
    only: Sequence[Path] = (),
    keep: int = KEEP,
    dry_run: bool = False,
    waiting: Waiting = no_progress,
) -> Garbage:
    """Remove old states of this host's roots (only of those in `only`, if any), and what nothing needs then.

    `keep` is the number of states that each root keeps: the current one, and the newest others. Raises `RootError`,
    `OSError`: then nothing that roots share is removed.
    """
    garbage = Garbage(dry_run=dry_run)
    with host.lock.used(waiting) if dry_run else host.lock.alone(waiting):
        going = _trim_roots(host, garbage, only, keep)
        words = referred(host, now, without=going)
        _clear_store(host, garbage, words)
        _clear_directories(host, garbage, words, ran(host, now))
        if not dry_run and not garbage.building:
            _scrub_cache(host, now)
    return garbage


def _trim_roots(host: Host, garbage: Garbage, only: Sequence[Path], keep: int) -> set[tuple[Path, int]]:
    only = [Path(os.path.realpath(path)) for path in only]
    known = roots(host.state)
    garbage.forgotten = [path for path in host.roots.all() if path not in known]
    for path in garbage.forgotten:
        garbage.do(partial(host.roots.forget, path))
    for path in only:
        if path not in known:
            raise RootError(
                f"{path} is not a root of this host", remedy="Name a directory given to `farm install --root`."
            )
    for path in only or known:
        try:
            _trim(Root(path), garbage, keep)
        except FileNotFoundError:
            continue  # another process is removing it
        except RootError as error:
            if only:
                raise
            garbage.left.append((path, error.message))
    return set(garbage.generations)


def _trim(root: Root, garbage: Garbage, keep: int) -> None:
    """Remove all states of a root but the current one and the `keep - 1` newest others, and what only they need."""
    with nullcontext() if garbage.dry_run else root.locked(make=False):
        current, states_of_root = root.current(), root.generations()
        others = [state.number for state in states_of_root if current is None or state.number != current.number]
        old = others[: max(0, len(others) - (keep - 1))]
        needed = {
            package.store for state in states_of_root if state.number not in old for package in state.set.packages
        }
        for number in old:
            garbage.generations.append((root.path, number))
            garbage.do(partial(root.remove, number))
        for store in root.stores():
            if store not in needed:
                garbage.free(_size(root.package(store), links=1), partial(root.remove_package, store))


def _clear_store(host: Host, garbage: Garbage, words: set[str]) -> None:
    survey = StoreSurvey.of(host.blobs)
    wanted = {digest: entry for digest, entry in survey.entries.items() if entry.descriptor.digest in words}
    stores = {_store(entry) for entry in wanted.values()} | words
    garbage.building = any(place.is_dir() for place in (host.cache.root.parent / "attempts").glob("*"))
    for store in sorted({_store(entry) for entry in survey.entries.values()} - stores):
        place = host.cache.path(store)
        if place.exists() and not garbage.building:
            garbage.packages.append(store)
            garbage.free(_size(place), partial(host.cache.remove, store))
    kept = _kept(host, survey, words) | {blob.digest for entry in wanted.values() for blob in entry.blobs}
    kept |= wanted.keys()
    named = {blob.digest for entry in survey.entries.values() for blob in entry.blobs}
    for part in (named, survey.nodes, survey.heads.keys(), survey.entries.keys()):
        for digest in sorted(part - kept):
            if digest not in words and host.blobs.has(digest):
                garbage.blobs += 1
                garbage.free(host.blobs.size(digest), partial(host.blobs.delete, digest))
    garbage.size += sweep_partial(host.blobs, remove=not garbage.dry_run)
    garbage.size += Quarantine(host.blobs).clear(remove=not garbage.dry_run)
    garbage.do(host.blobs.sweep)


def _clear_directories(host: Host, garbage: Garbage, words: set[str], used: set[str]) -> None:
    """Remove the links that no record names, and packages that were set aside and that no run uses."""
    links = [place for state in states(host) for place in unused_links(state, words)]
    garbage.links = len(links)
    for place in (*links, *(place for store, place in host.cache.aside() if store not in used)):
        garbage.free(_size(place), partial(shutil.rmtree, place))


def _scrub_cache(host: Host, now: datetime) -> None:
    """Read the whole cache, unless that was done recently, and remove packages that differ from what was unpacked."""
    mark = host.cache.root / ".scrubbed"
    if mark.exists() and now.timestamp() - mark.stat().st_mtime < SCRUB_DAYS * 86400:
        return
    for store in host.cache.scrub():
        host.warn(
            f"{store} in {host.cache.root} was not as it was unpacked, and is unpacked again when it is next needed"
        )
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    os.utime(mark, (now.timestamp(), now.timestamp()))


def _kept(host: Host, survey: StoreSurvey, words: set[str]) -> set[Digest]:
    """Return the heads and nodes that stay: those of the newest verified releases, and of releases of sets."""
    releases = {release.digest: release for release in newest_releases(host)}
    releases |= {digest: release for digest, release in survey.heads.items() if digest in words}
    pinned = {pin.release for release in releases.values() for pin in release.imports}
    releases |= {digest: release for digest, release in survey.heads.items() if digest in pinned}
    return releases.keys() | {node for release in releases.values() for node in nodes_of(host.blobs, release)}


def _store(entry: ReleaseEntry) -> str:
    """Return the name of a package's directory: the digest of a manifest is that of the tree."""
    return f"{entry.name}-{entry.version}-{entry.manifest.digest.store_key}"


def _size(place: Path, *, links: int = 0) -> int:
    """Return the bytes in a directory's files; with `links`, only of files with that many hard links."""
    found = (os.lstat(Path(folder) / name) for folder, _, names in os.walk(place) for name in names)
    return sum(status.st_size for status in found if not links or status.st_nlink == links)
