"""The output of a program becomes markup without tags of its own."""

from __future__ import annotations

from hypothesis import given

from tests.core.buildlog.test_terminal_text import ANYTHING, TERMINAL
from web.pages.log_view import line_markup, log_rows


@given(ANYTHING | TERMINAL)
def test_markup_holds_no_tags_but_its_own(text: str) -> None:
    markup = str(line_markup(text))
    for ours in ('<i class="', '">', "</i>", '<em class="cut">', "</em>"):
        markup = markup.replace(ours, "")
    assert "<" not in markup
    assert ">" not in markup


def test_a_long_line_says_how_much_of_it_was_cut() -> None:
    assert "98,000 more characters" in line_markup("x" * 100_000)


def test_names_of_steps_and_streams_are_inert_too() -> None:
    record = {
        "time": '"><script>',
        "stream": "<x>",
        "severity": "info",
        "step": "<script>\u202e",
        "text": "<img src=x>",
    }
    rows = str(log_rows([record], first=1, page="/jobs/1?attempt=1&"))
    assert "<script" not in rows
    assert "<img" not in rows
    assert "<x>" not in rows
    assert "\u202e" not in rows
    assert "&lt;script&gt;\\u202e" in rows
