"""Escapes text for a terminal: characters that a terminal would obey, or not show at all, are spelled out."""

from __future__ import annotations

import re

from farm.core.names.wording import INVISIBLE

_INVISIBLE = re.compile(f"[{INVISIBLE}]")
_SPELT = {"\n": "\\n", "\r": "\\r"}


def escape_control_chars(text: str) -> str:
    """Return a text as one line that a terminal only shows: with `\\x1b`, `\\u202e`, `\\n`. Tabs become spaces.

    Escaped are control characters (C0, DEL, C1), line and paragraph separators, bidi controls, other format characters,
    spaces that are not the space, what is invisible, and bytes of file names that are no text.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character.isprintable() and not _INVISIBLE.match(character) else _spelt(character)
        for character in text.expandtabs()
    )


def escape_lines(text: str, indent: str = "") -> str:
    """Return a text of several lines with control characters escaped; all but the first begin with `indent`."""
    return f"\n{indent}".join(map(escape_control_chars, text.split("\n")))


def _spelt(character: str) -> str:
    number = ord(character)
    if character in _SPELT:
        return _SPELT[character]
    if 0xDC80 <= number <= 0xDCFF:  # Python's form of a byte that is not text (PEP 383)
        number -= 0xDC00
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
