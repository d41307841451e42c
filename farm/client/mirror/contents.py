"""The blobs of a release that a mirror holds: all from its head to the files that its packages were made from."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.client.repository.download import PARALLEL, DownloadError
from farm.client.repository.sources import LARGEST_SOURCE
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.core.plan.plan import Plan
from farm.core.plan.sbom import toolchain_lock_in
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.declared_sources import read_declared_sources
from farm.errors import FarmError
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.attestation.dsse import unverified_statement
from farm.trust.index.earlier_release import LARGEST_HEAD
from farm.trust.index.release_index import Release
from farm.trust.index.tree import IndexTree, listing_difference, listings, read_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from farm.client.repository.download import Downloads
    from farm.store.blobs import BlobStore
    from farm.trust.index.advisory_index import AdvisoryIndex
    from farm.trust.index.imports import Import
    from farm.trust.index.node import Listing
    from farm.trust.index.release_index import ReleaseEntry
    from farm.trust.index.tree import Read

_BATCH = 256
"""The number of packages that are fetched at a time."""
_LARGEST_CONTENTS = 16 << 20


@dataclass(frozen=True, slots=True)
class Portion:
    """A release, or the part of it that an import takes: then `names` are the short names of those packages."""

    release: Release
    names: tuple[str, ...] | None = None
    pin: Import | None = None

    @property
    def key(self) -> Digest:
        """The key of the portion in a mirror's record."""
        return key_of(self.pin) if self.pin else self.release.digest


def key_of(pin: Import) -> Digest:
    """Return the key of an import in a mirror's record."""
    return Digest.of_json(pin.to_dict())


@dataclass(slots=True)
class FetchResult:
    """What was fetched: `size` in bytes, and how many source files the repository does not have."""

    size: int = 0
    missing_sources: int = 0
    archive: Callable[[BlobRef], None] = field(default=lambda _blob: None)
    """Called with each archive that has arrived."""


class Contents:
    """Fetches portions into a mirror's store, or walks the portions that it has. With `sources`, their sources too.

    With `check`, existing blobs are read, and fetched again where they are damaged.
    """

    def __init__(self, downloads: Downloads, brought: FetchResult, *, sources: bool, check: bool = False) -> None:
        self._downloads = downloads
        self._brought = brought
        self._sources = sources
        self._check = check

    def lines(self, portion: Portion, base: Portion | None) -> Sequence[Listing]:
        """Return the lines of the packages that differ from `base`, which the mirror has; without one, all.

        The index nodes that are read are put into the store.
        """
        read = self._reader(portion.release)
        if portion.names is not None:
            tree = IndexTree(read, portion.release.index)
            return [line for name in portion.names if (line := tree.listing(name))]
        if base is not None:
            return listing_difference(read, base.release.index, portion.release.index)[0]
        what = f"index of {portion.release}"
        return list(listings(read, portion.release.index, lambda blobs: self._downloads.prefetch(blobs, what)))

    def bring(self, portion: Portion, lines: Sequence[Listing]) -> None:
        """Fetch all blobs of these packages, and the head of the release.

        Nothing is flushed to the disk. Raises `DownloadError`, `InvalidReleaseError`.
        """
        read = self._reader(portion.release)
        for start in range(0, len(lines), _BATCH):
            batch = lines[start : start + _BATCH]
            self._downloads.prefetch([line.entry for line in batch], f"index of {portion.release}")
            entries = [read_entry(read, line) for line in batch]
            self._bring([(blob, f"blob of {entry.name}") for entry in entries for blob in entry.blobs])
            for entry in entries:
                self._brought.archive(entry.archive)
            if self._sources:
                self._bring_sources(entries)
        self._downloads.store.put_bytes(portion.release.to_json())

    def bring_advisories(self, index: AdvisoryIndex) -> None:
        """Fetch the documents that a signed list of advisories names."""
        self._bring([(blob, "advisory") for blob in _documents(index)])

    def heads_back(self, newest: Release) -> Iterator[Release]:
        """Yield a release and those before it, and put their heads into the store. Raises `DownloadError`."""
        release = newest
        while True:
            yield release
            if release.previous is None:
                return
            blob = BlobRef(release.previous, LARGEST_HEAD)
            release = Release.from_json(self._downloads.read(blob, f"head of the release before {release}"))

    def _reader(self, release: Release) -> Read:
        what = f"index of {release}"
        return lambda blob: self._downloads.read(blob, what)

    def _bring(self, blobs: Iterable[tuple[BlobRef, str]]) -> None:
        missing = [(blob, what) for blob, what in dict(blobs).items() if not self._is_there(blob)]
        self._downloads.ensure_all(missing, lambda _blob: None, durable=False)
        self._brought.size += sum(blob.size for blob, _ in missing)

    def _is_there(self, blob: BlobRef) -> bool:
        store = self._downloads.store
        if not store.has(blob.digest) or store.size(blob.digest) != blob.size:
            return False
        return not self._check or not _removed_if_rotten(store, blob.digest)

    def _bring_sources(self, entries: Iterable[ReleaseEntry]) -> None:
        store = self._downloads.store
        recipes = {recipe for entry in entries for recipe in entry.recipes}
        self._bring_by_digest(recipes, _LARGEST_CONTENTS)
        files = {digest for recipe in recipes for digest in recipe_files(store, recipe)}
        files |= {digest for entry in entries for digest in named_sources(store, entry)}
        self._bring_by_digest(files, LARGEST_SOURCE)
        # Only the recipes name them, which are here now.
        self._bring_by_digest(
            {source for recipe in recipes for source in carried_sources(store, recipe)}, LARGEST_SOURCE
        )

    def _bring_by_digest(self, digests: set[Digest], most: int) -> None:
        store = self._downloads.store
        missing = sorted(
            digest for digest in digests if not store.has(digest) or (self._check and _removed_if_rotten(store, digest))
        )

        def fetch(digest: Digest) -> int:
            try:
                self._downloads.ensure_within(digest, most, "source of a package")
            except DownloadError as error:
                if not error.is_lacking:
                    raise
                return -1
            return store.size(digest)

        with ThreadPoolExecutor(PARALLEL) as pool:
            sizes = list(pool.map(fetch, missing))
        self._brought.size += sum(size for size in sizes if size > 0)
        self._brought.missing_sources += sizes.count(-1)


