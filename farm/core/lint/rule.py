"""A rule: its code, what it is about, an example of what it reports and of what it does not, and its check."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from farm.core.lint.finding import LintFinding, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.core.files.document import Node
    from farm.core.lint.written import WrittenRecipe


class Remark(NamedTuple):
    """What a check has to say about a value of the recipe."""

    node: Node
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of `farm lint`. `docs/lint.md` is made of these, and so is `farm lint --explain`.

    The letter of `code` is its family, its name is in kebab case. `why` is a paragraph of Markdown. `bad` and `good`
    are keys of a recipe: a test checks that the first is reported and the second is not. `beside` are further files of
    the example. `check` yields remarks about one recipe; it is None for what is found while a whole tree is read, or
    by another program. A recipe may allow what a rule reports, if the rule is `allowable`. `reads` are the keys of the
    recipe without which there is nothing to check: where a value of one could not be read, the rule is not applied.
    """

    code: str
    name: str
    severity: Severity
    why: str
    bad: str
    good: str
    check: Callable[[WrittenRecipe], Iterable[Remark]] | None = None
    allowable: bool = True
    beside: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()

    def findings(self, written: WrittenRecipe) -> list[LintFinding]:
        """Return what the rule finds in a recipe."""
        if self.check is None or not written.unread.isdisjoint(self.reads):
            return []
        return [
            LintFinding(self.code, self.name, self.severity, written.document.problem_at(*remark))
            for remark in self.check(written)
        ]

    def page(self) -> str:
        """Return the section of the rule in `docs/lint.md`."""
        silence = "" if self.allowable else " A recipe cannot allow it."
        text = textwrap.fill(f"{str(self.severity).capitalize()}. {self.why}{silence}", 120, break_on_hyphens=False)
        return (
            f"### {self.code} {self.name}\n\n{text}\n\n"
            f"Reported:\n\n```yaml\n{self.bad}```\n\nNot reported:\n\n```yaml\n{self.good}```\n"
        )
