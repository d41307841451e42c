from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.files.duration import LONGEST, duration, duration_text
from farm.core.files.matching import InvalidValueError


@given(st.integers(1, int(LONGEST.total_seconds())))
def test_what_is_written_is_read(seconds: int) -> None:
    assert duration(duration_text(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("text", "length"), [("90s", 90), ("30m", 1800), ("24h", 86400), ("7d", 604800), ("060s", 60)])
def test_lengths_are_read(text: str, length: int) -> None:
    assert duration(text) == timedelta(seconds=length)


@pytest.mark.parametrize("text", ["", "24", "h", "1.5h", "-1h", "1 h", "1h30m", "0s", "99999d", "9" * 30 + "s", "1H"])
def test_other_texts_are_none(text: str) -> None:
    with pytest.raises(InvalidValueError):
        duration(text)
