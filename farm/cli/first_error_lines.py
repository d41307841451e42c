"""The first error of a job on a farm, as lines for the terminal: where it is, the lines around it, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.cli.rendering import labelled_lines
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.excerpt import excerpt
from farm.core.buildlog.remedy import remedy_for_test, remedy_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.api.wire import JobWire
    from farm.cli.output import Line
    from farm.core.buildlog.first_error import FirstError


def first_error_lines(error: FirstError, address: str, job: JobWire) -> Iterator[Line]:
    """Return the lines. `address` is that of the error's line on the farm, and `job` the one that it is of."""
    what = "first error" if error.sure else "no line is an error for certain; it ended"
    message = f"step {error.step}, line {error.line}"
    return labelled_lines(what, message, address, excerpt(error), _remedy(error, job))


def _remedy(error: FirstError, job: JobWire) -> str:
    if job.kind == "test" and error.sure and error.kind is ErrorKind.MISSING_PROGRAM and error.subject:
        return remedy_for_test([error.subject], error.provider)
    is_failed_build = job.kind == "build" and job.state == "failed"
    return remedy_of(error) + (f" `farm shell {job.id}` opens the failed build here." if is_failed_build else "")
