"""One small change to one module. Pure: the runner writes the changed text into a copy."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff


@dataclass(frozen=True, slots=True)
class Mutation:
    """The text from `start` to `end` (characters) of a module becomes `new`. `what` describes it in words."""

    name: str
    subject: str
    module: str
    what: str
    start: int
    end: int
    new: str

    def applied(self, source: str) -> str:
        """Return the changed text of the module."""
        return source[: self.start] + self.new + source[self.end :]

    def diff(self, source: str) -> str:
        """Return the change as a unified diff, with one line of context."""
        before, after = source.splitlines(), self.applied(source).splitlines()
        return "\n".join(unified_diff(before, after, self.module, self.module, n=1, lineterm=""))
