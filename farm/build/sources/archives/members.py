"""A member of an archive, whatever its format, and the errors of all formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