def needed(store: BlobStore, portions: Iterable[Portion], *, sources: bool) -> set[Digest]:
    """Return every blob of portions that are complete, except the heads of releases.

    Entries that several portions share are read once. Costs about a millisecond for each package.
    """
    found: set[Digest] = set()

    def read(blob: BlobRef) -> bytes:
        found.add(blob.digest)
        return store.read(blob.digest)

    for portion in portions:
        if portion.names is None:
            lines: Iterable[Listing] = listings(read, portion.release.index)
        else:
            tree = IndexTree(read, portion.release.index)
            lines = (line for name in portion.names if (line := tree.listing(name)))
        for line in lines:
            if line.entry.digest in found:
                continue
            entry = read_entry(read, line)
            found.update(blob.digest for blob in entry.blobs)
            if sources:
                files = (file for recipe in entry.recipes for file in recipe_files(store, recipe))
                carried = (digest for recipe in entry.recipes for digest in carried_sources(store, recipe))
                found.update((*entry.recipes, *files, *carried, *named_sources(store, entry)))
    return found


def needed_heads(store: BlobStore, newest: Release) -> Iterator[Digest]:
    """Yield the digests of a release and of those before it, as far back as the mirror has their heads."""
    yield newest.digest
    previous = newest.previous
    while previous is not None and store.has(previous):
        yield previous
        previous = Release.from_json(store.read(previous)).previous


def needed_advisories(index: AdvisoryIndex) -> Iterator[Digest]:
    """Yield the digests of the documents that a list of advisories names."""
    return (blob.digest for blob in _documents(index))


def recipe_files(store: BlobStore, recipe: Digest) -> Iterator[Digest]:
    """Yield the blobs of a recipe; nothing where the mirror does not have the recipe."""
    try:
        contents = RecipeContents.from_json(store.read(recipe))
    except (MissingBlobError, CorruptBlobError, FarmError):
        return
    yield contents.recipe
    yield from contents.files.values()


def named_sources(store: BlobStore, entry: ReleaseEntry) -> Iterator[Digest]:
    """Yield the sources that a package's provenance names, and the toolchain's package list, which its SBOM names.

    The signed entry names the provenance by digest. Users of the package verify the provenance's signature.
    """
    with suppress(MissingBlobError, CorruptBlobError):
        if entry.sbom and (lock := toolchain_lock_in(store.read(entry.sbom.digest))):
            yield lock
    try:
        statement = unverified_statement(store.read(entry.provenance.digest))
        plan = Plan.from_dict(statement["predicate"]["buildDefinition"]["internalParameters"]["plan"])
    except (ValueError, KeyError, TypeError, FarmError):
        return
    yield from (source.digest for source in plan.sources)


def carried_sources(store: BlobStore, recipe: Digest) -> Iterator[Digest]:
    """Yield the sources that a recipe only carries (of Debian's packages), where the mirror has the recipe."""
    with suppress(MissingBlobError, CorruptBlobError, FarmError):
        contents = RecipeContents.from_json(store.read(recipe))
        beside = {name: store.read(digest) for name, digest in contents.files.items()}
        declared = read_declared_sources(store.read(contents.recipe), beside, file=f"the recipe {recipe}")
        yield from (source.digest for source in declared.carried)


def _removed_if_rotten(store: BlobStore, digest: Digest) -> bool:
    try:
        store.verify(digest)
    except CorruptBlobError:
        store.delete(digest)
        return True
    return False


def _documents(index: AdvisoryIndex) -> list[BlobRef]:
    return [*(advisory.document for advisory in index.advisories), *([index.statements] if index.statements else [])]
