"""What the rules find in one recipe, without what the recipe allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.lint.finding import LintFinding
from farm.core.lint.registry import RULES
from farm.core.lint.rules.files import UNKNOWN, UNUSED
from farm.core.lint.rules.scripts import SHELLCHECK
from farm.core.lint.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.lint.rule import Rule
    from farm.core.lint.written import WrittenRecipe

ALL = Selection()


def lint_recipe(
    written: WrittenRecipe,
    *,
    selection: Selection = ALL,
    found: Iterable[LintFinding] = (),
    looked_for: frozenset[str] = frozenset(),
) -> list[LintFinding]:
    """Return what the rules find in a recipe, and `found` before, without what the recipe allows.

    `looked_for` are the codes that could be in `found`: whether an allowance of another one is used is unknown.
    """
    codes, is_whole = selection.codes, not (written.unread or written.faults)
    kept = [*found, *(finding for code in sorted(codes) for finding in RULES[code].findings(written))]
    if "lint" in written.unread:  # nobody knows what it allows
        kept = [finding for finding in kept if not RULES[finding.code].allowable]
    about_allowances: list[LintFinding] = []
    for number, allowance in enumerate(written.recipe.allowances):
        code = allowance.code
        rule = SHELLCHECK if code.startswith("SC") else RULES.get(code)
        if rule is None or not rule.allowable:
            why = f"no recipe can allow {code}" if rule else f"there is no rule {code}"
            remedy = "Remove it; `farm lint --explain CODE` explains a rule."
            about_allowances.append(_of_allowance(UNKNOWN, written, number, why, remedy))
            continue
        left = [finding for finding in kept if code not in (finding.code, finding.check)]
        was_run = is_whole and rule.code in codes and (rule.check is not None or rule.code in looked_for)
        if len(left) == len(kept) and was_run:
            why = f"{code} reports nothing here"
            about_allowances.append(_of_allowance(UNUSED, written, number, why, "Remove it from lint."))
        kept = left
    return [*kept, *(finding for finding in about_allowances if finding.code in codes)]


def _of_allowance(rule: Rule, written: WrittenRecipe, number: int, message: str, remedy: str) -> LintFinding:
    problem = written.document.problem_at(written.at("lint", number, "allow"), message, remedy)
    return LintFinding(rule.code, rule.name, rule.severity, problem)
