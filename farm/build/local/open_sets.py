"""What to add to a set of local builds that lacks something: the packages that provide it, if any are known."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.sets.findings.problem import UnmetRequirement
from farm.core.sets.proof.closure import OpenSetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PROGRAMS = ("/usr/bin/", "/usr/sbin/")


@contextmanager
def providers_named(provider_of: Callable[[ErrorKind, str], str]) -> Iterator[None]:
    """Name in the remedy of an `OpenSetError` the packages that provide what the set lacks.

    `provider_of` returns the package that has a program or library, or nothing.
    """
    try:
        yield
    except OpenSetError as error:
        found: dict[str, str] = {}
        for problem in (problem for problem in error.problems if isinstance(problem, UnmetRequirement)):
            wanted = _wanted(problem.requirement)
            if wanted and (package := provider_of(*wanted)):
                found[problem.wanted] = package
        if found:
            named = ", ".join(f"{package} provides {words}" for words, package in found.items())
            packages = " ".join(dict.fromkeys(found.values()))
            error.remedy = f"{named}: name {packages} too, or in `requires` of the recipe."
        raise


def _wanted(capability: str) -> tuple[ErrorKind, str] | None:
    """Return what to look for of a capability that a program or library provides."""
    kind, _, name = capability.partition(":")
    if kind == "soname":
        return ErrorKind.MISSING_LIBRARY, name
    if kind == "command":
        return ErrorKind.MISSING_PROGRAM, name
    if kind == "interpreter" and name.startswith(_PROGRAMS):
        return ErrorKind.MISSING_PROGRAM, name.rpartition("/")[2]
    return None
