"""Toolchains on this host: root directories that match their manifests, made from a lock or from blobs.

`cache_dir` holds the roots, by tree digest (`c-<key>/root`), and records of the tree that each lock gave
(`c-<key>.json`), so that the next start reads one small file. Roots are bound read-only into containers and never
written to again. Only the user root can make one.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, TypeAlias

from farm.build.toolchain.apt import Apt
from farm.build.toolchain.base_paths import base_paths
from farm.build.toolchain.debian_root import ROOT_FORMAT, make_root, settle_root
from farm.build.toolchain.lock import DebDroppedError, fetch_debs, lock_in_force, relock
from farm.core.fileset.manifest import Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.store.capture import Captured, capture_tree, digest_tree
from farm.store.durable_file import replace_file
from farm.store.locks import locked
from farm.store.scan import scan_tree
from farm.store.unpack import PackageCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from farm.core.fileset.forest import BaseTree
    from farm.core.recipe.toolchain import ToolchainDefinition, ToolchainLock
    from farm.store.blobs import BlobStore

Making: TypeAlias = "Callable[[str], AbstractContextManager[Callable[[str], None]]]"
"""Is entered with the name of a toolchain while it is made; its value is called with what is being done."""

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]{0,62}")


def unreported(_name: str) -> AbstractContextManager[Callable[[str], None]]:
    """Report nothing of a toolchain that is made; a value of `Making`."""
    return nullcontext(lambda _doing: None)


@dataclass(frozen=True)
class Toolchain:
    """A toolchain on this host. `root` is the unpacked tree; manifest (the blob `tree`) and archive are in the store.

    `lock` lists the Debian packages that it was made of, which the store has too; None if it was restored from blobs.
    """

    name: str
    tree: Digest
    archive: BlobRef
    root: Path
    lock: ToolchainLock | None
    store: BlobStore = field(repr=False, compare=False)

    @property
    def debs(self) -> Mapping[str, Digest]:
        """The digests of its Debian packages by name; none if they are not known."""
        return {deb.name: deb.digest for deb in self.lock.debs} if self.lock else {}

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest of the root, read when it is first used; raises `MissingBlobError`, `CorruptBlobError`."""
        return Manifest.from_json(self.store.read(self.tree))

    @cached_property
    def base(self) -> BaseTree:
        """The paths of the root, for laying a link forest over it; raises as `manifest`."""
        return base_paths(self.root.parent, self.tree, lambda: self.manifest)


def ensure_toolchain(
    definition: ToolchainDefinition,
    lock: ToolchainLock,
    store: BlobStore,
    cache_dir: Path,
    *,
    apt: Callable[[], Apt] | None = None,
    making: Making = unreported,
) -> Toolchain:
    """Return the toolchain of a lock; make it if it is missing, which takes some 25 s, `mmdebstrap` and the user root.

    Every package is verified by digest and kept as a blob. The same lock gives the same tree on any machine.
    `apt` makes the private apt that missing packages are fetched with; by default one over this machine's signed
    sources, in `cache_dir/apt`. Raises `DebDroppedError`, `AptError`, and the error
    `debian-root-failed`.
    """
    record = _Record(cache_dir, definition, lock)
    if toolchain := record.read(store):
        return toolchain
    with making(definition.name) as report, locked(cache_dir / f".{record.path.stem}.lock"):
        if toolchain := record.read(store):  # made by the process that had the lock
            return toolchain
        with _workplace(cache_dir, record.path.stem) as work:
            report(f"fetching {len(lock.debs)} Debian packages")
            fetch_debs(lock, store, apt or (lambda: Apt.of_machine(cache_dir / "apt", definition.suite)), work=work)
            made = work / "home" / "root"
            made.parent.mkdir()
            captured = _make(definition, lock, store, made, work=work, report=report)
            _move_home(made.parent, _home(cache_dir, definition.name, captured.tree))
        record.write(captured)
        return record.toolchain(captured.tree, captured.archive, store)


def ensure_toolchain_within_suite(
    definition: ToolchainDefinition,
    lock: ToolchainLock,
    store: BlobStore,
    cache_dir: Path,
    *,
    say: Callable[[str], None],
    making: Making = unreported,
) -> Toolchain:
    """Return the toolchain of the lock in force; if its packages are gone, lock again within the suite first.

    Debian's mirrors drop superseded versions, so the repository's lock ages. When one of its packages is gone, the
    definition is resolved again within its suite, and the result replaces this very lock in `cache_dir/locks` (see
    `lock_in_force`); the repository stays unchanged. `say` gets a sentence about it. A farm with a replaced lock has
    other plan digests than one that still has the old packages. Raises `AptError`, and `debian-root-failed`.
    """
    try:
        return ensure_toolchain(definition, lock_in_force(lock, cache_dir), store, cache_dir, making=making)
    except DebDroppedError as error:
        say(f"{error.message}. Locking {definition.name} again within {definition.suite}, on this farm only.")
    renewed = relock(definition, lock, Apt.of_machine(cache_dir / "apt", definition.suite), cache_dir)
    return ensure_toolchain(definition, renewed, store, cache_dir, making=making)


