"""The sink of archive entries while an archive is read: a protocol, which `farm.store.tree_writer` implements."""

from __future__ import annotations

from typing import Protocol


class FileSink(Protocol):
    """The sink of one file's content."""

    def write(self, piece: bytes | memoryview, /) -> object:
        """Write the next piece of the content."""

    def close(self) -> None:
        """The content is complete. Not called when the archive is refused before that."""


class ArchiveSink(Protocol):
    """The sink of archive entries; paths are relative to the archive's prefix, parents come before their content."""

    def directory(self, path: str, /) -> None:
        """Add a directory."""

    def link(self, path: str, target: str, /) -> None:
        """Add a symbolic link."""

    def file(self, path: str, size: int, executable: bool, /) -> FileSink:  # noqa: FBT001 - a fact of the entry, not a switch
        """Add a file of `size` bytes; its content is written to the returned sink before any other entry is added."""
