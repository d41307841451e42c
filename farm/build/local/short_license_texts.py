"""License texts of packages that are too short to be whole: a step has cut out the wrong part of a source file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.manifest import File, Manifest
from farm.core.names.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.core.plan.job import BuiltPackage
    from farm.store.blobs import BlobStore

_LEAST_BYTES = 200
"""The shortest licenses of the SPDX list have some 200 characters."""


def short_license_texts(packages: Iterable[BuiltPackage], store: BlobStore) -> Iterator[str]:
    """Yield a sentence about each file below `share/licenses` of less than 200 bytes; the store has the manifests."""
    for package in packages:
        for entry in Manifest.from_json(store.read(package.manifest.digest)).entries:
            if not isinstance(entry, File) or not entry.path.startswith("share/licenses/"):
                continue
            if entry.size < _LEAST_BYTES:
                name, size = package.descriptor.name.short, counted(entry.size, "byte")
                yield f"{name}: /usr/{entry.path} has only {size}: look whether it is the whole license"
