"""The first error with the lines around it, as lines of text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.core.buildlog.first_error import FirstError

_LONGEST = 300


def excerpt(error: FirstError) -> tuple[str, ...]:
    """Return lines with their numbers in the log; the error is marked. The line that explains it comes last."""
    width = len(str(error.context[-1].number))
    lines = [
        f"{'>' if line.number == error.line else ' '} {line.number:>{width}} | {line.text[:_LONGEST]}".rstrip()
        for line in error.context
    ]
    return (*lines, f"{'':>{width + 2}} = {error.detail[:_LONGEST]}") if error.detail else tuple(lines)
