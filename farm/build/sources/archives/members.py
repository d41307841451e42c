"""A member of an archive, whatever its format, and the errors of all formats."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MOST_MEMBERS = 250_000


class UnreadableArchiveError(FarmError):
    """An archive cannot be unpacked: it is damaged, has a feature that is not read, or a member that is refused."""

    code = "unreadable-archive"


@dataclass(frozen=True, slots=True)
class Member:
    """A file, directory or symbolic link; `content` returns the file's bytes or the link's target, in pieces.

    `size` is the length that the archive states, `modified` in seconds since 1970. Contents are read in the order of
    the members of an archive; some may be left out.
    """

    path: str
    kind: Literal["file", "directory", "link"]
    size: int
    modified: int
    content: Callable[[], Iterator[bytes]]
    is_executable: bool = False


def kind_of_mode(path: str, mode: int) -> Literal["file", "directory", "link"]:
    """Return the kind of a member from its Unix mode; refuses devices, pipes and sockets."""
    kinds: dict[int, Literal["file", "directory", "link"]] = {
        0: "file",
        0o100000: "file",
        0o040000: "directory",
        0o120000: "link",
    }
    kind = kinds.get(mode & 0o170000)
    if kind is None:
        raise UnreadableArchiveError(f"{path!r:.200} is a device, a pipe or a socket")
    return kind


def checked_content(pieces: Iterable[bytes], size: int, crc: int | None, name: str) -> Iterator[bytes]:
    """Yield pieces, and refuse another length or another CRC at the end. `name` is what they are the content of."""
    length = found = 0
    for piece in pieces:
        length, found = length + len(piece), zlib.crc32(piece, found)
        if length > size:
            break
        yield piece
    if length != size or crc not in (None, found):
        raise UnreadableArchiveError(f"the content of {name} is damaged")
