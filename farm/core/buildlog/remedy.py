"""What to do about the first error of a build: one sentence, or two where a package provides what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.buildlog.error_kind import ErrorKind
from farm.errors import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.buildlog.first_error import FirstError

_READ = "Fix the recipe or the source."
_SILENT = "The step has printed nothing: one of its commands failed in silence, as `grep -q`, `test` and `cmp -s` do."
_NO_PACKAGE = "No known package of the distribution has it: name its package in build-needs, or write a recipe for it."
_REMEDIES = {
    ErrorKind.NETWORK: "A build has no network. Name what it downloads as a source of the recipe.",
    ErrorKind.MEMORY: "Find out what needs the memory, or raise limits.memory-mb in the recipe.",
    ErrorKind.DISK: "Find out what it writes there, or raise limits.output-mb or limits.memory-mb in the recipe.",
    ErrorKind.PROCESSES: "Find out what starts the processes, or raise limits.processes in the recipe.",
    ErrorKind.PATCH: "Make the patch anew for this version of the source.",
    ErrorKind.PERMISSION: "A build writes to its own directory, to /tmp and to DESTDIR. Install below DESTDIR.",
    ErrorKind.TEST: "Fix what the test is about, or leave out the test, and say in the recipe why.",
    ErrorKind.MISSING_FILE: "See whether an earlier step makes the file, and whether its name is right.",
}
_IN_PACKAGES = (
    ErrorKind.MISSING_HEADER,
    ErrorKind.MISSING_LIBRARY,
    ErrorKind.MISSING_PACKAGE,
    ErrorKind.MISSING_PROGRAM,
)


def remedy_for_test(programs: Sequence[str], provider: str) -> str:
    """Return what to do about programs that a test lacks; `provider` is the package that has them, if one is known."""
    named, where = in_words(programs), "in the test's needs, or in test-needs of the recipe"
    if provider:
        return f"The package {provider} provides {named}: name it {where}."
    return f"No known package of the distribution has {named}: name the one that has it {where}."


def remedy_of(error: FirstError | None, toolchain: str = "") -> str:
    """Return what to do about an error, as imperative sentences.

    `toolchain` is another toolchain of the tree that has what is missing, if one is known.
    """
    if error is None:
        return _SILENT
    if not error.sure:
        return "No line of the log is an error for certain: read it from here on, then fix the recipe or the source."
    if error.provider:
        other = f" The toolchain `{toolchain}` has it too." if toolchain else ""
        return f"The package {error.provider} provides {error.subject}: name it in build-needs.{other}"
    if toolchain:
        return (
            f"The toolchain `{toolchain}` has {error.subject}: write `toolchain: {toolchain}` in the recipe, or name a "
            "package that provides it in build-needs."
        )
    if error.kind in _IN_PACKAGES and error.subject:
        return _NO_PACKAGE
    return _REMEDIES.get(error.kind, _READ)
