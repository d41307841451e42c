"""Regular expressions of recipes: one that cannot be compiled is an error of the recipe, whatever Python raises."""

from __future__ import annotations

import pytest

from farm.core.files.matching import InvalidValueError
from farm.core.files.values import pattern


@pytest.mark.parametrize("text", ["a{1,99999999999}", "(" * 1000 + ")" * 1000, "("], ids=["number", "nested", "open"])
def test_an_expression_that_cannot_be_compiled_is_told(text: str) -> None:
    with pytest.raises(InvalidValueError, match="not a regular expression"):
        pattern(text)
