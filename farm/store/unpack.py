"""The host's cache of unpacked packages: filled from verified archives, read-only afterwards, scrubbed.

Any number of processes may share a cache. A package appears whole or not at all.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from farm.core.fileset.archive_reader import STORE_ROOT, read_archive
from farm.core.fileset.rules import ArchiveLimits
from farm.errors import FarmError
from farm.store.capture import digest_tree
from farm.store.decompress import archive_chunks
from farm.store.errors import TreeChangedError, UnfitTreeError
from farm.store.locks import locked
from farm.store.scan import scan_tree
from farm.store.tree_stamp import looks_unpacked
from farm.store.tree_writer import TreeWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from farm.core.fileset.manifest import Manifest
    from farm.core.names.digest import Digest

_STORE = re.compile(r"[a-z0-9][A-Za-z0-9+.~-]{0,200}")
_ABSOLUTE_LINKS = " absolute-links"
_ASIDE = ".aside"


class PackageCache:
    """A directory with one read-only directory for each package, named by its store path.

    `ROOT/<store>` is the tree; `ROOT/.tree/<store>` holds its full tree digest and is written last; `.work` holds
    packages that are being unpacked, `.aside` replaced ones that may be in use, `.lock` the locks.
    """

    def __init__(self, root: Path, *, limits: ArchiveLimits | None = None) -> None:
        self.root = Path(root)
        self._limits = limits or ArchiveLimits()

    def path(self, store: str) -> Path:
        """Return the directory of the package with that store path, whether or not it exists."""
        if not _STORE.fullmatch(store):
            raise ValueError(f"{store[:300]!r} is not a store path")
        return self.root / store

    def holds(self, store: str, tree: Digest) -> bool:
        """Return whether the package exists and was unpacked to this tree (it is not read again)."""
        return self._record(store).split(" ")[0] == tree and self.path(store).is_dir()

    def ensure(
        self,
        store: str,
        tree: Digest,
        open_archive: Callable[[], BinaryIO],
        *,
        prefix: str | None = None,
        absolute_links: bool = False,
        look: Manifest | None = None,
    ) -> Path:
        """Return the directory of a package; unpacks its zstd archive first if the package is missing.

        `tree` is the expected tree; `prefix` is the tree's path in the archive, by default `packages/<store>`;
        `absolute_links` as in `Manifest`. With `look`, the manifest of the tree, a package that was changed since it
        was unpacked is replaced; processes that have it mounted keep the old one. Of several concurrent callers, one
        unpacks and the others wait. Raises `InvalidArchiveError`, `UndecodableArchiveError`, `FarmError`
        (`unpack-mismatch`), and what reading the archive raises; the package is then not in the cache, or unchanged.
        """
        final = self.path(store)
        record = str(tree) + (_ABSOLUTE_LINKS if absolute_links else "")

        def is_there() -> bool:
            return self._record(store) == record and final.is_dir() and (look is None or looks_unpacked(final, look))

        if is_there():
            return final
        with self._locked(store):
            if not is_there():
                if self._record(store) != record:
                    self._discard(store)
                with self._workplace(store) as work:
                    with open_archive() as archive, TreeWriter(work) as sink:
                        _, manifest = read_archive(
                            archive_chunks(archive),
                            prefix=f"{STORE_ROOT}/{store}" if prefix is None else prefix,
                            limits=self._limits,
                            sink=sink,
                            absolute_links=absolute_links,
                        )
                    _check_tree(store, tree, manifest)
                    self._set_aside(store)
                    work.rename(final)
                self.record(store).parent.mkdir(mode=0o755, exist_ok=True)
                self.record(store).write_text(record)
        return final

    def aside(self) -> tuple[tuple[str, Path], ...]:
        """Return the replaced packages, by store path, with their directories, which are no longer used here."""
        return tuple(sorted((path.name.rpartition("@")[0], path) for path in self.root.glob(f"{_ASIDE}/*")))

    def remove(self, store: str) -> None:
        """Remove a package, if it exists. The caller must know that it is no longer used."""
        with self._locked(store):
            self._discard(store)

    def stores(self) -> tuple[str, ...]:
        """Return the store paths of the packages, sorted."""
        return tuple(name for name in self._stores() if self.path(name).is_dir())

    def is_intact(self, store: str) -> bool:
        """Read a package again, and return whether it is unchanged; true for one that was removed meanwhile."""
        with self._locked(store):
            return not self.path(store).exists() or self._intact(store)

    def scrub(self) -> tuple[str, ...]:
        """Read everything again; remove the packages that were changed, and return their store paths.

        Files that killed processes have left are removed too. A removed package is unpacked again when it is needed.
        """
        removed: list[str] = []
        for store in self._stores():
            with self._locked(store):
                if self.path(store).exists() and not self._intact(store):
                    removed.append(store)
                    self._discard(store)
                shutil.rmtree(self.root / ".work" / store, ignore_errors=True)
        return tuple(removed)

    @contextmanager
    def _workplace(self, store: str) -> Iterator[Path]:
        """Yield an empty directory to unpack a package into, which is removed after a failure."""
        work = self.root / ".work" / store
        shutil.rmtree(work, ignore_errors=True)
        work.parent.mkdir(mode=0o755, exist_ok=True)
        work.mkdir(mode=0o755)  # whatever the umask, no other user may add to it
        try:
            yield work
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            raise

    def _set_aside(self, store: str) -> None:
        place = self.path(store)
        if os.path.lexists(place):
            self.record(store).unlink(missing_ok=True)
            aside = self.root / _ASIDE / f"{store}@{secrets.token_hex(8)}"
            aside.parent.mkdir(mode=0o755, exist_ok=True)
            place.rename(aside)

    def _stores(self) -> list[str]:
        found = {path.name for pattern in ("*", ".work/*") for path in self.root.glob(pattern)}
        return sorted(name for name in found if _STORE.fullmatch(name))

    def _intact(self, store: str) -> bool:
        recorded, _, absolute = self._record(store).partition(" ")
        try:
            seen = scan_tree(self.path(store), absolute_links=bool(absolute))
            return digest_tree(self.path(store), seen).tree_digest == recorded
        except (UnfitTreeError, TreeChangedError, OSError):
            return False

    def _discard(self, store: str) -> None:
        self.record(store).unlink(missing_ok=True)
        for tree in (self.path(store), self.root / ".work" / store):
            if tree.is_dir() and not tree.is_symlink():
                shutil.rmtree(tree)
            else:
                tree.unlink(missing_ok=True)

    def record(self, store: str) -> Path:
        """Return the file that exists as long as the package does, and names its tree."""
        return self.root / ".tree" / store

    def _record(self, store: str) -> str:
        try:
            return self.record(store).read_text()
        except FileNotFoundError:
            return ""

    def _locked(self, store: str) -> AbstractContextManager[None]:
        return locked(self.root / ".lock" / store)


def _check_tree(store: str, tree: Digest, manifest: Manifest) -> None:
    if manifest.tree_digest != tree:
        raise FarmError(
            f"the archive of {store} holds the tree {manifest.tree_digest}, not {tree}",
            remedy="Do not use this archive: fetch it again from another place.",
            code="unpack-mismatch",
        )
