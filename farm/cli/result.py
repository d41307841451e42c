"""What a command has come to, on standard output: lines for a person, or one JSON document for a program.

All else that a command says, progress and warnings, goes to standard error where a document is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.cli.output import Line, say_json, say_lines

if TYPE_CHECKING:
    from collections.abc import Iterable


def tell_result(lines: Iterable[Line], form: Any, *, as_json: bool) -> None:
    """Print the lines, or `form`, which holds JSON values alone."""
    if as_json:
        say_json(form)
        return
    say_lines(lines)
