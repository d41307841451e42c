"""Tar archives without a directory: `tar --strip-components=1` would leave nothing of them, without an error."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, BinaryIO, cast

import zstandard

from farm.build.sources.archives.archive_format import SNIFFED, format_of
from farm.build.sources.archives.members import UnreadableArchiveError
from farm.store.decompress import LARGEST_WINDOW

if TYPE_CHECKING:
    from pathlib import Path

_MOST_MEMBERS = 10_000
"""Of an archive that begins with so many files without a directory, the rest is not read."""


def check_not_flat(path: Path) -> None:
    """Refuse a tar archive all of whose files lie at its top. Raises `UnreadableArchiveError`.

    Reads up to the first file in a directory, which usually is the first one. What is no tar archive, or cannot be
    decompressed here, is left to `tar`, which reports it.
    """
    names = _names_up_to_a_directory(path)
    if names and not any("/" in name for name in names) and len(names) < _MOST_MEMBERS:
        raise UnreadableArchiveError(
            f"its files lie in no directory ({', '.join(names[:3])}), and the first directory of a path is left out",
            remedy="Write unpack: false, and unpack it in a step: tar -xf /sources/NAME.",
        )


def _names_up_to_a_directory(path: Path) -> list[str]:
    names: list[str] = []
    try:
        with path.open("rb") as file:
            is_zstd = format_of(file.read(SNIFFED)) == "zstd"
            file.seek(0)
            stream = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).stream_reader(file) if is_zstd else file
            with tarfile.open(fileobj=cast("BinaryIO", stream), mode="r|*") as tar:
                for member in tar:
                    names += [] if member.isdir() else [member.name]
                    if "/" in member.name or len(names) >= _MOST_MEMBERS:
                        return [*names, member.name]
    except (tarfile.TarError, zstandard.ZstdError, EOFError, ValueError, OSError):
        return []
    return names
