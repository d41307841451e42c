"""Tables of the pages are complete: a blank line ends a table, and rows after it are shown as text with bars."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_RULE = re.compile(r"\|[-| :]+\|")


def torn(text: str) -> list[str]:
    """The rows that are first in their block, and have no rule below them."""
    lines = [*re.sub(r"(?ms)^```.*?^```$", "", text).splitlines(), ""]
    return [
        line
        for before, line, after in zip(["", *lines], lines, lines[1:], strict=False)
        if line.startswith("|") and not before.startswith("|") and not _RULE.fullmatch(after)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_row_is_cut_off_its_table(page: Path) -> None:
    assert torn(page.read_text()) == []


def test_a_row_that_is_cut_off_is_noticed() -> None:
    assert torn("| a |\n|---|\n| 1 |\n\n| 2 |\n") == ["| 2 |"]
