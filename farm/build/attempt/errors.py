"""Why an attempt failed through its own order. Faults of the worker have errors elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.buildlog.excerpt import excerpt
from farm.core.buildlog.remedy import remedy_of
from farm.errors import FarmError

if TYPE_CHECKING:
    from farm.core.buildlog.first_error import FirstError
    from farm.core.names.digest import Digest


class InvalidOrderError(FarmError):
    """An order contradicts itself: it lacks what its plan names, or names a file that cannot exist."""

    code = "invalid-order"


class BuildFailedError(FarmError):
    """A build ended without packages; the code says why. `log` is the blob of its whole log.

    `step` is the step that failed, and `first_error` the line that says why, where a step failed and printed something.
    """

    code = "build-failed"

    def __init__(
        self, message: str, *, remedy: str, code: str = "", step: str = "", first_error: FirstError | None = None
    ) -> None:
        super().__init__(message, remedy=remedy, code=code)
        self.log: Digest | None = None
        self.step = step
        self.first_error = first_error
        self.step_number: int | None = None
        """The number of that step; that of all steps where what they installed is at fault."""
        self.excerpt = excerpt(first_error) if first_error else ()

    def provided_by(self, package: str, toolchain: str) -> None:
        """Name the package that provides what was missing, and the other toolchain that has it, if they are known."""
        if self.first_error is not None and (package or toolchain):
            self.first_error = replace(self.first_error, provider=package)
            self.remedy = remedy_of(self.first_error, toolchain)


class EmptyOutputError(FarmError):
    """A declared output, or the package itself, has no files."""

    code = "empty-output"


class BuildCancelledError(FarmError):
    """The attempt was cancelled, or its lease was lost, and has no result."""

    code = "cancelled"

    def __init__(self, package: str) -> None:
        super().__init__(f"the build of {package} was cancelled")
