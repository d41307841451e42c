"""The trees of the workloads, cut from the contents of a toolchain: real bytes, the same on every run."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.descriptor import Descriptor
from farm.oci.package_layers import PackageArchive
from farm.store.capture import capture_tree
from farm.store.scan import scan_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from farm.core.fileset.manifest import Manifest
    from farm.store.blobs import BlobStore
    from farm.store.capture import Captured

_SEED = 2
_NOTHING = Digest.of(b"")


def write_small_files(directory: Path, quarry: bytes, *, count: int, total: int) -> None:
    """Write `count` files of `total` bytes in total, in directories of 100; sizes are spread as those of real files."""
    _write(directory, [f"d{number // 100:03}/f{number:05}" for number in range(count)], quarry, total=total)


def write_large_files(directory: Path, quarry: bytes, *, count: int, total: int) -> None:
    """Write `count` files of one size, of `total` bytes in total."""
    directory.mkdir(parents=True)
    rest = _cut(quarry, [total // count] * count)
    for number, piece in enumerate(rest):
        (directory / f"f{number:02}").write_bytes(piece)


@dataclass(frozen=True)
class SamplePackage:
    """A package as a build leaves it: its tree on disk, its capture, and its descriptor."""

    tree: Path
    captured: Captured
    descriptor: Descriptor

    @property
    def name(self) -> str:
        """The short name."""
        return self.descriptor.name.short

    @property
    def store(self) -> str:
        """The store path."""
        return self.descriptor.store_path

    @property
    def archive(self) -> PackageArchive:
        """The archive in the form of `farm.oci`."""
        size = sum(file.size for file in self.captured.manifest.files())
        return PackageArchive(self.store, self.captured.diff_id, self.captured.archive, size)


def write_packages(
    directory: Path, store: BlobStore, quarry: bytes, *, count: int, files: int, total: int
) -> list[SamplePackage]:
    """Make `count` packages of `files` files each, of `total` bytes in total, captured into a store; some are large."""
    packages = []
    for number, size in enumerate(_spread(count, total, _SEED)):
        name = f"sample{number:02}"
        start = number * (len(quarry) // count)
        part = quarry[start:] + quarry[:start]
        _write(directory / name, list(_package_paths(name, files)), part, total=size, seed=number)
        packages.append(capture_package(directory / name, store))
    return packages


def capture_package(tree: Path, store: BlobStore) -> SamplePackage:
    """Capture a tree as the package of the tree's name, version 1.0, as a build does."""

    def prefix(manifest: Manifest) -> str:
        return f"packages/{manifest.store_path(tree.name, '1.0')}"

    captured = capture_tree(tree, scan_tree(tree), store, prefix=prefix)
    descriptor = Descriptor(
        name=PackageName.parse(f"bench.example.org/{tree.name}"),
        version=Version("1.0"),
        revision=1,
        platform=Platform.parse("linux/amd64"),
        tree=captured.tree,
        diff_id=captured.diff_id,
        facts=_NOTHING,
        plan=_NOTHING,
        license="MIT",
    )
    return SamplePackage(tree, captured, descriptor)


def rebuild(package: SamplePackage, directory: Path, store: BlobStore) -> SamplePackage:
    """Return the package as a rebuild leaves it: programs and libraries differ by some bytes, texts do not."""
    tree = directory / package.name
    shutil.copytree(package.tree, tree)
    for path in sorted([*tree.glob("bin/*"), *tree.glob("lib/*.so.1")]):
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + b"another build of it" + content[middle:])
    return capture_package(tree, store)


def _package_paths(name: str, count: int) -> Iterator[str]:
    """Yield the usual paths of a package; some directories are its own, some it shares with all."""
    for number in range(4):
        yield f"bin/{name}-{number}"
        yield f"share/man/man1/{name}-{number}.1"
    for number in range(6):
        yield f"lib/lib{name}-{number}.so.1"
    for number in range(10):
        yield f"share/doc/{name}/chapter-{number}.txt"
    yield f"share/bash-completion/completions/{name}"
    yield f"share/licenses/{name}/LICENSE"
    rest = count - 26
    for number in range(rest):
        home = ("include", "lib", "share", "share")[number % 4]
        yield f"{home}/{name}/part-{number % 7}/file-{number:04}"


def _write(directory: Path, paths: Sequence[str], quarry: bytes, *, total: int, seed: int = 0) -> None:
    """Write files of `total` bytes in total."""
    for path, piece in zip(paths, _cut(quarry, _spread(len(paths), total, seed)), strict=True):
        place = directory / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(piece)
        if path.startswith("bin/"):
            place.chmod(0o755)


def _spread(count: int, total: int, seed: int) -> list[int]:
    """Divide `total` into sizes distributed as those of real files: log-normally, the same for the same seed."""
    numbers = random.Random(seed)  # noqa: S311  # the same on every run
    weights = [numbers.lognormvariate(0, 1.5) for _ in range(count)]
    scale = total / sum(weights)
    return [int(weight * scale) for weight in weights]


def _cut(quarry: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """Yield pieces of these sizes one after the other, from the start again when the quarry ends."""
    position = 0
    for size in sizes:
        if position + size > len(quarry):
            position = 0
        yield quarry[position : position + size]
        position += size
