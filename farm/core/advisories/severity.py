"""The severity of a vulnerability: the words of CVSS, and their order."""

from __future__ import annotations

from typing import Literal, TypeAlias

from cvss import CVSS2, CVSS3, CVSS4  # type: ignore[import-untyped]
from cvss.exceptions import CVSSError  # type: ignore[import-untyped]

from farm.errors import FarmError

Severity: TypeAlias = Literal["none", "low", "medium", "high", "critical"]

SEVERITIES: tuple[Severity, ...] = ("none", "low", "medium", "high", "critical")
_KINDS = {"CVSS_V2": CVSS2, "CVSS_V3": CVSS3, "CVSS_V4": CVSS4}
SCORES = tuple(_KINDS)
"""The kinds of vector: CVSS_V2, CVSS_V3, CVSS_V4."""
LONGEST_VECTOR = 500


def at_least(severity: Severity, least: Severity) -> bool:
    """Return whether a severity is as bad as another, or worse."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)


def worst(severities: tuple[Severity, ...]) -> Severity:
    """Return the worst of these; `none` of nothing."""
    return max(severities, key=SEVERITIES.index, default="none")


def severity_of_vector(kind: str, vector: str) -> Severity:
    """Return the base severity of a CVSS vector; `kind` is OSV's CVSS_V2, CVSS_V3 or CVSS_V4.

    Raises the error `invalid-severity`.
    """
    read = _KINDS.get(kind)
    if read is None:
        raise FarmError(
            f"{kind[:40]!r} is not a kind of score here", remedy=f"Use {', '.join(_KINDS)}.", code="invalid-severity"
        )
    try:
        word = str(read(vector[:LONGEST_VECTOR]).severities()[0])
    except CVSSError as error:
        raise FarmError(f"{vector[:80]!r} is not a valid {kind} vector: {error}", code="invalid-severity") from error
    return severity_of_word(word)


def severity_of_word(word: str) -> Severity:
    """Return the severity that a word means, in any case; `moderate` means medium.

    Raises the error `invalid-severity`.
    """
    plain = {"moderate": "medium"}.get(word.lower(), word.lower())
    for severity in SEVERITIES:
        if severity == plain:
            return severity
    raise FarmError(
        f"{word[:40]!r} is not a severity", remedy=f"Use one of {', '.join(SEVERITIES)}.", code="invalid-severity"
    )
