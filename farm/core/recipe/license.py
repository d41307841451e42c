"""Licenses as SPDX expressions (SPDX specification 2.3, annex D)."""

from __future__ import annotations

import difflib
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from license_expression import (  # type: ignore[import-untyped]
    AND,
    OR,
    ExpressionError,
    Licensing,
    get_spdx_licensing,
)

from farm.core.files.matching import InvalidValueError
from farm.core.files.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Collection


_GNU = re.compile(r"((?:A|L)?GPL)[-_ ]?[vV]?([1-9])(?:\.([0-9]))?", re.IGNORECASE)


@cache
def _spdx() -> Licensing:
    # A constant table; reading it takes as long as reading a dozen recipes.
    return get_spdx_licensing()


def spdx_expression(text: str) -> str:
    """Check an SPDX license expression in its canonical spelling; raises `InvalidValueError`."""
    licensing = _spdx()
    _refuse_without_only_or_later(text, licensing)
    try:
        expression = licensing.parse(text)
    except ExpressionError as error:
        raise InvalidValueError(f"{quoted(text)} is not an SPDX expression: {error}") from error
    if expression is None:
        raise InvalidValueError("the license is empty", remedy="Write an SPDX identifier such as MIT.")
    unknown = licensing.unknown_license_keys(expression)
    if unknown:
        near = _similar(unknown[0], licensing.known_symbols)
        remedy = f"Did you mean {near}?" if near else "See https://spdx.org/licenses for the identifiers."
        raise InvalidValueError(f"{quoted(unknown[0])} is not an SPDX license identifier", remedy=remedy)
    if str(expression) != text:
        raise InvalidValueError(f"{quoted(text)} is not the canonical spelling", remedy=f"Write {expression}.")
    return text


def _similar(word: str, known: Collection[str]) -> str:
    """Return the identifiers that an unknown license may stand for; empty if none is like it.

    `GPLv2+` is a known license with "or any later version"; `BSD` and `Apache` name several licenses.
    """
    gnu = _GNU.fullmatch(word.removesuffix("+"))
    if gnu and word.endswith("+") and (later := f"{gnu[1].upper()}-{gnu[2]}.{gnu[3] or 0}-or-later") in known:
        return later
    begun = [name for name in known if name.lower().startswith(f"{word.lower()}-")]
    begun.sort(key=lambda name: (name.count("."), len(name), name))
    return ", ".join(begun[:4]) or next(iter(difflib.get_close_matches(word, known, n=1)), "")


def _refuse_without_only_or_later(text: str, licensing: Licensing) -> None:
    """Refuse a license of the GNU project that does not say whether later versions may be chosen: `GPL3`, `GPL-3.0`."""
    for word in re.findall(r"[^\s()]+", text):
        found = _GNU.fullmatch(word)
        if found is None:
            continue
        identifier = f"{found[1].upper()}-{found[2]}.{found[3] or 0}"
        choices = [f"{identifier}-{ending}" for ending in ("only", "or-later")]
        if all(choice in licensing.known_symbols for choice in choices):
            raise InvalidValueError(
                f"{quoted(word)} does not say whether later versions of the license may be chosen",
                remedy=f'Write {choices[0]}, or {choices[1]} where the source says "or any later version".',
            )


def spdx_license(text: str) -> str:
    """Check one SPDX license, possibly with an exception (`WITH`), but without AND or OR."""
    if _spdx().parse(spdx_expression(text)).args:
        raise InvalidValueError(f"{quoted(text)} is more than one license", remedy="Name each by itself.")
    return text


def refused_licenses(text: str, *, allow: Collection[str] = (), deny: Collection[str] = ()) -> tuple[str, ...]:
    """Return the licenses of an SPDX expression that prevent its use; none where it can be used.

    With `allow` only those licenses may be used, else all but those of `deny`. Of alternatives (OR) one is enough; of
    combined licenses (AND) each must be allowed. A license with an exception (WITH) is allowed or denied with its base
    license too: an exception only permits more. Raises `InvalidValueError`.
    """

    def blocked(expression: Any) -> tuple[str, ...]:
        parts = [blocked(part) for part in getattr(expression, "args", ())]
        if isinstance(expression, OR):
            # A person would choose the alternative with the fewest refused licenses.
            return min(parts, key=len)
        if isinstance(expression, AND):
            return tuple(dict.fromkeys(license_name for part in parts for license_name in part))
        name = str(expression)
        names = {name, name.partition(" WITH ")[0]}
        usable = bool(names & set(allow)) if allow else not names & set(deny)
        return () if usable else (name,)

    return blocked(_spdx().parse(spdx_expression(text)))
