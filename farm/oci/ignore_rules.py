"""What of a user's directory goes into no image: `.git`, and what the file `.farmignore` at its top says.

Its lines are those of `.gitignore`, and mean the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.errors import FarmError, Place

if TYPE_CHECKING:
    from pathlib import Path

    from pathspec import GitIgnoreSpec

FILE = ".farmignore"
_NEVER = frozenset({".git"})
_LARGEST = 1 << 20


class IgnoreFileError(FarmError):
    """A `.farmignore` cannot be read."""

    code = "ignore-file"


class IgnoreRules:
    """The rules of one directory. `met` are the paths that were left out, of directories with a slash at the end."""

    def __init__(self, lines: list[str], file: str) -> None:
        """Raises `IgnoreFileError`, naming `file` and the line."""
        self._spec = _spec(lines, file) if lines else None
        self.met: set[str] = set()

    @classmethod
    def of(cls, directory: Path) -> IgnoreRules:
        """Read those of a directory, which need not have any. Raises `IgnoreFileError`."""
        path = directory / FILE
        try:
            content = path.read_bytes() if path.exists() else b""
            if len(content) > _LARGEST:
                raise IgnoreFileError(f"{path} has more than {_LARGEST} bytes", remedy="Write fewer, wider rules.")
            return cls(content.decode().splitlines(), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise IgnoreFileError(
                f"cannot read {path}: {error}", remedy="It is a text of UTF-8 with a pattern on each line."
            ) from error

    def leaves_out(self, path: str) -> bool:
        """Say whether a path, of a directory with a slash at its end, goes into no image, and remember it.

        What lies below one that does not is not asked for.
        """
        name = path.rstrip("/").rpartition("/")[2]
        found = name in _NEVER or path == FILE or bool(self._spec and self._spec.match_file(path))
        if found:
            self.met.add(path)
        return found


def _spec(lines: list[str], file: str) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  # takes a tenth of a second to load

    for number, line in enumerate(lines, 1):
        try:
            GitIgnoreSpec.from_lines([line])
        except (ValueError, re.error) as error:
            raise IgnoreFileError(
                f"{line[:100]!r} is no pattern ({error})",
                remedy="Write patterns as in .gitignore.",
                place=Place(file, number, 1),
            ) from error
    return GitIgnoreSpec.from_lines(lines)
