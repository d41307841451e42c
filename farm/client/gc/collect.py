"""Garbage collection: old states of roots, then packages and blobs that no record of this host refers to.

Nothing is installed meanwhile (`CacheLock.alone`). What is reached through something else is removed before that: an
archive before the entry that names it, so that a killed process leaves nothing that cannot be found again.
"""

from __future__ import annotations

import os
import shutil
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.client.gc.index_blobs import StoreSurvey, nodes_of
from farm.client.gc.references import newest_releases, ran, referred
from farm.client.root.generations import Root, RootError
from farm.client.root.known_roots import roots, states
from farm.client.run.links import unused_links
from farm.store.locks import no_progress
from farm.store.partial import sweep_partial

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from farm.client.repository.host import Host
    from farm.client.root.generation import Generation
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
    garbage = Garbage()
    with host.lock.used(waiting) if dry_run else host.lock.alone(waiting):
        going = _trim_roots(host, garbage, only, keep, dry_run=dry_run)
        words = referred(host, now, without=going)
        _clear_store(host, garbage, words, dry_run=dry_run)
        _clear_links(host, garbage, words, dry_run=dry_run)
        _clear_aside(host, garbage, ran(host, now), dry_run=dry_run)
        if not dry_run and not garbage.building:
            _scrub_cache(host, now)
    return garbage


def old_generations(root: Root, keep: int) -> tuple[Generation, ...]:
    """Return the states of a root to remove: all but the current one and the `keep - 1` newest others."""
    current = root.current()
    others = [generation for generation in root.generations() if current is None or generation.number != current.number]
    return tuple(others[: max(0, len(others) - (keep - 1))])


def _trim_roots(
    host: Host, garbage: Garbage, only: Sequence[Path], keep: int, *, dry_run: bool
) -> set[tuple[Path, int]]:
    only = [Path(os.path.realpath(path)) for path in only]
    known = roots(host.state)
    garbage.forgotten = [path for path in host.roots.all() if path not in known]
    for path in [] if dry_run else garbage.forgotten:
        host.roots.forget(path)
    for path in only:
        if path not in known:
            raise RootError(
                f"{path} is not a root of this host", remedy="Name a directory given to `farm install --root`."
            )
    for path in only or known:
        try:
            _trim(Root(path), garbage, keep, dry_run=dry_run)
        except FileNotFoundError:
            continue  # another process is removing it
        except RootError as error:
            if only:
                raise
            garbage.left.append((path, error.message))
    return set(garbage.generations)


def _trim(root: Root, garbage: Garbage, keep: int, *, dry_run: bool) -> None:
    with nullcontext() if dry_run else root.locked(make=False):
        old = old_generations(root, keep)
        numbers = {each.number for each in old}
        kept = [generation for generation in root.generations() if generation.number not in numbers]
        needed = {package.store for each in kept for package in each.set.packages}
        for each in old:
            garbage.generations.append((root.path, each.number))
            if not dry_run:
                root.remove(each.number)
        for store in root.stores():
            if store not in needed:
                garbage.size += _size(root.package(store), links=1)
                if not dry_run:
                    root.remove_package(store)


def _clear_store(host: Host, garbage: Garbage, words: set[str], *, dry_run: bool) -> None:
    survey = StoreSurvey.of(host.blobs)
    wanted = {digest: each for digest, each in survey.entries.items() if each.descriptor.digest in words}
    stores = {_store(each) for each in wanted.values()} | words
    garbage.building = any((host.cache.root.parent / "attempts").glob("*"))
    for store in sorted({_store(entry) for entry in survey.entries.values()} - stores):
        place = host.cache.path(store)
        if place.exists() and not garbage.building:
            garbage.packages.append(store)
            garbage.size += _size(place)
            if not dry_run:
                host.cache.remove(store)
    kept = _kept(host, survey, words) | {blob.digest for each in wanted.values() for blob in each.blobs} | wanted.keys()
    named = {blob.digest for entry in survey.entries.values() for blob in entry.blobs}
    for part in (named, survey.nodes, survey.heads.keys(), survey.entries.keys()):
        for digest in sorted(part - kept):
            if digest not in words and host.blobs.has(digest):
                garbage.blobs += 1
                garbage.size += host.blobs.size(digest)
                if not dry_run:
                    host.blobs.delete(digest)
    garbage.size += sweep_partial(host.blobs, remove=not dry_run)
    if not dry_run:
        host.blobs.sweep()


def _clear_links(host: Host, garbage: Garbage, words: set[str], *, dry_run: bool) -> None:
    for state in states(host):
        for place in unused_links(state, words):
            garbage.links += 1
            garbage.size += _size(place)
            if not dry_run:
                shutil.rmtree(place)


def _clear_aside(host: Host, garbage: Garbage, used: set[str], *, dry_run: bool) -> None:
    for store, place in host.cache.aside():
        if store not in used:
            garbage.size += _size(place)
            if not dry_run:
                shutil.rmtree(place)


def _scrub_cache(host: Host, now: datetime) -> None:
    """Read the whole cache, unless that was done recently, and remove packages that differ from what was unpacked."""
    mark = host.cache.root / ".scrubbed"
    if mark.exists() and now.timestamp() - mark.stat().st_mtime < SCRUB_DAYS * 86400:
        return
    for store in host.cache.scrub():
        host.warn(
            f"{store} in {host.cache.root} was not as it was unpacked, and is unpacked anew when it is next wanted"
        )
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    os.utime(mark, (now.timestamp(), now.timestamp()))


def _kept(host: Host, survey: StoreSurvey, words: set[str]) -> set[Digest]:
    """Return the heads and nodes that stay: those of the newest verified releases, and of releases of sets."""
    releases = {each.digest: each for each in newest_releases(host)}
    releases |= {digest: each for digest, each in survey.heads.items() if digest in words}
    pinned = {pin.release for release in releases.values() for pin in release.imports}
    releases |= {digest: each for digest, each in survey.heads.items() if digest in pinned}
    return releases.keys() | {node for release in releases.values() for node in nodes_of(host.blobs, release)}


def _store(entry: ReleaseEntry) -> str:
    """Return the name of a package's directory: the digest of a manifest is that of the tree."""
    return f"{entry.name}-{entry.version}-{entry.manifest.digest.store_key}"


def _size(place: Path, *, links: int = 0) -> int:
    """Return the bytes in a directory's files; with `links`, only of files with that many hard links."""
    found = (os.lstat(Path(folder) / name) for folder, _, names in os.walk(place) for name in names)
    return sum(each.st_size for each in found if not links or each.st_nlink == links)
