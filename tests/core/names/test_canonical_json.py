from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from farm.core.names.canonical_json import NotCanonicalizableError, canonical_json

_INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
_KEYS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]))
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _INTEGERS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner),
)


@given(_VALUES)
def test_it_is_what_the_rfc_8785_library_writes(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("value", [1.0, float("nan"), 2**53, {1: "x"}, {"\U0001f600": 1}, "\ud800", b"x", {"a": {1}}])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonicalizableError):
        canonical_json(value)
