"""`docs/lint.md` is made of the rules. `UPDATE_GOLDEN=1` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from farm.core.lint.page import lint_page

PAGE = Path(__file__).parents[2] / "docs" / "lint.md"


def test_the_page_of_the_rules_is_made_of_them() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(lint_page())
    assert PAGE.read_text() == lint_page()
