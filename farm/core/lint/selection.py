"""Which rules are run: the codes, or the beginnings of codes, to select and to ignore."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from farm.core.lint.registry import RULES
from farm.errors import FarmError, did_you_mean


@dataclass(frozen=True, slots=True)
class Selection:
    """The codes of the rules that are run; all by default."""

    codes: frozenset[str] = frozenset(RULES)

    @classmethod
    def of(cls, select: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> Self:
        """Return the rules of `select` without those of `ignore`, each a code (`S101`) or a family (`S`).

        Raises the error `unknown-rule`.
        """
        return cls((_codes(select) if select else frozenset(RULES)) - _codes(ignore))


def _codes(names: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for name in names:
        matching = {code for code in RULES if name and code.startswith(name.upper())}
        if not matching:
            remedy = did_you_mean(name.upper(), RULES, f"Rules: {', '.join(RULES)}.")
            raise FarmError(f"there is no rule {name!r}", remedy=remedy, code="unknown-rule")
        found |= matching
    return frozenset(found)