def made_toolchain(
    definition: ToolchainDefinition, lock: ToolchainLock, store: BlobStore, cache_dir: Path
) -> Toolchain | None:
    """Return the toolchain of the lock in force if this host has it; None if it would have to be made."""
    return _Record(cache_dir, definition, lock_in_force(lock, cache_dir)).read(store)


def restore_toolchain(name: str, tree: Digest, archive: BlobRef, store: BlobStore, cache_dir: Path) -> Toolchain:
    """Return the toolchain `tree` from its archive in the store, on a host without apt and Debian.

    Raises `MissingBlobError`, and what `PackageCache.ensure` raises when the archive is not that tree's.
    """
    home = _home(cache_dir, name, tree)
    if not home.is_dir():
        with locked(cache_dir / f".{home.name}.lock"), _workplace(cache_dir, home.name) as work:
            made = work / "home"
            unpacked = PackageCache(work / "cache").ensure(
                "root", tree, lambda: store.open(archive.digest), prefix="", absolute_links=True
            )
            made.mkdir()
            unpacked.rename(made / "root")
            settle_root(made / "root")  # a cache of packages keeps its files read-only; a manifest says 0644
            _move_home(made, home)
    toolchain = Toolchain(name, tree, archive, home / "root", None, store)
    if not store.has(tree):
        store.put_bytes(check_root(toolchain.root, tree).to_json())
    return toolchain


def check_root(root: Path, tree: Digest) -> Manifest:
    """Read a whole root, and return its manifest. Raises the error `toolchain-mismatch` if it is another tree."""
    manifest = digest_tree(root, scan_tree(root, absolute_links=True))
    if manifest.tree_digest != tree:
        raise FarmError(
            f"the toolchain at {root} should be the tree {tree} and is {manifest.tree_digest}",
            remedy=f"Stop the builds on this host, delete {root.parent} and start again.",
            code="toolchain-mismatch",
        )
    return manifest


def _make(
    definition: ToolchainDefinition,
    lock: ToolchainLock,
    store: BlobStore,
    root: Path,
    *,
    work: Path,
    report: Callable[[str], None],
) -> Captured:
    for deb in lock.debs:
        store.verify(deb.digest)  # mmdebstrap reads the files without the store's check
    debs = {deb: store.path(deb.digest) for deb in lock.debs}
    report(f"installing {len(lock.debs)} Debian packages")
    make_root(debs, root, work=work, excludes=definition.excludes, removes=definition.removes)
    report("packing what they installed")
    captured = capture_tree(root, scan_tree(root, absolute_links=True), store, prefix="")
    os.sync()  # a root is never read back as a whole, so it must not be recorded before it is on the disk
    return captured


class _Record:
    """The record of the tree that a definition's lock gave, a file that is written last."""

    def __init__(self, cache_dir: Path, definition: ToolchainDefinition, lock: ToolchainLock) -> None:
        # The packages asked for and the suite are in the lock's digest; the rest of the definition shapes the root.
        key = Digest.of_json(
            {"format": ROOT_FORMAT, "lock": lock.digest, "excludes": definition.excludes, "removes": definition.removes}
        )
        self.path = cache_dir / f"{definition.name}-{key.store_key}.json"
        self._cache_dir = cache_dir
        self._lock = lock
        self._name = definition.name

    def read(self, store: BlobStore) -> Toolchain | None:
        """Return the recorded toolchain if it is complete: the root, and its blobs in this store."""
        try:
            value: dict[str, Any] = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return None
        toolchain = self.toolchain(Digest(value["tree"]), BlobRef.from_dict(value["archive"]), store)
        whole = toolchain.root.is_dir() and store.has(toolchain.tree) and store.has(toolchain.archive.digest)
        return toolchain if whole else None

    def toolchain(self, tree: Digest, archive: BlobRef, store: BlobStore) -> Toolchain:
        """Return the toolchain that the lock gave."""
        return Toolchain(
            self._name, tree, archive, _home(self._cache_dir, self._name, tree) / "root", self._lock, store
        )

    def write(self, captured: Captured) -> None:
        """Record the tree that the lock gave."""
        value = {
            "archive": captured.archive.to_dict(),
            "diff-id": captured.diff_id,
            "lock": self._lock.digest,
            "tree": captured.tree,
        }
        replace_file(self.path, canonical_json(value) + b"\n")


def _home(cache_dir: Path, name: str, tree: Digest) -> Path:
    if not _NAME.fullmatch(name):  # a farm may have sent it
        raise FarmError(f"{name[:100]!r} cannot be the name of a toolchain", code="toolchain-name")
    return cache_dir / f"{name}-{tree.store_key}"


def _move_home(made: Path, home: Path) -> None:
    """Move a finished root to its place; a root of the same tree that is there already may be in use, and stays."""
    made.chmod(0o755)
    if home.is_dir():
        rmtree(made)
    else:
        made.rename(home)


@contextmanager
def _workplace(cache_dir: Path, name: str) -> Iterator[Path]:
    """Yield an empty directory to the holder of the lock of that name, after removing those of killed processes."""
    for left in cache_dir.glob(f"making-{name}-*"):
        rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f"making-{name}-", dir=cache_dir) as directory:
        yield Path(directory)
