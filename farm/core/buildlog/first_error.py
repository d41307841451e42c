"""The first error of a failed build: the line that says why it failed, and the lines around it."""

from __future__ import annotations

from dataclasses import dataclass

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.names.form import Form

AROUND = 5
"""Lines of context before the error, and as many after it."""


@dataclass(frozen=True, slots=True)
class ContextLine(Form, record="line of a log"):
    """A line around the error. `number` counts from 1."""

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstError(
    Form, record="first error", omitted={"subject", "detail", "provider", "before", "after"}, extensible=True
):
    """The first error. `line` counts from 1 in the whole log; `text` may join the lines of one message.

    `sure` is false where nothing was recognised for certain: then this is where to begin reading. `subject` is what the
    error is about: the missing header, program, library, module or package; the symbol; the test; the host. `detail` is
    a line from elsewhere that says why, such as the compiler's in `config.log`. `provider` is the package of the
    distribution that provides the subject.
    """

    kind: ErrorKind
    sure: bool
    line: int
    step: str
    text: str
    subject: str = ""
    detail: str = ""
    provider: str = ""
    before: tuple[ContextLine, ...] = ()
    after: tuple[ContextLine, ...] = ()

    @property
    def sentence(self) -> str:
        """The error in one line, with the line from elsewhere that explains it."""
        return f"{self.text} ({self.detail})" if self.detail and self.detail not in self.text else self.text

    @property
    def context(self) -> tuple[ContextLine, ...]:
        """The lines around the error, with the line itself."""
        return (*self.before, ContextLine(self.line, self.text), *self.after)
