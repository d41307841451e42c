"""What was found in one step so far, in bounded memory, and which of it is the step's first error.

A step ends with the first command that fails, so that its cause stands before its end. Programs such as make confirm
that something has failed; tests that pass show that what they printed was no error.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from farm.core.buildlog.candidate import Candidate, Sign, Strength
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.first_error import AROUND, ContextLine, FirstError
from farm.core.buildlog.rule import LONGEST_SUBJECT, LONGEST_TEXT

if TYPE_CHECKING:
    from farm.core.buildlog.log_line import LogLine

_KEPT = 8
_LAST_LINES = 2 * AROUND + 1
"""Lines of the end of a step that are shown where no line is the error for certain."""
_CLUSTER = 20
"""Complaints of commands that are no further apart than this many lines belong together."""
_RIGHT_BEFORE = 4
"""Lines between a complaint and the failure that it caused."""
_NEAR = 12
_FAR = 100
"""Lines between an error and the failure that it caused, while other jobs run beside it."""
_WENT_ON = 40
"""Lines after the end of the outermost make that show that the step went on."""
_COMMANDS = 3
"""Commands that were echoed after an error, which show that it was tolerated unless something reports the failure."""
_NOT_FOUND = 127
"""The exit status of a shell that has not found a program."""
_MAKE = 2
"""The exit status of a make that failed."""


@dataclass(slots=True)
class _Found:
    candidate: Candidate
    before: tuple[ContextLine, ...]
    after: list[ContextLine] = field(default_factory=list)

    @property
    def number(self) -> int:
        return self.candidate.line.number


@dataclass(slots=True)
class _Choice:
    found: _Found
    sure: bool


class StepErrors:
    """Takes the lines of one step and what families say of them. `choose` may be asked at any time."""

    def __init__(self) -> None:
        self._recent: deque[ContextLine] = deque(maxlen=_LAST_LINES)
        self._open: list[_Found] = []
        self._end = 0
        self._last: _Found | None = None
        self._not_found: _Found | None = None
        self._not_found_end = 0
        self.status: int | None = None
        """The exit status of the step, if it is known."""
        self._forget()

    def _forget(self) -> None:
        self._certain: list[_Found] = []
        self._behind: list[_Found] = []
        self._last_certain = 0
        self._messages: list[_Found] = []
        self._last_message = 0
        self._hint: _Found | None = None
        self._failure: _Choice | None = None
        self._ignored: _Found | None = None
        self._is_ahead = False
        self._whole_at = 0
        self._commands = 0

    def take(self, line: LogLine, said: Candidate | Sign | None) -> None:
        """Take a line of the step, and what it is."""
        if line.driver:
            return
        shown = ContextLine(line.number, line.text[:LONGEST_TEXT])
        for found in self._open:
            found.after.append(shown)
        if self._open:
            self._open = [found for found in self._open if len(found.after) < AROUND]
        if said not in (None, Sign.PASSED, Sign.COMMAND) and self._has_gone_on(line.number):
            self._forget()
        if line.text.strip():
            self._end = line.number
        if isinstance(said, Candidate):
            self._found(said)
        elif said is not None:
            self._signed(said, line.number)
        if line.text.strip() and (said is Sign.COMMAND or not isinstance(said, Sign)):
            self._last = self._with_context(Candidate(line, ErrorKind.UNKNOWN, Strength.HINT, shown.text))
        self._recent.append(shown)

    def _signed(self, sign: Sign, number: int) -> None:
        if sign is Sign.COMMAND:
            self._commands += 1
        elif sign is Sign.PASSED:
            self._passed()
        elif sign is Sign.IGNORED:
            self._was_ignored()
        else:
            self._failed(sign, number)

    def _with_context(self, candidate: Candidate) -> _Found:
        return _Found(candidate, tuple(self._recent)[-AROUND:])

    def _found(self, candidate: Candidate) -> None:
        found = self._with_context(candidate)
        number = candidate.line.number
        if candidate.strength is Strength.CERTAIN:
            self._last_certain, self._commands = number, 0
            self._certain = self._known()
            if len(self._certain) < _KEPT:
                self._certain.append(found)
                self._open.append(found)
        elif candidate.strength is Strength.MESSAGE:
            if number > self._last_message + _CLUSTER:
                self._messages = []
            self._last_message = number
            if candidate.kind is ErrorKind.MISSING_PROGRAM:
                if number != self._not_found_end + 1:  # of lines that follow each other, the first is the cause
                    self._not_found = found
                self._not_found_end = number
            if len(self._messages) < _KEPT:
                self._messages.append(found)
                self._open.append(found)
        elif self._hint is None or number > self._hint.number + _CLUSTER:
            self._hint = found
            self._open.append(found)
        if candidate.may_become_certain:
            self._certain = [*self._known(), found][:_KEPT]

    def _passed(self) -> None:
        if self._failure is None:
            self._certain = [found for found in self._certain if found.candidate.kind is ErrorKind.TEST]
            self._messages = []
            self._hint = None

    def _was_ignored(self) -> None:
        """Forget what failed, also where an inner make has reported it; it may still be the cause of a later one."""
        if not self._whole_at:
            ignored = self._failure.found if self._failure else next(iter(self._known()), None)
            self._forget()
            self._ignored = ignored

    def _has_gone_on(self, number: int) -> bool:
        """Return whether the step has gone on after the end of the outermost make, to the line `number`."""
        return bool(self._whole_at) and (number > self._whole_at + _WENT_ON or self._commands >= _COMMANDS)

    def _failed(self, sign: Sign, number: int) -> None:
        if self._failure is None and sign is Sign.FAILED_AHEAD and not (self._is_ahead and self._known()):
            # Its output follows: what came before is of other commands.
            self._behind, self._certain, self._messages = self._certain or self._behind, [], []
            self._is_ahead = True
            return
        if self._failure is None:
            self._failure = self._confirmed(number)
        self._whole_at, self._commands = (number if sign is Sign.FAILED_AS_A_WHOLE else 0), 0

    def _known(self) -> list[_Found]:
        return [found for found in self._certain if found.candidate.strength is Strength.CERTAIN]

    def _confirmed(self, number: int) -> _Choice | None:
        """Choose what caused a failure that is reported in a line: an error, or the complaint right before it."""
        certain = self._known() or self._behind
        last_certain = max([self._last_certain, *(found.number for found in certain)])
        complained = self._messages[0] if self._messages and number - self._last_message <= _NEAR else None
        is_near = number - last_certain <= _FAR
        if certain and (is_near or complained is None):
            return _Choice(certain[0], sure=is_near)
        if complained is not None:
            return _Choice(complained, sure=number - self._last_message <= _RIGHT_BEFORE)
        if self._hint is not None and number - self._hint.number <= _CLUSTER:
            return _Choice(self._hint, sure=False)
        last = self._ignored or self._last
        return _Choice(last, sure=False) if last is not None else None

    def choose(self) -> FirstError | None:
        """Return the first error of the step, if it has failed; None if it printed nothing."""
        choice = self._chosen()
        if choice is None:
            return None
        found, candidate = choice.found, choice.found.candidate
        number, sure = candidate.line.number, choice.sure and not candidate.is_doubtful
        # Where nothing is certain, the end of the step is read too.
        around = (*found.before, *found.after, *(() if sure else self._recent))
        context = sorted({line.number: line for line in around}.values(), key=lambda line: line.number)
        return FirstError(
            kind=candidate.kind,
            sure=sure,
            line=number,
            step=candidate.line.step,
            text=candidate.text,
            subject=candidate.subject[:LONGEST_SUBJECT],
            detail=candidate.detail,
            before=tuple(line for line in context if line.number < number),
            after=tuple(line for line in context if line.number > number),
        )

    def _chosen(self) -> _Choice | None:
        if self.status == _NOT_FOUND and self._not_found and self._end - self._not_found_end <= _RIGHT_BEFORE:
            return _Choice(self._not_found, sure=True)
        if self._failure is not None:
            is_other = self._end > self._whole_at > 0 and self.status not in (None, _MAKE)
            return replace(self._failure, sure=self._failure.sure and not is_other and not self._has_gone_on(self._end))
        at_end = self._end - self._last_message
        complained = self._messages[0] if self._messages else None
        certain = self._known() or self._behind
        is_near = self._end - max([self._last_certain, *(found.number for found in certain)]) <= _FAR
        if len(certain) > 1 and all(found.candidate.is_last for found in certain):
            certain = certain[-1:]
        went_on = self._commands >= _COMMANDS and not any(found.candidate.kind is ErrorKind.TEST for found in certain)
        if certain and (complained is None or at_end > _RIGHT_BEFORE or (is_near and not went_on)):
            return _Choice(certain[0], sure=is_near and not went_on)
        if complained is not None and at_end <= _NEAR:
            return _Choice(complained, sure=at_end <= _RIGHT_BEFORE)
        if self._hint is not None and self._end - self._hint.number <= 2 * _CLUSTER:
            return _Choice(self._hint, sure=False)
        return _Choice(self._last, sure=False) if self._last is not None else None
