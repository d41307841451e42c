"""Why a test has failed here: the first error of its log, and what to do about all programs that it lacks."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.excerpt import excerpt
from farm.core.buildlog.missing_programs import missing_programs
from farm.core.buildlog.recogniser import first_error
from farm.core.buildlog.remedy import remedy_for_test
from farm.errors import in_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.build.local_state import LocalState
    from farm.core.names.digest import Digest


def explain_failed_test(log: Digest, state: LocalState, provider_of: Callable[[ErrorKind, str], str]) -> str:
    """Return lines that say why a test failed, each after a line break: the first error of its log, and what to do.

    `provider_of` returns the package that has a program, or nothing. Nothing is returned where no line of the log is
    the error for certain.
    """
    found = first_error(state.lines_of(log))
    if found is None or not found.sure:
        return ""
    text = in_lines(excerpt(found), len(found.context) + 1)
    if found.kind is not ErrorKind.MISSING_PROGRAM:
        return text
    providers: dict[str, list[str]] = defaultdict(list)
    for program in dict.fromkeys((found.subject, *missing_programs(state.lines_of(log)))):
        providers[provider_of(ErrorKind.MISSING_PROGRAM, program)].append(program)
    return text + "".join(f"\n{remedy_for_test(lacking, package)}" for package, lacking in providers.items())
