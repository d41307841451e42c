"""Makes text from untrusted programs safe to display. Pure.

Colours (SGR) become names of styles. Everything else that acts on a terminal or reorders text is escaped visibly, and
has no effect: control characters, operating-system commands, bidirectional marks and invisible characters.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MOST_SHOWN = 2000
"""Characters of one line that a page shows; the plain log has the rest."""

# Cc without tab and newline; the bidirectional and invisible ones of Cf, Zl and Zp; fillers; tags; lone surrogates.
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Select graphic rendition, and "erase in line", which compilers write after every colour and which hides nothing here.
_ESCAPE = re.compile(r"\x1b\[([0-9;:]{0,64})m|\x1b\[[0-2]?K")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",)}


_NEWLINE = "^J"


class Segment(NamedTuple):
    """A piece of a line in one style. `styles` are words such as `bold` or `red`; `control`: an escaped character."""

    text: str
    styles: tuple[str, ...] = ()


class Line(NamedTuple):
    """A line for display, and how many characters of it were cut at the end."""

    segments: tuple[Segment, ...]
    cut: int


def spelt_out(text: str) -> str:
    """Return the text with every special character replaced by its name: no colours, nothing dropped."""
    return _ODD.sub(lambda found: _name(found[0]), text)


def one_line(text: str) -> str:
    """Return the text in one line, newlines escaped too."""
    return spelt_out(text).replace("\n", _NEWLINE)


def shown(text: str, *, most: int = MOST_SHOWN) -> Line:
    """Return a line in segments, cut after `most` characters of the source."""
    cut = max(len(text) - most, 0)
    text = (text[:most] if cut else text).replace("\n", _NEWLINE)
    if not _ODD.search(text):
        return Line((Segment(text),) if text else (), cut)
    segments: list[Segment] = []
    style: dict[str, str] = {}
    position = 0
    for escape in _ESCAPE.finditer(text):
        _append(segments, text[position : escape.start()], style)
        position = escape.end()
        if escape[1] is not None:
            _apply(style, escape[1])
    _append(segments, text[position:], style)
    return Line(tuple(segments), cut)


def _append(segments: list[Segment], text: str, style: dict[str, str]) -> None:
    styles = tuple(style.values())
    position = 0
    for odd in _ODD.finditer(text):
        if odd.start() > position:
            segments.append(Segment(text[position : odd.start()], styles))
        segments.append(Segment(_name(odd[0]), ("control",)))
        position = odd.end()
    if position < len(text):
        segments.append(Segment(text[position:], styles))


def _name(character: str) -> str:
    code = ord(character)
    # Caret notation, which every font can show.
    return f"^{chr(code ^ 0x40)}" if code < 0x20 or code == 0x7F else f"<U+{code:04X}>"


def _apply(style: dict[str, str], parameters: str) -> None:
    """Change the style as SGR demands. Backgrounds and concealment are ignored: they can hide text."""
    codes = [int(code) if code else 0 for code in re.split("[;:]", parameters)]
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
            _skip_extended(codes, style if code == 38 else {})


def _skip_extended(codes: list[int], style: dict[str, str]) -> None:
    """Take the arguments of an extended colour; of the 256 the first 16 are the plain ones."""
    kind = codes.pop(0) if codes else 0
    if kind == 5 and codes:
        number = codes.pop(0)
        if number < 16:
            style["colour"] = _COLOURS[number % 8]
    elif kind == 2:
        del codes[:3]
