"""The `lint` key of a recipe: what `farm lint` would report and the recipe allows, each with its reason."""

from __future__ import annotations

from farm.core.files.fields import Fields
from farm.core.files.matching import Matching
from farm.core.recipe.recipe import Allowance

KEYS = ("allow", "reason")

_code = Matching(r"[A-Z]{1,2}[0-9]{3,4}", "is not the code of a rule", "Write it as S101, or as SC2045.")


def read_allowances(fields: Fields) -> tuple[Allowance, ...]:
    """Read `lint`; whether rules of these codes exist is not checked here."""
    found: dict[str, Allowance] = {}
    for node in fields.items("lint"):
        part = Fields(fields.document, node, "an item of lint", known=KEYS, required=KEYS)
        code, reason = part.parsed("allow", _code) or "", part.line("reason").strip()
        if "reason" in part and not reason:
            part.report("reason", "reason is empty", "Say in a line why the rule does not apply here.")
        if code in found:
            part.report("allow", f"lint allows {code} twice", "Keep one of them.")
        elif code:
            found[code] = Allowance(code, reason)
    return tuple(found.values())
