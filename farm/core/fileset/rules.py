"""The paths and link targets that a FileSet may have. Pure functions over text.

A path is relative, `/`-separated UTF-8 without empty, `.` or `..` components or control characters. A link's target is
relative and goes up only at its front, at most to the root of the tree; since every parent in a manifest is a real
directory, such a link cannot lead out of the tree in any combination with other links.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.fileset.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_NAME = 255
"""The most bytes in one component (NAME_MAX)."""
LONGEST_PATH = 4096
"""The most bytes in a path or a link target (PATH_MAX)."""
LARGEST_FILE = 8**11 - 1
"""The most bytes in a file: the limit of the size field of a USTAR header."""

MOST_ENTRIES = 200_000
"""The most entries of a tree."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The most that an archive may hold: entries, bytes in one file, in all files together, and in all names.

    Names are paths and the targets of links. They are held in memory while the rest is streamed.
    """

    entries: int = MOST_ENTRIES
    file_bytes: int = 4 << 30
    total_bytes: int = 16 << 30
    name_bytes: int = 64 << 20


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
# The common case in one match: ASCII, no control characters, no empty, dot or dot-dot component.
_PLAIN = re.compile(r"(?:(?!\.{1,2}(?:/|\Z))[ -.0-~]{1,255}(?:/(?!\Z)|\Z))+")


def path_fault(path: str) -> Refusal | None:
    """Return what is wrong with the path of an entry, or None."""
    if len(path) <= LONGEST_PATH and _PLAIN.fullmatch(path):
        return None
    if not path:
        return Refusal.EMPTY_PATH
    if path.startswith("/"):
        return Refusal.ABSOLUTE_PATH
    return _text_fault(path) or _component_fault(path.split("/"))


def link_fault(path: str, target: str, *, absolute: bool = False) -> Refusal | None:
    """Return what is wrong with a link at `path` (itself sound) to `target`, or None.

    `absolute` allows every target that is valid text, as a toolchain's root filesystem and a link forest need.
    """
    if not target:
        return Refusal.EMPTY_LINK
    if fault := _text_fault(target):
        return fault
    if absolute:
        return None
    return Refusal.ABSOLUTE_LINK if target.startswith("/") else _climb_fault(path.count("/"), target)


def parent(path: str) -> str:
    """Return the directory of `path`; the empty string is the root of the tree."""
    return path.rpartition("/")[0]


def parents(path: str) -> Iterator[str]:
    """Yield the directories above `path`, the nearest first, without the root of the tree."""
    while path := parent(path):
        yield path


def relative_target(link: str, path: str) -> str:
    """Return the target that leads from a link at `link` to `path`, both relative to the root of the tree."""
    here, there = link.split("/")[:-1], path.split("/")
    shared = 0
    while shared < len(here) and shared < len(there) - 1 and here[shared] == there[shared]:
        shared += 1
    return "/".join([".."] * (len(here) - shared) + there[shared:])


def _text_fault(text: str) -> Refusal | None:
    if _CONTROL.search(text):
        return Refusal.CONTROL_CHARACTER
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:
        return Refusal.NOT_UTF_8
    return Refusal.PATH_TOO_LONG if len(encoded) > LONGEST_PATH else None


def _component_fault(components: list[str]) -> Refusal | None:
    for component in components:
        if not component:
            return Refusal.EMPTY_COMPONENT
        if component in {".", ".."}:
            return Refusal.DOT_DOT
        if len(component.encode("utf-8")) > LONGEST_NAME:
            return Refusal.NAME_TOO_LONG
    return None


def _climb_fault(depth: int, target: str) -> Refusal | None:
    named = False
    for component in target.split("/"):
        if component == "..":
            if named:
                return Refusal.WINDING_LINK
            depth -= 1
            if depth < 0:
                return Refusal.ESCAPING_LINK
        elif component not in {"", "."}:
            named = True
    return None
