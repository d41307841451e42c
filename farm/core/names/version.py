"""Versions and their order: Debian's rule for the upstream part, then the revision as a number."""

from __future__ import annotations

import re
from functools import total_ordering

from farm.errors import FarmError

_FORM = re.compile(r"[0-9][A-Za-z0-9.+~]{0,63}")
_RUNS = re.compile(r"([^0-9]*)([0-9]*)")


class InvalidVersionError(FarmError):
    """A text is not a version."""

    code = "invalid-version"

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text[:100]!r} is not a version",
            remedy="Start with a digit and use at most 64 of A-Z a-z 0-9 . + ~ (quote it in YAML).",
        )


def _rank(character: str) -> int:
    # deb-version(7): "~" sorts before the end of the part, letters before other characters.
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


@total_ordering
class Version:
    """An upstream version such as `1.7.1` or `2.0~rc1`, ordered as deb-version(7) orders upstream versions.

    The order is total over the *meaning*: `1.0` and `1.00` compare equal, and are then equal as values too.
    """

    __slots__ = ("_key", "text")

    def __init__(self, text: str) -> None:
        """Check `text`; raises `InvalidVersionError`."""
        if not isinstance(text, str) or not _FORM.fullmatch(text):
            raise InvalidVersionError(str(text))
        self.text = text
        self._key = tuple(
            # The trailing 0 stands for the end of a part: above "~" (-1), below every other character.
            ((*map(_rank, letters), 0), int(digits or 0))
            for letters, digits in _RUNS.findall(text)
            if letters or digits
        )

    def __eq__(self, other: object) -> bool:
        return self._padded(other) == other._padded(self) if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: Version) -> bool:
        return self._padded(other) < other._padded(self)

    def __hash__(self) -> int:
        key = self._key
        while key and key[-1] == ((0,), 0):
            key = key[:-1]
        return hash(key)

    def _padded(self, other: Version) -> tuple[tuple[tuple[int, ...], int], ...]:
        return self._key + (((0,), 0),) * (len(other._key) - len(self._key))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Version({self.text!r})"
