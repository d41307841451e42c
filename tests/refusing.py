"""Errors by their code: most have no class of their own."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def refuses(code: str, match: str = "") -> Iterator[pytest.ExceptionInfo[FarmError]]:
    """Expect an error of this code, whose message `match`, a regular expression, finds."""
    with pytest.raises(FarmError) as refused:
        yield refused
    assert refused.value.code == code, refused.value
    assert re.search(match, refused.value.message), refused.value.message
