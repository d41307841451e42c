"""The string table of an ELF file, read with a budget.

Names may overlap in a table (linkers merge tails), so a small file can spell gigabytes of names; a real one does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.package.elf.image import InvalidElfError

if TYPE_CHECKING:
    from collections.abc import Sequence

_WINDOW = 32 * 1024  # every string is shorter than two of these
_BATCH = 1024
_SHARING = 16  # how many times the table's size its strings may be used in total


class ElfStrings:
    """Strings by their offset in one table. Raises `InvalidElfError` for a bad offset, length or encoding."""

    __slots__ = ("_ascii", "_budget", "_text")

    def __init__(self, table: memoryview) -> None:
        # In Latin-1 a position in the text is a position in the bytes.
        self._text = str(table, "latin-1")
        self._ascii = self._text.isascii()
        self._budget = _SHARING * len(self._text) + 2 * _WINDOW
        if not self._text.endswith("\0"):
            raise InvalidElfError("the string table does not end with a zero byte")
        for start in range(0, len(self._text) - _WINDOW, _WINDOW):
            if self._text.find("\0", start, start + _WINDOW) < 0:
                raise InvalidElfError("the string table holds a string of more than 32 KiB")

    def at(self, offset: int) -> str:
        """Return one string."""
        if not 0 <= offset < len(self._text):
            raise InvalidElfError("a name lies outside the string table")
        name = self._text[offset : self._text.find("\0", offset)]
        self._spend(len(name))
        return name if self._ascii else _utf8(name)

    def all_at(self, offsets: Sequence[int]) -> list[str]:
        """Return the strings at these offsets, in their order; no offset may be negative."""
        if max(offsets, default=0) >= len(self._text):
            raise InvalidElfError("a name lies outside the string table")
        names: list[str] = []
        text, find = self._text, self._text.find
        for start in range(0, len(offsets), _BATCH):
            batch = [text[offset : find("\0", offset)] for offset in offsets[start : start + _BATCH]]
            self._spend(sum(map(len, batch)))
            names += batch
        return names if self._ascii else [_utf8(name) for name in names]

    def _spend(self, characters: int) -> None:
        self._budget -= characters
        if self._budget < 0:
            raise InvalidElfError("its names are far longer than its string table")


def _utf8(latin: str) -> str:
    if latin.isascii():
        return latin
    try:
        return latin.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidElfError(f"the name {latin[:100]!r} is not UTF-8") from None
