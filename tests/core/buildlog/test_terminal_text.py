"""Any output of a program is shown as a terminal would show it, with nothing left that acts."""

from __future__ import annotations

import sys
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from farm.core.buildlog.terminal_text import Segment, plain, shown
from farm.core.names.escaping import escape_control_chars

if TYPE_CHECKING:
    from types import FrameType

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


@given(ANYTHING.filter(lambda text: not set(text) & set("\x1b\r\x08\t")))
def test_without_escapes_nothing_is_left_out(text: str) -> None:
    assert texts(text) == escape_control_chars(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", (Segment("plain"),)),
        ("\x1b[31mred\x1b[0m", (Segment("red", ("red",)),)),
        ("\x1b[01;31m\x1b[Kerror:\x1b[m\x1b[K no", (Segment("error:", ("bold", "red")), Segment(" no"))),
        ("\x1b[38;5;2mgreen", (Segment("green", ("green",)),)),
        ("\x1b[38;5;196mred", (Segment("red", ("red",)),)),
        ("\x1b[38;2;1;1;250mblue", (Segment("blue", ("blue",)),)),
        ("\x1b[8mconcealed", (Segment("concealed"),)),
        ("\x1b[41;30mon red", (Segment("on red", ("black",)),)),
        ("\x1b[1A", ()),
        ("\x1b", (Segment("\\x1b", ("control",)),)),
        ("a\rb", (Segment("b"),)),
        ("a\u034fb", (Segment("a"), Segment("\\u034f", ("control",)), Segment("b"))),
        ("\u202eexe.txt", (Segment("\\u202e", ("control",)), Segment("exe.txt"))),
    ],
)
def test_colours_are_shown_and_what_acts_is_not(text: str, expected: tuple[Segment, ...]) -> None:
    assert shown(text).segments == expected


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("10 %\r20 %\r100 %\r", "100 %"),
        ("a long line\rshort", "shortg line"),
        ("a long line\rshort\x1b[K", "short"),
        ("abc\x08X", "abX"),
        ("\x1b]8;;https://evil.example\x07click\x1b]8;;\x07 here", "click here"),
        ("\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b[2K\x1b[1Gdone", "done"),
        ("\x1b[3Cx", "   x"),
        ("\x1b(Bplain\x1b=", "plain"),
        ("x.c:1:1: \x1b[01;31m\x1b[Kerror: \x1b[m\x1b[Kno", "x.c:1:1: error: no"),
        ("with the end of DOS\r", "with the end of DOS"),
    ],
)
def test_what_is_seen_is_what_a_terminal_shows_in_the_end(text: str, seen: str) -> None:
    assert plain(text) == seen
    assert texts(text).rstrip() == seen


def test_sequences_that_ask_for_much_get_little() -> None:
    assert len(plain("\x1b[99999Cx" * 1000)) <= 3000


def test_a_line_of_a_hundred_megabytes_is_cut_and_says_by_how_much() -> None:
    line = shown("x" * 100_000_000)
    assert (sum(len(segment.text) for segment in line.segments), line.cut) == (2000, 99_998_000)


MOVING = st.lists(
    st.sampled_from(
        [
            *("\x1b[1K", "\x1b[K", "\x1b[2K", "\x1b[999C", "\x1b[3C", "\x1b[2D", "\x1b[5G", "\x1b[31m", "\r", "\x08"),
            *("a", "bc", "x" * 7),
        ]
    ),
    max_size=12,
)


def seen_by_a_slow_terminal(pieces: list[str]) -> str:
    """What a terminal of 100,000 columns shows, which does each thing at once."""
    screen, column = [" "] * 100_000, 0
    for piece in pieces:
        if not piece.startswith("\x1b"):
            for character in piece:
                if character in "\r\x08":
                    column = 0 if character == "\r" else max(column - 1, 0)
                else:
                    screen[column] = character
                    column += 1
        elif piece[-1] == "K":
            begin, end = {"\x1b[K": (column, len(screen)), "\x1b[1K": (0, column + 1)}.get(piece, (0, len(screen)))
            screen[begin:end] = [" "] * (end - begin)
        elif piece[-1] in "CDG":
            number = int(piece[2:-1])
            column = {"C": column + number, "D": column - number, "G": number - 1}[piece[-1]]
            column = min(max(column, 0), 1000)
    return "".join(screen).rstrip()


@given(MOVING)
def test_movements_and_erasures_leave_what_a_terminal_shows(pieces: list[str]) -> None:
    assert plain("".join(pieces)) == seen_by_a_slow_terminal(pieces)


def test_an_erasure_moves_nothing() -> None:
    assert plain("x" * 1500 + "\x1b[Ky") == "x" * 1500 + "y"


def steps_of(text: str) -> int:
    """How many lines of Python are run to read a text."""
    steps = 0

    def count(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal steps
        steps += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        plain(text)
    finally:
        sys.settrace(before)
    return steps


@given(MOVING)
@example(["\x1b[999C", "x", "\x1b[2K"])
@example(["x" * 7, "\x1b[999C", "\x1b[1K"])
def test_a_line_takes_no_more_steps_than_its_length_asks_for(pieces: list[str]) -> None:
    text = "".join(pieces) * 200
    assert steps_of(text) <= 20 * len(text) + 10_000
