"""What a family of errors finds in a log: a candidate for the first error, or a sign of one elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from farm.core.buildlog.error_kind import ErrorKind
    from farm.core.buildlog.log_line import LogLine


class Strength(IntEnum):
    """How much a form of a line says. Only the last two can be the error for sure."""

    HINT = 1
    """It calls itself an error, in no known form."""
    MESSAGE = 2
    """A command's complaint, which a script may have expected: it counts right before the end."""
    CERTAIN = 3
    """A form that only an error has, but a test may print it too."""


@dataclass(slots=True)
class Candidate:
    """A line that may be the first error. The family that found it may still add to it from the lines that follow.

    `detail` is a line from elsewhere that says why. `is_last`: the program that says this ended with it, so that of
    several the last one counts, unless something confirms an earlier one. `may_become_certain`: the next line tells.
    `is_doubtful`: it is the error, but its cause may lie elsewhere in the log.
    """

    line: LogLine
    kind: ErrorKind
    strength: Strength
    text: str
    subject: str = ""
    detail: str = ""
    is_last: bool = False
    may_become_certain: bool = False
    is_doubtful: bool = False


class Sign(IntEnum):
    """What a line says about the lines before it."""

    FAILED = 1
    """A program that runs others reports that one has failed: the cause is elsewhere."""
    FAILED_AHEAD = 2
    """The same, but the failed program's output follows."""
    FAILED_AS_A_WHOLE = 3
    """The outermost of these programs ends: if lines follow, the step went on all the same."""
    PASSED = 4
    """A test has passed: what it printed was no error."""
    IGNORED = 5
    """A program that runs others reports that one has failed, and goes on all the same."""
    COMMAND = 6
    """An echoed command, or progress: nothing that a failed command prints."""


class Family(Protocol):
    """A family of errors: reads the lines of one step in order, and says what each is. One instance for each step."""

    @property
    def is_open(self) -> bool:
        """Whether the next line may belong to what was seen, so that it must not be left out, whatever it says."""

    def see(self, line: LogLine) -> Candidate | Sign | None:
        """Take the next line that may be an error, or that follows while the family is open."""
