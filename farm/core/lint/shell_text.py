"""Shell text in files of a tree, and where each of its lines stands in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from farm.core.files.document import node_at
from farm.core.lint.finding import LintFinding, Severity
from farm.core.lint.rules.scripts import SHELLCHECK, SYNTAX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.core.files.document import Document, Node


class ShellComplaint(NamedTuple):
    """What a program says about a text: line and column from 1, and a message; `column` 0 is the whole line.

    `check` is the program's own code of it (`SC2045`), empty for text that bash cannot read.
    """

    line: int
    column: int
    message: str
    severity: Severity = Severity.ERROR
    check: str = ""


class ShellChecker(Protocol):
    """Checks shell text; `codes` are the rules that it can report, with the programs that it has."""

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the rules that it can report."""

    def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[ShellComplaint]]:
        """Return the complaints about each text."""


@dataclass(frozen=True, slots=True)
class ShellText:
    """The shell text at a node of a document."""

    document: Document
    node: Node

    def finding(self, complaint: ShellComplaint) -> LintFinding:
        """Return a complaint as a finding, at its place in the file."""
        rule = SHELLCHECK if complaint.check else SYNTAX
        line, column = self._place(complaint)
        remedy = (
            f"shellcheck's manual explains {complaint.check}."
            if complaint.check
            else "Correct it, or close what is open before it."
        )
        problem = self.document.problem_at_place(line, column, complaint.message, remedy)
        return LintFinding(rule.code, rule.name, complaint.severity, problem, complaint.check)

    def _place(self, complaint: ShellComplaint) -> tuple[int, int]:
        node = self.node
        header = self.document.line(node.line)[node.column - 1 :]
        if header.startswith("|"):
            # The text begins on the next line, indented as its first line that is not empty.
            indent = self._indent()
            line = node.line + complaint.line
            written = self.document.line(line)
            blank = len(written) - len(written.lstrip(" "))
            return line, indent + complaint.column if complaint.column else blank + 1
        if header.startswith(">"):
            return node.line, node.column
        quotes = 1 if header[:1] in ("'", '"') else 0
        same = header[quotes:].startswith(node.text) and complaint.line == 1
        return node.line, node.column + quotes + complaint.column - 1 if same and complaint.column else node.column

    def _indent(self) -> int:
        first = len(self.node.text) - len(self.node.text.lstrip("\n"))
        written = self.document.line(self.node.line + first + 1)
        text = self.node.text.split("\n")[first]
        return len(written) - len(text)


def texts_of_recipe(document: Document, root: Node) -> Iterator[ShellText]:
    """Yield the texts of the `run` steps and of the tests of a recipe."""
    for key in ("steps", "tests"):
        for item in node_at(root, key).items:
            yield from (ShellText(document, value) for name, value in item.pairs if name.text == "run")


def texts_of_step(document: Document, root: Node) -> Iterator[ShellText]:
    """Yield the texts of a step definition."""
    for item in node_at(root, "run").items:
        yield from (ShellText(document, value) for name, value in item.pairs if name.text == "shell")
