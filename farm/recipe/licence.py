"""Licences as SPDX expressions (SPDX specification 2.3, annex D)."""

from __future__ import annotations

import difflib
from functools import cache

from license_expression import (  # type: ignore[import-untyped]
    ExpressionError,
    Licensing,
    get_spdx_licensing,
)

from farm.recipe.errors import quoted
from farm.recipe.names import InvalidValueError


@cache
def _spdx() -> Licensing:
    # A constant table; reading it takes as long as reading a dozen recipes.
    return get_spdx_licensing()


def licence(text: str) -> str:
    """Check an SPDX licence expression in its canonical spelling; raises `InvalidValueError`."""
    licensing = _spdx()
    try:
        expression = licensing.parse(text)
    except ExpressionError as error:
        raise InvalidValueError(f"{quoted(text)} is not an SPDX expression: {error}") from error
    if expression is None:
        raise InvalidValueError("the licence is empty", remedy="Write an SPDX identifier such as MIT.")
    unknown = licensing.unknown_license_keys(expression)
    if unknown:
        near = difflib.get_close_matches(unknown[0], licensing.known_symbols, n=1)
        remedy = f"Did you mean {near[0]}?" if near else "See https://spdx.org/licenses for the identifiers."
        raise InvalidValueError(f"{quoted(unknown[0])} is not an SPDX licence identifier", remedy=remedy)
    if str(expression) != text:
        raise InvalidValueError(f"{quoted(text)} is not the canonical spelling", remedy=f"Write {expression}.")
    return text


def licence_identifier(text: str) -> str:
    """Check one SPDX licence, with an exception perhaps (`WITH`), and no choice or sum of licences."""
    if _spdx().parse(licence(text)).args:
        raise InvalidValueError(f"{quoted(text)} is more than one licence", remedy="Name each by itself.")
    return text
