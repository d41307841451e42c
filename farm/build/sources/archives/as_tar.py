"""Writes an archive of another format as a tar archive, for the container: the same bytes for the same archive.

Paths stay inside, links point inside, nothing is written through a link, and there is a limit on everything.
"""

from __future__ import annotations

import posixpath
import tarfile
from typing import TYPE_CHECKING, BinaryIO, cast

from farm.build.sources.archives.members import MOST_MEMBERS, UnreadableArchiveError
from farm.build.sources.archives.seven_zip_members import seven_zip_members
from farm.build.sources.archives.zip_members import zip_members
from farm.core.fileset.rules import parents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from farm.build.sources.archives.members import Member

_LONGEST_LINK = _LONGEST_PATH = 4096
_HEADER = 2048
"""The bytes of a member's headers and of what fills its last block, besides its path, at most."""
_READERS: dict[str, Callable[[BinaryIO], list[Member]]] = {".zip": zip_members, ".7z": seven_zip_members}


def write_as_tar(source: BinaryIO, suffix: str, destination: BinaryIO, *, most_bytes: int) -> None:
    """Write the seekable archive `source`, of the format of `suffix`, as a tar archive.

    The tar archive has at most `most_bytes`, or else is not begun. All its members are in one directory: that of the
    source, if it has one, else a further one. So `--strip-components=1` drops nothing. Raises `UnreadableArchiveError`.
    """
    members = _by_path(_READERS[suffix](source))
    _check(members, most_bytes)
    above = "" if _has_one_directory(members) else "source/"
    with tarfile.open(fileobj=destination, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, member in members.items():
            _add(tar, member, f"{above}{path}")


def _by_path(members: Sequence[Member]) -> dict[str, Member]:
    """Return the members by their paths, in order; a directory may be named several times."""
    found: dict[str, Member] = {}
    for member in members:
        if not (path := _checked_path(member)):
            continue  # the root of the archive
        if found.setdefault(path, member) is not member and not member.kind == found[path].kind == "directory":
            raise UnreadableArchiveError(f"it has {path!r:.200} twice")
    return found


def _checked_path(member: Member) -> str:
    """Return the path of a member, without a slash at its end; empty for the root of the archive."""
    parts = [part for part in member.path.split("/") if part not in ("", ".")]
    if member.path.startswith("/") or ".." in parts or "\0" in member.path:
        raise UnreadableArchiveError(f"the path {member.path!r:.200} leads out of it")
    if len(path := "/".join(parts)) > _LONGEST_PATH:
        raise UnreadableArchiveError(f"the path {path!r:.200}… is longer than {_LONGEST_PATH} characters")
    return path


def _has_link(members: Mapping[str, Member]) -> bool:
    return any(member.kind not in ("file", "directory") for member in members.values())


def _check(members: Mapping[str, Member], most_bytes: int) -> None:
    """Refuse too many members, too many bytes, and members below a file or a link."""
    if not any(member.kind == "file" for member in members.values()):
        raise UnreadableArchiveError("it has only links, and no files" if _has_link(members) else "it has no files")
    if len(members) > MOST_MEMBERS:
        raise UnreadableArchiveError(f"it has more than {MOST_MEMBERS:,} members")
    if any(member.size < 0 for member in members.values()):
        raise UnreadableArchiveError("it is damaged: a member has a negative size")
    if tarfile.RECORDSIZE + sum(_taken(path, member) for path, member in members.items()) > most_bytes:
        raise UnreadableArchiveError(f"it has more than the {most_bytes >> 20} MiB that are left for it, unpacked")
    for path in members:
        for above in parents(path):
            if above in members and members[above].kind != "directory":
                raise UnreadableArchiveError(f"{path!r:.200} lies below {above!r:.200}, which is no directory")


def _taken(path: str, member: Member) -> int:
    """Return the bytes that a member takes of the tar archive, at most."""
    content = 2 * _LONGEST_LINK if member.kind == "link" else member.size
    return content + _HEADER + 8 * len(path)


def _has_one_directory(members: Mapping[str, Member]) -> bool:
    tops = {path.partition("/")[0] for path in members}
    return len(tops) == 1 and all("/" in path or member.kind == "directory" for path, member in members.items())


def _add(tar: tarfile.TarFile, member: Member, path: str) -> None:
    info = tarfile.TarInfo(path)
    info.mtime = max(0, member.modified)
    info.mode = 0o755 if member.kind == "directory" or member.is_executable else 0o644
    if member.kind == "directory":
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif member.kind == "link":
        info.type, info.linkname = tarfile.SYMTYPE, _target(member, path)
        tar.addfile(info)
    else:
        info.size = member.size
        content = _Content(member)
        tar.addfile(info, cast("BinaryIO", content))
        content.finish()


def _target(member: Member, path: str) -> str:
    """Return the target of a link, which is relative and stays below the first directory."""
    if member.size > _LONGEST_LINK:
        raise UnreadableArchiveError(f"the target of the link {path!r:.200} has {member.size} bytes")
    target = b"".join(member.content()).decode("utf-8", "surrogateescape")
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if not target or "\0" in target or target.startswith("/") or place.partition("/")[0] != path.partition("/")[0]:
        raise UnreadableArchiveError(f"the link {path!r:.200} to {target!r:.200} leads out of it")
    return target


class _Content:
    """The content of a member as a file to read from. Raises `UnreadableArchiveError` if it ends early."""

    def __init__(self, member: Member) -> None:
        self._path = member.path
        self._pieces = member.content()
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, b"")
            if not piece:
                raise UnreadableArchiveError(f"{self._path!r:.200} ends early")
            self._rest += piece
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def finish(self) -> None:
        """See that nothing follows, which also checks the whole. Raises `UnreadableArchiveError`."""
        if self._rest or next(self._pieces, b""):
            raise UnreadableArchiveError(f"{self._path!r:.200} is longer than the archive says")
