"""Where the entries of an archive go while it is read: a protocol, which `farm.store.tree_writer` implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from farm.core.names.digest import Digest


class FileSink(Protocol):
    """Where the content of one file goes."""

    def write(self, piece: bytes | memoryview, /) -> object:
        """Take the next piece of the content."""

    def close(self, digest: Digest, /) -> None:
        """Take note that the content is complete, and of its digest. Not called when the archive is refused midway."""


class ArchiveSink(Protocol):
    """Where the entries of an archive go; paths are relative to its prefix, parents come before what they hold."""

    def directory(self, path: str, /) -> None:
        """Take a directory."""

    def link(self, path: str, target: str, /) -> None:
        """Take a symbolic link."""

    def file(self, path: str, size: int, executable: bool, /) -> FileSink:  # noqa: FBT001 - a fact of the entry, not a switch
        """Take a file of `size` bytes; the content follows into the returned sink before any other entry."""


class NoSink:
    """A sink that keeps nothing: for reading an archive only to check it."""

    def directory(self, path: str, /) -> None:
        """Ignore it."""

    def link(self, path: str, target: str, /) -> None:
        """Ignore it."""

    def file(self, path: str, size: int, executable: bool, /) -> NoSink:  # noqa: ARG002, FBT001 - the protocol's signature
        """Ignore the file, and its content."""
        return self

    def write(self, piece: bytes | memoryview, /) -> None:
        """Ignore it."""

    def close(self, digest: Digest, /) -> None:
        """Ignore it."""
