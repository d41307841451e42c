"""Tiny packages for the tests of images: trees given as dictionaries, archived into a store."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.forest import ForestPackage, build_forest
from farm.core.fileset.manifest import File, Manifest
from farm.core.names.digest import Digest
from farm.core.sets.composition.compose import ComposedPackage, Composition
from farm.oci.package_layers import PackageArchive
from farm.store.capture import ArchiveBlob

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.store.blobs import BlobStore


@dataclass(frozen=True)
class TinyPackage:
    archive: PackageArchive
    composed: ComposedPackage
    forest: ForestPackage


def package(store: BlobStore, name: str, files: Mapping[str, bytes]) -> TinyPackage:
    """A package of these files, executable below `bin/`."""
    manifest = Manifest.of(
        File(path, len(content), Digest.of(content), path.startswith("bin/")) for path, content in files.items()
    )
    owner = manifest.store_path(name, "1.0")
    with ArchiveBlob(store, threads=1) as blob:
        for piece in ArchiveWriter(f"packages/{owner}").archive(manifest, lambda file: (files[file.path],)):
            blob.add(piece)
        diff_id, reference = blob.commit()
    size = sum(map(len, files.values()))
    return TinyPackage(
        PackageArchive(owner, diff_id, reference, size),
        ComposedPackage(owner, manifest.tree_digest, diff_id),
        ForestPackage(owner, name, manifest),
    )


def composition(packages: Sequence[TinyPackage]) -> Composition:
    composed = sorted((member.composed for member in packages), key=lambda member: member.store)
    return Composition(tuple(composed), build_forest([member.forest for member in packages]))


def printing_program(text: bytes) -> bytes:
    """A static x86-64 Linux program that prints `text` and exits with 0: all that a scratch image needs to run."""
    code = (
        b"\xb8\x01\0\0\0\xbf\x01\0\0\0"  # write(1, …
        b"\x48\x8d\x35\x10\0\0\0"  # … text, 16 bytes after this instruction, …
        b"\xba%s"  # … length)
        b"\x0f\x05\xb8\x3c\0\0\0\x31\xff\x0f\x05"  # exit(0)
    ) % struct.pack("<I", len(text))
    return _program(code + text)


def waiting_program() -> bytes:
    """A static x86-64 Linux program that waits until it is killed."""
    return _program(b"\xb8\x22\0\0\0\x0f\x05\xeb\xf7")  # again: pause()


def _program(code: bytes) -> bytes:
    base, headers = 0x400000, 64 + 56
    size = headers + len(code)
    elf = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, base + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    return elf + struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000) + code
