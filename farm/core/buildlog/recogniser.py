"""Finds the first error of a failed build in its log: one line after the other, in bounded memory.

Only the step that failed counts, which is the last one: the steps before it succeeded, whatever they printed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.buildlog.candidate import Candidate, Sign
from farm.core.buildlog.configure_checks import CHECKING
from farm.core.buildlog.registry import FAMILIES
from farm.core.buildlog.step_errors import StepErrors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.buildlog.first_error import FirstError
    from farm.core.buildlog.log_line import LogLine

_LONGEST_LINE = 2000
_PASSED = ("ok ", "PASS: ", "XFAIL: ", "SKIP: ")
# The last line of a log, by the worker.
_ENDED = re.compile(r"(?:step-failed: .* failed with exit|it ended with) status ([0-9]{1,3})(?:,|$)")
# An echoed command, the progress of ninja and CMake, a warning: whatever they name, they are no errors.
_COMMAND = re.compile(
    r"^(?:\s*(?:\+ |libtool: \w+: +|\[[\d/ ]+%?\] )?(?:\S*/)?[\w.+-]+ (?:\S*/libtool )?-{1,2}\w"
    r"|\[[\d/ ]+%?\] |checking |-- (?!Configuring incomplete))"
)
_WARNING = re.compile(r"^(?:[^\s:]+:\d+:(?:\d+:)? warning: |\S*configure: WARNING)")
# Of these, one is in every line that a family looks for. Looking for each is ten times faster than one pattern of all.
_WORDS = (
    "error", "fail", "fatal", "undefined", "not found", "no such", "cannot", "can't", "couldn't", "could not",
    "multiple def", "killed", "denied", "traceback", "not ok", "ok ", " ok", "pass", "unable", "unknown",
    "unrecogni", "exhausted", "no space", "resol", "network", "unexpected", "unsupported", "invalid", "***",
    "abort", "fault", "memory", "fork", "collect2", "no rule", "panic", "bad ", "corrupt", "not a ", "not in ",
    "malformed", "syntax", "exists", "patching", "checking", "omitting", "differ", "meson build", "a full log",
    "installing", "hunk", "exception", "directory", "no module", "no package", "not permitted", "read-only", "===",
    "recompile", "relocation", "hidden symbol", "duplicate", "terminated", "instruction", "locate", "skip",
    "missing", "bound", "stopped", ".go:", 'file "', "__ ",
)  # fmt: skip


class Recogniser:
    """Takes the lines of a log in order. Ask for `first_error` when the build has failed. `step` is the last step."""

    def __init__(self) -> None:
        self._begin("")

    def _begin(self, step: str) -> None:
        self.step = step
        self._families = [family() for family in FAMILIES]
        self._errors = StepErrors()

    def see(self, line: LogLine) -> None:
        """Take the next line."""
        if line.step and line.step != self.step:
            self._begin(line.step)
        if line.driver and (ended := _ENDED.match(line.text)):
            self._errors.status = int(ended[1])
        if not line.step:
            return  # the worker's own
        self._errors.take(line, self._said(line))

    def first_error(self, status: int | None = None) -> FirstError | None:
        """Return the first error of the last step; None if that has printed nothing.

        `status` is the exit status of the step, where the log does not say it yet.
        """
        if status is not None:
            self._errors.status = status
        return self._errors.choose()

    def _said(self, line: LogLine) -> Candidate | Sign | None:
        text = line.text
        if text.startswith(_PASSED):
            return Sign.PASSED
        is_long = len(text) > _LONGEST_LINE
        is_command = not is_long and bool(_COMMAND.match(text))
        is_quiet = is_command and not text.startswith(CHECKING)
        is_plain = is_long or is_quiet or bool(_WARNING.match(text)) or not _is_interesting(text)
        if is_long:
            # A stranger wrote it: what the patterns have to do grows faster than a line.
            line = replace(line, text=text[:_LONGEST_LINE])
        for family in self._families:
            if (not is_plain or family.is_open) and (said := family.see(line)):
                return said
        return Sign.COMMAND if is_command else None


def _is_interesting(text: str) -> bool:
    lower = text.lower()
    return any(word in lower for word in _WORDS)


def first_error(lines: Iterable[LogLine]) -> FirstError | None:
    """Return the first error of the log of a failed build."""
    recogniser = Recogniser()
    for line in lines:
        recogniser.see(line)
    return recogniser.first_error()
