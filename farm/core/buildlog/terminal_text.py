"""What a terminal would show of a line in the end: text in colours, with nothing left that acts. Pure.

Carriage returns, backspaces and movements within the line are obeyed, as a line of progress overwrites itself. Colours
(SGR) become names of styles; links, titles and other sequences are left out. What remains and is not plain text, such
as bidirectional marks, is spelled out (`farm.core.names.escaping`).
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import NamedTuple

from farm.core.names.escaping import escape_control_chars

MOST_SHOWN = 2000
"""Characters of one line that a page shows; the plain log has the rest."""
_MOST_READ = 70_000
_MOST_COLUMNS = 1000
"""The columns that a line can reach by moving the cursor."""

# ECMA-48: control sequences, control strings (OSC, DCS, SOS, PM, APC), other escapes; CR and BS; anything else.
_TOKEN = re.compile(
    r"\x1b\[(?P<arguments>[0-?]{0,64})[ -/]{0,8}(?P<final>[@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"
    r"|\x1b[ -/]{1,8}[0-~]|\x1b[0-Z\\^-~]"
    r"|(?P<move>[\r\x08])"
    r"|(?P<text>[^\x1b\r\x08]+|\x1b)",
    re.DOTALL,
)
_ACTS = re.compile("[\x1b\x08]|\r.")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",)}
_CUBE = (0, 95, 135, 175, 215, 255)

_Cell = tuple[str, tuple[str, ...]]
_BLANK: _Cell = (" ", ())


class Segment(NamedTuple):
    """A piece of a line in one style. `styles` are words such as `bold` or `red`; `control`: an escaped character."""

    text: str
    styles: tuple[str, ...] = ()


class Line(NamedTuple):
    """A line for display, and how many characters of it were cut at the end."""

    segments: tuple[Segment, ...]
    cut: int


def plain(text: str) -> str:
    """Return the text of one line as a terminal shows it in the end, without colours. Control characters may remain."""
    if not _ACTS.search(text):
        return text.rstrip("\r")
    return "".join(character for character, _ in _cells(text)).rstrip()


def shown(text: str, *, most: int = MOST_SHOWN) -> Line:
    """Return a line in segments, cut after `most` characters."""
    if not _ACTS.search(text):
        text = text.rstrip("\r")
        return Line(tuple(_segments(text[:most], ())), max(len(text) - most, 0))
    cells = _cells(text)
    segments = [
        segment
        for styles, run in groupby(cells[:most], key=lambda cell: cell[1])
        for segment in _segments("".join(character for character, _ in run), styles)
    ]
    return Line(tuple(segments), max(len(cells) - most, 0) + max(len(text) - _MOST_READ, 0))


def _cells(text: str) -> list[_Cell]:
    row = _Row()
    style: dict[str, str] = {}
    for token in _TOKEN.finditer(text[:_MOST_READ]):
        if (written := token["text"]) is not None:
            row.write(written, tuple(style.values()))
        elif (move := token["move"]) is not None:
            row.column = 0 if move == "\r" else max(row.column - 1, 0)
        elif token["final"] == "m":
            _apply(style, token["arguments"])
        elif token["final"] is not None:
            row.obey(token["final"], token["arguments"])
    return row.cells


class _Row:
    """What a line shows so far. No sequence costs more than `_MOST_COLUMNS` cells besides those that were written."""

    def __init__(self) -> None:
        self.cells: list[_Cell] = []
        self.column = 0
        self._blank = 0
        """How many cells at the beginning are known to be blank: they are not erased again."""

    def write(self, text: str, styles: tuple[str, ...]) -> None:
        """Write from the column on, which moves."""
        cells, column = self.cells, self.column
        if column > len(cells):
            cells += [_BLANK] * (column - len(cells))
        self._blank = min(self._blank, column)
        self.column = column + len(text)
        cells[column : self.column] = [(character, styles) for character in text]

    def obey(self, final: str, arguments: str) -> None:
        """Obey a control sequence that erases, which moves nothing, or moves within the line."""
        number = int(arguments) if arguments.isdecimal() and len(arguments) < 6 else 0
        if final == "K":
            if number == 1:
                self._erase_before(self.column + 1)  # what is under the cursor too
            else:
                del self.cells[0 if number == 2 else self.column :]
        elif final in "GCD":
            moved = {"G": max(number, 1) - 1, "C": self.column + max(number, 1), "D": self.column - max(number, 1)}
            self.column = min(max(moved[final], 0), _MOST_COLUMNS)

    def _erase_before(self, column: int) -> None:
        end = min(column, len(self.cells))
        if end > self._blank:
            self.cells[self._blank : end] = [_BLANK] * (end - self._blank)
            self._blank = end


def _segments(text: str, styles: tuple[str, ...]) -> list[Segment]:
    if escape_control_chars(text) == text:
        return [Segment(text, styles)] if text else []
    segments: list[Segment] = []
    for is_special, run in groupby(text, key=lambda character: escape_control_chars(character) != character):
        if not is_special:
            segments.append(Segment("".join(run), styles))
            continue
        segments += [
            Segment("\t", styles) if character == "\t" else Segment(escape_control_chars(character), ("control",))
            for character in run
        ]
    return segments


def _apply(style: dict[str, str], parameters: str) -> None:
    """Change the style as SGR demands. Backgrounds and concealment are ignored: they can hide text."""
    codes = [int(code) if code.isdecimal() else 0 for code in re.split("[;:]", parameters)]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style.clear()
        elif code in _ON:
            style[_ON[code]] = _ON[code]
        elif code in _OFF:
            for name in _OFF[code]:
                style.pop(name, None)
        elif 30 <= code <= 37 or 90 <= code <= 97:
            style["colour"] = _COLOURS[code % 10]
        elif code == 39:
            style.pop("colour", None)
        elif code in (38, 48):
            _apply_extended(codes, style if code == 38 else {})


def _apply_extended(codes: list[int], style: dict[str, str]) -> None:
    """Take the arguments of an extended colour, of 256 or of 16 million, as the plain one that is nearest."""
    kind = codes.pop(0) if codes else 0
    if kind == 5 and codes:
        number = codes.pop(0)
        if number < 16:
            style["colour"] = _COLOURS[number % 8]
        elif number < 232:
            number -= 16
            style["colour"] = _nearest(_CUBE[number // 36], _CUBE[number // 6 % 6], _CUBE[number % 6])
        else:
            style.pop("colour", None)
    elif kind == 2 and len(codes) >= 3:
        style["colour"] = _nearest(*codes[:3])
        del codes[:3]


def _nearest(red: int, green: int, blue: int) -> str:
    middle = max(red, green, blue) / 2
    return _COLOURS[(red > middle) + 2 * (green > middle) + 4 * (blue > middle)]
