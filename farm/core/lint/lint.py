"""Linting: all problems of a tree, and what the rules find in each recipe, in the order of the files."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from farm.core.files.document import parse
from farm.core.lint.checked_tree import check_tree
from farm.core.lint.finding import LintFinding, Severity
from farm.core.lint.recipe_findings import ALL, lint_recipe
from farm.core.lint.rules.files import INVALID, OUTDATED
from farm.core.lint.rules.needs import CYCLE, UNKNOWN_NEED
from farm.core.lint.shell_text import texts_of_recipe, texts_of_step
from farm.core.plan.graph import BuildGraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.core.lint.checked_tree import CheckedTree
    from farm.core.lint.selection import Selection
    from farm.core.lint.shell_text import ShellChecker, ShellText
    from farm.core.policy.tree import RecipeTree


@dataclass(frozen=True, slots=True)
class LintReport:
    """The findings in a tree, sorted by file and line, and the tree as far as it can be read.

    `order` is the order in which its recipes are built; empty where anything keeps them from being built.
    """

    tree: RecipeTree
    findings: tuple[LintFinding, ...]
    order: tuple[str, ...]

    @property
    def errors(self) -> tuple[LintFinding, ...]:
        """The findings that have to be corrected."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[LintFinding, ...]:
        """The other findings."""
        return tuple(finding for finding in self.findings if finding.severity is not Severity.ERROR)


def lint_tree(
    files: Mapping[str, bytes],
    *,
    within: tuple[str, ...] = ("",),
    selection: Selection = ALL,
    shell: ShellChecker | None = None,
) -> LintReport:
    """Lint a tree, from content by path: the files whose paths begin with one of `within`.

    `shell` checks shell text; without it, none is checked.
    """
    checked = check_tree(files)
    found: defaultdict[str, list[LintFinding]] = defaultdict(list)
    for finding in chain(_of_the_tree(checked), _of_shell_text(checked, files, within, shell) if shell else ()):
        if finding.code in selection.codes:
            found[finding.problem.place.file].append(finding)
    for recipe in checked.recipes.values():
        if (file := recipe.document.file).startswith(within):
            found[file] = lint_recipe(
                recipe, selection=selection, found=found[file], looked_for=shell.codes if shell else frozenset()
            )
    findings = chain.from_iterable(several for file, several in found.items() if file.startswith(within))
    in_order = sorted(findings, key=lambda finding: (finding.problem.place, finding.code, finding.check))
    order = () if checked.problems else BuildGraph.of(checked.tree.recipes).order()
    return LintReport(checked.tree, tuple(in_order), order)


def _of_the_tree(checked: CheckedTree) -> Iterator[LintFinding]:
    """Yield the problems of all files, and those between recipes."""
    for rule, problems in (
        (INVALID, checked.invalid),
        (OUTDATED, checked.tree.warnings),
        (UNKNOWN_NEED, checked.unknown),
        (CYCLE, checked.cycles),
    ):
        yield from (LintFinding(rule.code, rule.name, rule.severity, problem) for problem in problems)


def _of_shell_text(
    checked: CheckedTree, files: Mapping[str, bytes], within: tuple[str, ...], shell: ShellChecker
) -> Iterator[LintFinding]:
    texts = [text for text in _shell_texts(checked, files) if text.document.file.startswith(within)]
    for text, complaints in zip(texts, shell([text.node.text for text in texts]), strict=True):
        yield from map(text.finding, complaints)


def _shell_texts(checked: CheckedTree, files: Mapping[str, bytes]) -> Iterator[ShellText]:
    for recipe in checked.recipes.values():
        texts = texts_of_recipe(recipe.document, recipe.root)
        yield from (text for text in texts if not recipe.is_faulty(text.node))
    for name in checked.tree.steps.definitions:
        path = f"steps/{name}.yaml"
        yield from texts_of_step(*parse(files[path], path))
