"""Linting: all problems of a tree, and what the rules find in each recipe, in the order of the files."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from farm.core.files.document import parse
from farm.core.files.problems import RecipeError
from farm.core.lint.dependencies import dependency_cycles, unknown_needs
from farm.core.lint.finding import Finding, Severity
from farm.core.lint.registry import RULES
from farm.core.lint.rules.files import INVALID, OUTDATED, UNKNOWN, UNUSED
from farm.core.lint.rules.scripts import SHELLCHECK
from farm.core.lint.selection import Selection
from farm.core.lint.shell_text import texts_of_recipe, texts_of_step
from farm.core.lint.written import WrittenRecipe
from farm.core.policy.tree import recipe_directories, recipe_file, survey_tree
from farm.core.recipe.declared_sources import RECIPE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.files.problems import Problem
    from farm.core.lint.rule import Rule
    from farm.core.lint.shell_text import ShellChecker, ShellText
    from farm.core.policy.tree import RecipeTree, TreeSurvey

_ALL = Selection()


@dataclass(frozen=True, slots=True)
class LintReport:
    """The findings of a tree, sorted by file and line, and the tree as far as it can be read."""

    tree: RecipeTree
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that have to be corrected."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)


@dataclass(frozen=True, slots=True)
class _Checked:
    """The codes that were looked for: of rules, and with `shell` those that a program finds."""

    selection: Selection
    shell: ShellChecker | None
    findings: defaultdict[str, list[Finding]] = field(default_factory=lambda: defaultdict(list))

    def add(self, rule: Rule, problems: Iterable[Problem]) -> None:
        if rule.code in self.selection.codes:
            for problem in problems:
                finding = Finding(rule.code, rule.name, rule.severity, problem)
                self.findings[problem.place.file].append(finding)


def load_checked_tree(files: Mapping[str, bytes]) -> RecipeTree:
    """Read a tree as `load_tree` does, and check that every package is made that recipes need, and that none waits
    for itself. Raises one `RecipeError` for all files.
    """  # fmt: skip
    survey = survey_tree(files)
    written = _written(survey, files)
    problems = [*survey.problems, *unknown_needs(written, survey.unread), *dependency_cycles(written)]
    if problems:
        raise RecipeError(problems)
    return survey.tree


def lint_tree(
    files: Mapping[str, bytes], *, selection: Selection = _ALL, shell: ShellChecker | None = None
) -> LintReport:
    """Lint a tree, from content by path. `shell` checks shell text; without it, none is checked."""
    survey = survey_tree(files)
    written = _written(survey, files)
    checked = _Checked(selection, shell)
    checked.add(INVALID, survey.problems)
    checked.add(OUTDATED, survey.tree.warnings)
    checked.add(RULES["N001"], unknown_needs(written, survey.unread))
    checked.add(RULES["N002"], dependency_cycles(written))
    texts = [text for recipe in written.values() for text in texts_of_recipe(recipe.document, recipe.root)]
    texts += [text for path in _step_files(survey, files) for text in texts_of_step(*parse(files[path], path))]
    for finding in _shell_findings(texts, checked):
        checked.findings[finding.problem.place.file].append(finding)
    for recipe in written.values():
        file = recipe.document.file
        checked.findings[file] = lint_recipe(
            recipe,
            selection=selection,
            found=checked.findings[file],
            looked_for=shell.codes if shell else frozenset(),
        )
    return LintReport(survey.tree, _in_order(chain.from_iterable(checked.findings.values())))


def lint_recipe(
    written: WrittenRecipe,
    *,
    selection: Selection = _ALL,
    found: Iterable[Finding] = (),
    looked_for: frozenset[str] = frozenset(),
) -> list[Finding]:
    """Return what the rules find in a recipe, and `found` before, without what the recipe allows.

    `looked_for` are the codes that could be in `found`: whether an allowance of another one is used is unknown.
    """
    codes = selection.codes
    findings = [*found, *(finding for code in sorted(codes) for finding in RULES[code].findings(written))]
    kept = findings
    for number, allowance in enumerate(written.recipe.allowances):
        code, node, document = allowance.code, written.at("lint", number, "allow"), written.document
        rule = SHELLCHECK if code.startswith("SC") else RULES.get(code)
        if rule is None or not rule.allowable:
            why = f"no recipe can allow {code}" if rule else f"there is no rule {code}"
            problem = document.problem_at(node, why, "Remove it; `farm lint --explain CODE` explains a rule.")
            kept = [*kept, Finding(UNKNOWN.code, UNKNOWN.name, UNKNOWN.severity, problem)]
            continue
        left = [finding for finding in kept if code not in (finding.code, finding.check)]
        was_run = rule.code in codes and (rule.check is not None or rule.code in looked_for)
        if len(left) == len(kept) and was_run:
            problem = document.problem_at(node, f"{code} reports nothing here", "Remove it from lint.")
            left.append(Finding(UNUSED.code, UNUSED.name, UNUSED.severity, problem))
        kept = left
    return [finding for finding in kept if finding.code in codes]


def _written(survey: TreeSurvey, files: Mapping[str, bytes]) -> dict[str, WrittenRecipe]:
    found = {}
    directories = recipe_directories(files)
    for directory, recipe in survey.tree.recipes.items():
        beside = directories[directory]
        toolchain = survey.tree.toolchains.get(recipe.toolchain)
        found[directory] = WrittenRecipe.of(
            recipe,
            {name: content for name, content in beside.items() if name != RECIPE_FILE},
            text=beside[RECIPE_FILE],
            file=recipe_file(directory),
            runtime=toolchain.runtime if toolchain else (),
        )
    return found


def _step_files(survey: TreeSurvey, files: Mapping[str, bytes]) -> list[str]:
    paths = (f"steps/{name}.yaml" for name in survey.tree.steps.definitions)
    return [path for path in paths if path in files]


def _shell_findings(texts: list[ShellText], checked: _Checked) -> list[Finding]:
    if checked.shell is None:
        return []
    complaints = checked.shell([text.node.text for text in texts])
    found = (text.finding(one) for text, several in zip(texts, complaints, strict=True) for one in several)
    return [finding for finding in found if finding.code in checked.selection.codes]


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: (finding.problem.place, finding.code, finding.check)))
