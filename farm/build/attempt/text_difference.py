"""How what a test printed differs from what it should print, as lines for people."""

from __future__ import annotations

import difflib

_COMPARED = 200
"""Lines that are compared from the first difference on: comparing takes the square of their number."""
_SHOWN = 40
_LONGEST = 200
_CONTEXT = 3


def difference(printed: str, expected: str) -> tuple[str, ...]:
    """Return the lines around the first differences: `-` was expected, `+` was printed. At most 42 lines.

    Nothing is returned for texts of one line, nor for equal texts.
    """
    was, wanted = printed.split("\n"), expected.split("\n")
    if was == wanted or len(was) == len(wanted) == 1:
        return ()
    pairs = zip(was, wanted, strict=False)
    same = next((number for number, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(was), len(wanted)))
    first = max(same - _CONTEXT, 0)
    end = first + _COMPARED
    _, _, _, *marked = difflib.unified_diff(wanted[first:end], was[first:end], n=_CONTEXT, lineterm="")
    lines = ["…" if line.startswith("@@") else line[: _LONGEST + 1] for line in marked]
    more = (f"… {len(lines) - _SHOWN} more lines",) if len(lines) > _SHOWN else ()
    return (f"from line {first + 1} on, expected (-) and printed (+):", *lines[:_SHOWN], *more)
