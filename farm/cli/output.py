"""Everything that the command prints goes through here: a terminal obeys nothing in it except the command's colours.

One rule for all verbs, whatever the origin of the text:

- What a terminal would obey, or not show, is spelled out (`farm.core.names.escaping`).
- A line of the command is one that was passed as such. A line break inside it came with a value: the text after it
  follows a bar, and in an error, whose texts may have several lines, is indented further than the labels. So no value
  can add what looks like a line of the command.
- A cell of a table is one line: a line break in it is spelled out.
- JSON is ASCII. A document for a file is unchanged, unless a terminal would show it.

`guarded` is the second defence: what Click, tracebacks and others write to the two streams is escaped too.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

import click

from farm.core.names.escaping import escape_control_chars, escape_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console

INDENT = "  | "
"""The prefix of each further line of a text that should be one line."""


@dataclass(frozen=True, slots=True)
class Styled:
    """A line in parts, each a text with the arguments of `click.style`; `+` joins it with texts and other lines."""

    parts: tuple[tuple[str, dict[str, Any]], ...]

    def __add__(self, other: Line) -> Styled:
        return Styled((*self.parts, *_parts(other)))

    def __radd__(self, other: str) -> Styled:
        return Styled((*_parts(other), *self.parts))

    def __str__(self) -> str:
        return "".join(text for text, _ in self.parts)


Line = str | Styled


def styled(text: str, **style: Any) -> Styled:
    """Return a text in a colour or weight (`fg`, `bold`, `dim`), which only a terminal shows."""
    return Styled(((text, style),))


def joined(separator: str, lines: Iterable[Line]) -> Styled:
    """Return texts as one line, as `str.join` does."""
    whole = Styled(())
    for number, line in enumerate(lines):
        whole = whole + separator + line if number else whole + line
    return whole


def say(line: Line = "", *, err: bool = False, indent: str = INDENT) -> None:
    """Print a line; with `err` on standard error, for everything except the result of the command."""
    stream = sys.stderr if err else sys.stdout
    colours = stream.isatty()
    parts = ((escape_lines(text, indent), style) for text, style in _parts(line))
    _write(stream, "".join(click.style(text, **style) if colours and style else text for text, style in parts) + "\n")


def say_lines(lines: Iterable[Line], *, err: bool = False) -> None:
    """Print lines one after the other."""
    for line in lines:
        say(line, err=err)


def say_json(form: Any, *, indent: int | None = 1) -> None:
    """Print one JSON document, in ASCII: what a terminal would obey is escaped by JSON's rules."""
    _write(sys.stdout, json.dumps(form, indent=indent).replace("\x7f", "\\u007f") + "\n")


def say_document(content: bytes) -> None:
    """Print a document for a file, usually JSON: byte for byte, unless a terminal shows it."""
    if sys.stdout.isatty():
        lines = content.decode(errors="backslashreplace").expandtabs().split("\n")
        _write(sys.stdout, "\n".join(map(_as_json_escapes, lines)))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def tell_result(lines: Iterable[Line], form: Any, *, as_json: bool) -> None:
    """Print the result of a command: lines for a person, or `form` (JSON values) for a program."""
    if as_json:
        say_json(form)
        return
    say_lines(lines)


def tell_table(
    rows: Sequence[tuple[str, ...]], headings: tuple[str, ...], form: Any, *, nothing: str, as_json: bool
) -> None:
    """Print rows under headings, or `nothing` if there are none; or `form` as JSON."""
    tell_result(table(rows, headings) if rows else [nothing], form, as_json=as_json)


def table(rows: Sequence[tuple[str, ...]], headings: tuple[str, ...]) -> list[Line]:
    """Return rows under headings, in columns as wide as they need to be; the last column is not padded.

    A cell is one line, whatever is in it.
    """
    cells = [tuple(map(escape_control_chars, row)) for row in [headings, *rows]]
    widths = [max(len(row[n]) for row in cells) for n in range(len(headings))]
    first, *rest = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
    return [styled(first, bold=True), *rest]


@contextmanager
def moving_line() -> Iterator[Callable[[str], None]]:
    """Yield a function that replaces the last line of standard error by a text; the line is removed at the end."""
    stream, lock, shown = sys.stderr, threading.Lock(), False
    moves = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def show(text: str) -> None:
        nonlocal shown
        if moves:
            with lock:
                _write(stream, f"\r{escape_control_chars(text)[: shutil.get_terminal_size().columns - 1]}\x1b[K")
                shown = True

    try:
        yield show
    finally:
        if shown:
            show("")


def console(*, err: bool = True) -> Console:
    """Return the console for moving lines, on standard error or output. Callers escape control characters first."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    return Console(file=stream.beneath if isinstance(stream, _Guarded) else stream, markup=False, highlight=False)


@contextmanager
def guarded() -> Iterator[None]:
    """Escape control characters, within this context, in everything written to the two streams without `say`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_guard, before)
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            for o in (sys.stdout, sys.stderr):
                if isinstance(o, _Guarded):
                    o.detach()  # or the underlying stream would be closed with it
            sys.stdout, sys.stderr = before


class _Guarded(io.TextIOWrapper):
    """A stream over the bytes of another text stream, through which no control characters pass."""

    def __init__(self, beneath: TextIO) -> None:
        beneath.flush()
        super().__init__(
            beneath.buffer,
            encoding=beneath.encoding,
            errors="backslashreplace",
            line_buffering=beneath.isatty(),
            write_through=beneath is sys.stderr,
        )
        self.beneath = beneath

    def isatty(self) -> bool:
        return self.beneath.isatty()

    def write(self, text: str, /) -> int:
        self.write_escaped(escape_lines(text))
        return len(text)

    def write_escaped(self, text: str) -> None:
        super().write(text)


def _guard(stream: TextIO) -> TextIO:
    return _Guarded(stream) if isinstance(stream, io.TextIOWrapper) else stream


def _write(stream: TextIO, text: str) -> None:
    if isinstance(stream, _Guarded):
        stream.write_escaped(text)
    else:
        stream.write(text)
    stream.flush()


def _parts(line: Line) -> tuple[tuple[str, dict[str, Any]], ...]:
    return line.parts if isinstance(line, Styled) else ((line, {}),)


def _as_json_escapes(line: str) -> str:
    shown = (
        character if escape_control_chars(character) == character else json.dumps(character)[1:-1] for character in line
    )
    return "".join(shown).replace("\x7f", "\\u007f")
