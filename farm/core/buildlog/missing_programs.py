"""All programs that a test has missed, as its log says: to name them at once, and not one after each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.buildlog.candidate import Candidate
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.families.missing import Missing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.buildlog.log_line import LogLine

_MOST = 8
_LONGEST_LINE = 2000
_WORDS = ("not found", "No such file")


def missing_programs(lines: Iterable[LogLine]) -> tuple[str, ...]:
    """Return the names of the programs that lines call missing, in order, each once: at most eight."""
    found: dict[str, None] = {}
    family = Missing()
    for line in lines:
        if line.driver or len(line.text) > _LONGEST_LINE or not any(word in line.text for word in _WORDS):
            continue
        said = family.see(line)
        if isinstance(said, Candidate) and said.kind is ErrorKind.MISSING_PROGRAM and said.subject:
            found[said.subject] = None
            if len(found) == _MOST:
                break
    return tuple(found)
