"""Version constraints on the packages of an image: `openssl`, `openssl<3.5.3`, `zlib = 1.3-2`. Pure.

    expression = name [operator version]
    operator   = "<" | "<=" | "=" | ">=" | ">"
    version    = as a package has it, with or without its revision after a dash

Without a revision a version stands for all its revisions: `<3.5.3` is before the first, `>3.5.3` after the last.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.advisories.matching import Bound
from farm.core.names.package_name import InvalidPackageNameError, PackageName
from farm.core.names.version import InvalidVersionError, Version
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable

_FORM = re.compile(r"(?P<lead>\s*)(?P<name>[^\s<>=!~]*)(?P<gap>\s*)(?P<operator>[<>=!~]*)(?P<space>\s*)(?P<version>.*)")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip
_LIKE = {"==": "=", "=<": "<=", "=>": ">="}


class InvalidConstraintError(FarmError):
    """An expression is invalid; `column` counts from 1."""

    code = "invalid-holding"
    exit_status = 2

    def __init__(self, text: str, column: int, why: str, remedy: str) -> None:
        shown = "".join(letter if letter.isprintable() else "?" for letter in text[:100])
        pointer = " " * (min(column, len(shown) + 1) - 1) + "^"
        super().__init__(f"column {column}: {why}\n  {shown}\n  {pointer}", remedy=remedy)
        self.column = column


@dataclass(frozen=True, slots=True)
class VersionConstraint:
    """A package by its short or full name; with `operator`, restricted to versions."""

    name: str
    operator: str = ""
    bound: Bound | None = None

    @classmethod
    def parse(cls, text: str) -> VersionConstraint:
        """Read an expression. Raises `InvalidConstraintError`."""
        found = _FORM.fullmatch(text)
        if found is None or not found["name"]:
            column = len(found["lead"]) + 1 if found else 1
            raise InvalidConstraintError(text, column, "there is no name of a package", "Write it as 'openssl<3.5.3'.")
        name, sign, version = found["name"], found["operator"], found["version"].rstrip()
        try:
            PackageName.parse(name, within="dist.example.org")
        except InvalidPackageNameError as error:
            remedy = "Write it as openssl or dist.example.org/openssl."
            raise InvalidConstraintError(
                text, found.start("name") + 1, f"{name[:80]!r} is not a valid name", remedy
            ) from error
        _check_operator(text, found.start("operator") + 1, sign, version)
        if not sign:
            return cls(name)
        try:
            bound = Bound.parse(version)
            if bound.version is None:
                bound = Bound(Version(version))
        except InvalidVersionError as error:
            why = f"{version[:80]!r} is not a valid version" if version else "a version is missing"
            raise InvalidConstraintError(
                text, found.start("version") + 1, why, "Write it as 3.5.3 or 3.5.3-1."
            ) from error
        return cls(name, sign, bound)

    def is_met_by(self, name: PackageName, version: str, revision: int | None) -> bool:
        """Return whether a package meets the constraint; one of unknown revision is judged by its version alone."""
        if self.name not in (name.short, str(name)):
            return False
        if self.bound is None:
            return True
        compare = _OPERATORS[self.operator]
        if revision is None or self.bound.revision is None:
            return compare(Version(version), self.bound.version)
        return compare((Version(version), revision), (self.bound.version, self.bound.revision))


def _check_operator(text: str, column: int, sign: str, version: str) -> None:
    remedy = f"Use {_LIKE[sign]}." if sign in _LIKE else f"Use one of {' '.join(_OPERATORS)}."
    if version and not sign:
        raise InvalidConstraintError(text, column, "an operator is missing before the version", remedy)
    if sign and sign not in _OPERATORS:
        raise InvalidConstraintError(text, column, f"{sign[:20]} is not an operator", remedy)
