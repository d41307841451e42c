"""The registry of rules, by code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.lint.rules import description, files, licensing, needs, scripts, sources, testing
from farm.errors import FarmError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.lint.rule import Rule

_FAMILIES = (files, needs, sources, scripts, testing, licensing, description)
RULES: Mapping[str, Rule] = {
    rule.code: rule for rule in sorted((r for family in _FAMILIES for r in family.RULES), key=lambda rule: rule.code)
}

FAMILIES: Mapping[str, str] = {
    "A": "Allowances",
    "D": "Description",
    "F": "Files",
    "L": "Licenses",
    "N": "Needs",
    "P": "Shell text",
    "S": "Sources",
    "T": "Tests",
}
"""The headings of `docs/lint.md`, by the letter of the codes below them."""


def rule_named(text: str) -> Rule:
    """Return the rule of a code or name. Raises the error `unknown-rule`."""
    rule = next((rule for rule in RULES.values() if text.upper() == rule.code or text == rule.name), None)
    if rule is None:
        known = (*RULES, *(rule.name for rule in RULES.values()))
        remedy = did_you_mean(text, known, f"Rules: {', '.join(RULES)}.")
        raise FarmError(f"there is no rule {text!r}", remedy=remedy, code="unknown-rule")
    return rule
