"""What to read of a failed step, as lines of text for people: its first error, or what it ran in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.core.buildlog.first_error import FirstError

_LONGEST = 300
_SCRIPT_LINES = 20


def excerpt(error: FirstError) -> tuple[str, ...]:
    """Return lines with their numbers in the log; the error is marked. The line that explains it comes last.

    A gap is marked by `…`: the end of the step may be far behind the line where reading begins.
    """
    width = len(str(error.context[-1].number))
    lines: list[str] = []
    above = error.context[0].number - 1
    for line in error.context:
        if line.number > above + 1:
            lines.append(f"  {'…':>{width}}")
        lines.append(
            f"{'>' if line.number == error.line else ' '} {line.number:>{width}} | {line.text[:_LONGEST]}".rstrip()
        )
        above = line.number
    return (*lines, f"{'':>{width + 2}} = {error.detail[:_LONGEST]}") if error.detail else tuple(lines)


def script_excerpt(script: str) -> tuple[str, ...]:
    """Return the beginning of the script of a step that has printed nothing, with line numbers: at most 20 lines."""
    lines = script.rstrip("\n").split("\n")
    width = len(str(min(len(lines), _SCRIPT_LINES)))
    shown = [f"{number:>{width}} | {line[:_LONGEST]}" for number, line in enumerate(lines[:_SCRIPT_LINES], 1)]
    return (*shown, f"… {len(lines) - _SCRIPT_LINES} more lines") if len(lines) > _SCRIPT_LINES else tuple(shown)
