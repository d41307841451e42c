"""The first error of a job on a farm, as lines for the terminal: where it is, the lines around it, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.cli.rendering import labelled_lines
from farm.core.buildlog.excerpt import excerpt
from farm.core.buildlog.remedy import remedy_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.cli.output import Line
    from farm.core.buildlog.first_error import FirstError


def first_error_lines(error: FirstError, address: str) -> Iterator[Line]:
    """Return the lines. `address` is that of the error's line on the farm."""
    what = "first error" if error.sure else "no line is an error for certain; it ended"
    message = f"step {error.step}, line {error.line}"
    return labelled_lines(what, message, address, excerpt(error), remedy_of(error))
