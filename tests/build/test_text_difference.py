"""The difference between what a test printed and what it should print: enough to mend either, and never too long."""

from __future__ import annotations

from farm.build.attempt.text_difference import difference


def test_the_lines_around_a_difference_are_marked() -> None:
    expected = "\n".join(f"line {number}" for number in range(1, 10))
    printed = expected.replace("line 6", "other").replace("\nline 9", "")
    assert difference(printed, expected) == (
        "from line 3 on, expected (-) and printed (+):",
        " line 3",
        " line 4",
        " line 5",
        "-line 6",
        "+other",
        " line 7",
        " line 8",
        "-line 9",
    )


def test_what_is_missing_at_the_end_is_shown() -> None:
    assert difference("a", "a\nb") == ("from line 1 on, expected (-) and printed (+):", " a", "-b")
    assert difference("a\nb", "a")[1:] == (" a", "+b")


def test_texts_of_one_line_and_equal_ones_have_none() -> None:
    assert difference("a", "b") == ()
    assert difference("a\nb", "a\nb") == ()


def test_a_long_difference_is_cut() -> None:
    printed = "\n".join(f"{number} " + "x" * 500 for number in range(100_000))
    found = difference(printed, printed.replace("x", "y"))
    assert len(found) == 42
    assert max(map(len, found)) <= 201
    assert found[-1] == "… 360 more lines"


def test_long_lines_that_differ_at_their_ends_are_cut() -> None:
    long = "x" * 300
    assert difference(f"a\n{long}1", f"a\n{long}2")[2:] == (f"-{long[:200]}", f"+{long[:200]}")
