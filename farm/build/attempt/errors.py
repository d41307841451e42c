"""Why an attempt failed by what it was asked to do. What fails on the worker's side has errors of its own elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.package.sensitive_files import UndeclaredFilesError, UnusedDeclarationError
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.names.digest import Digest


class InvalidOrderError(FarmError):
    """An order contradicts itself: it does not bring what its plan names, or names a file that cannot be."""

    code = "invalid-order"


class BuildFailedError(FarmError):
    """A build ended without packages. `lines` are the last of its log, `log` the blob of all of it."""

    code = "build-failed"

    def __init__(self, message: str, *, remedy: str, lines: Sequence[str] = ()) -> None:
        shown = "".join(f"\n  {line}" for line in lines)
        super().__init__(f"{message}{':' if lines else ''}{shown}", remedy=remedy)
        self.lines = tuple(lines)
        self.log: Digest | None = None


class StepFailedError(BuildFailedError):
    """A step of the build ended with another status than 0."""

    code = "step-failed"

    def __init__(self, package: str, step: str, exit_code: int, lines: Sequence[str]) -> None:
        super().__init__(
            f"{package}: the step {step!r} failed with exit status {exit_code}",
            remedy="Read the log from its first error on, then mend the recipe or the source.",
            lines=lines,
        )
        self.step = step
        self.exit_code = exit_code


class LimitReachedError(BuildFailedError):
    """A build was ended by one of its limits: `limit` is the key under `limits` in the recipe."""

    code = "limit-reached"

    def __init__(self, package: str, limit: str, value: int, step: str, lines: Sequence[str]) -> None:
        super().__init__(
            f"{package}: the step {step!r} reached the limit {limit} = {value}",
            remedy=f"Find out what it does there, or raise limits.{limit} in the recipe.",
            lines=lines,
        )
        self.limit = limit
        self.step = step


class UnusableOutputError(BuildFailedError):
    """A build installed what no package can hold; `cause` says what, and its code is this error's code."""

    code = "unusable-output"

    def __init__(self, package: str, cause: FarmError) -> None:
        # These name the package that has the file: it may be another one of the build.
        named = isinstance(cause, UndeclaredFilesError | UnusedDeclarationError)
        super().__init__(cause.message if named else f"{package}: {cause.message}", remedy=cause.remedy)
        self.code = cause.code
        self.cause = cause


class EmptyOutputError(FarmError):
    """A declared output, or the package itself, has no files."""

    code = "empty-output"

    def __init__(self, packages: Sequence[str]) -> None:
        super().__init__(
            f"nothing was installed for {', '.join(packages)}",
            remedy="See that the steps install below $DESTDIR, and that the globs of the outputs match.",
        )
        self.packages = tuple(packages)


class BuildCancelledError(FarmError):
    """The attempt was cancelled, or its lease was lost; nothing came of it."""

    code = "cancelled"

    def __init__(self, package: str) -> None:
        super().__init__(f"the build of {package} was cancelled")
