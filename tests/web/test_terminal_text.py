"""Any output of a program is shown without control sequences, and complete."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.pages.log_view import line_markup, log_rows
from web.pages.terminal_text import Segment, one_line, shown, spelt_out

ANYTHING = st.text(st.characters(), max_size=300)
TERMINAL = st.lists(
    st.sampled_from(
        ["\x1b[31m", "\x1b[0m", "\x1b[", "m", "38;5;1", "\x1b]8;;", "\x07", "\u202e", "<b>", "&", "a", "\r"]
    )
).map("".join)


def texts(line: str) -> str:
    return "".join(segment.text for segment in shown(line, most=10_000).segments)


@given(ANYTHING | TERMINAL)
def test_no_character_that_acts_is_left(text: str) -> None:
    for character in texts(text):
        assert unicodedata.category(character) not in {"Cs", "Zl", "Zp"}
        assert unicodedata.category(character) != "Cc" or character == "\t"
        assert unicodedata.bidirectional(character) not in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }


@given(ANYTHING.filter(lambda text: "\x1b" not in text))
def test_without_escapes_nothing_is_left_out(text: str) -> None:
    assert texts(text) == one_line(text)


@given(ANYTHING | TERMINAL)
def test_markup_holds_no_tags_but_its_own(text: str) -> None:
    markup = str(line_markup(text))
    for ours in ('<i class="', '">', "</i>", '<em class="cut">', "</em>"):
        markup = markup.replace(ours, "")
    assert "<" not in markup
    assert ">" not in markup


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", (Segment("plain"),)),
        ("\x1b[31mred\x1b[0m", (Segment("red", ("red",)),)),
        ("\x1b[01;31m\x1b[Kerror:\x1b[m\x1b[K no", (Segment("error:", ("bold", "red")), Segment(" no"))),
        ("\x1b[38;5;2mgreen", (Segment("green", ("green",)),)),
        ("\x1b[38;2;1;1;1mas it is", (Segment("as it is"),)),
        ("\x1b[8mconcealed", (Segment("concealed"),)),
        ("\x1b[41;30mon red", (Segment("on red", ("black",)),)),
        ("\x1b[1A", (Segment("^[", ("control",)), Segment("[1A"))),
        ("a\rb", (Segment("a"), Segment("^M", ("control",)), Segment("b"))),
        ("\u202eexe.txt", (Segment("<U+202E>", ("control",)), Segment("exe.txt"))),
    ],
)
def test_colours_are_shown_and_the_rest_is_spelt_out(text: str, expected: tuple[Segment, ...]) -> None:
    assert shown(text).segments == expected


def test_a_link_of_the_terminal_shows_its_address() -> None:
    assert spelt_out("\x1b]8;;https://evil.example\x07click\x1b]8;;\x07") == "^[]8;;https://evil.example^Gclick^[]8;;^G"


def test_a_line_of_a_hundred_megabytes_is_cut_and_says_by_how_much() -> None:
    line = shown("x" * 100_000_000)
    assert (sum(len(segment.text) for segment in line.segments), line.cut) == (2000, 99_998_000)
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
    assert "&lt;script&gt;&lt;U+202E&gt;" in rows
