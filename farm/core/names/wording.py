"""Numbers, sizes and characters as people see them, in messages and on pages."""

from __future__ import annotations

INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
"""Invisible characters that Python calls printable, as ranges in a regular expression: joiners, fillers and selectors
(Unicode's `Default_Ignorable_Code_Point`), and the blank of Braille."""
_UNITS = ("kB", "MB", "GB", "TB")


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number of things: `1 package`, `2,000 packages`. `many` is the plural, if it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def human_size(count: int) -> str:
    """Return a number of bytes in powers of 1000: `340 B`, `1.4 MB`."""
    if count < 1000:
        return f"{count} B"
    amount, unit = float(count), ""
    for unit in _UNITS:  # noqa: B007  (the unit at which it stopped)
        amount /= 1000
        if amount < 999.95:
            break
    return f"{amount:.1f} {unit}"
