"""Why an attempt failed through its own order. Faults of the worker have errors elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.errors import FarmError, in_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.names.digest import Digest


class InvalidOrderError(FarmError):
    """An order contradicts itself: it lacks what its plan names, or names a file that cannot exist."""

    code = "invalid-order"


class BuildFailedError(FarmError):
    """A build ended without packages; the code says why. `log` is the blob of its whole log."""

    code = "build-failed"

    def __init__(self, message: str, *, remedy: str, code: str = "", lines: Sequence[str] = ()) -> None:
        """`lines` are the last lines of the log."""
        shown = f":{in_lines(lines, len(lines))}" if lines else ""
        super().__init__(f"{message}{shown}", remedy=remedy, code=code)
        self.log: Digest | None = None


class EmptyOutputError(FarmError):
    """A declared output, or the package itself, has no files."""

    code = "empty-output"


class BuildCancelledError(FarmError):
    """The attempt was cancelled, or its lease was lost, and has no result."""

    code = "cancelled"

    def __init__(self, package: str) -> None:
        super().__init__(f"the build of {package} was cancelled")
