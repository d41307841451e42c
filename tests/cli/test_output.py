"""The one place through which the command prints: what it escapes, and that nothing bypasses it."""

from __future__ import annotations

import ast
import io
import json
import sys
import unicodedata
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import farm.cli
from farm.cli.output import guarded, joined, moving_line, say, say_document, say_json, say_lines, styled
from farm.cli.progress import downloads
from farm.core.names.digest import Digest
from farm.core.names.escaping import escape_control_chars
from farm.core.plan.job import BlobRef

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(farm.cli.__file__).parent
PRINTING = {
    "click.echo", "click.secho", "click.style", "click.echo_via_pager", "click.progressbar", "click.clear", "print",
    "rich.print", "Console", "sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer.write", "sys.stdout.writelines",
    "sys.stderr.writelines",
}  # fmt: skip


class Terminal(io.TextIOWrapper):
    """A stream that claims to be a terminal."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


@contextmanager
def on_a_terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    with redirect_stdout(terminal):
        yield terminal


@given(st.text(st.characters(categories=["C", "Z", "M", "Lo", "L"])))
def test_nothing_of_a_text_is_a_control_a_line_end_or_no_text_at_all(text: str) -> None:
    shown = escape_control_chars(text)
    assert not [
        character
        for character in shown
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    ]
    shown.encode()
    assert escape_control_chars(shown) == shown


def test_what_is_spelt_out_says_what_it_was() -> None:
    name = b"caf\xe9".decode(errors="surrogateescape")
    assert escape_control_chars(f"\x1b\x7f\x9b\u202e\u200b\u3164\U000e0041 {name}\n") == (
        "\\x1b\\x7f\\x9b\\u202e\\u200b\\u3164\\U000e0041 caf\\xe9\\n"
    )
    assert escape_control_chars("naïve → 日本 עברית 😀") == "naïve → 日本 עברית 😀"


def test_a_line_break_in_a_value_begins_no_line_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    say_lines([styled("one", bold=True) + ": a\nb", joined(", ", ["x", styled("y\nz")]), ""])
    assert capsys.readouterr().out == "one: a\n  | b\nx, y\n  | z\n\n"


def test_colours_are_ours_alone_and_for_terminals(capsys: pytest.CaptureFixture[str]) -> None:
    with on_a_terminal() as terminal:
        say(styled("red", fg="red") + " \x1b[32mgreen")
    assert terminal.shown == "\x1b[31mred\x1b[0m \\x1b[32mgreen\n"
    say(styled("red", fg="red"), err=True)
    assert capsys.readouterr().err == "red\n"


def test_json_says_the_same_in_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"\x7f": "\x00\x1b\x7f\x9b\u202e\U000e0041\ud800 é"}
    say_json(value)
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert escape_control_chars(shown.replace("\n", "")) == shown.replace("\n", "")
    assert json.loads(shown) == value


def test_a_document_is_left_alone_but_on_a_terminal(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    value = {"name": "\x7f\x9b\u202eé \U000e0041"}
    document = json.dumps(value, ensure_ascii=False, indent="\t").encode() + b"\n"
    with on_a_terminal() as terminal:
        say_document(document)
    assert "é" in terminal.shown
    assert escape_control_chars(terminal.shown.replace("\n", "")) == terminal.shown.replace("\n", "")
    assert json.loads(terminal.shown) == value
    say_document(document)
    assert capfdbinary.readouterr().out == document


def test_what_others_write_is_made_inert_as_well() -> None:
    with on_a_terminal() as terminal:
        with guarded():
            say(styled("ours", fg="red"))
            sys.stdout.write("\x1b]0;title\x07\nand \ud800 more\n\u202e")
            assert sys.stdout.isatty()
        assert sys.stdout is terminal
    assert terminal.shown == "\x1b[31mours\x1b[0m\n\\x1b]0;title\\x07\nand \\ud800 more\n\\u202e"
    assert not terminal.closed


def test_nothing_of_the_command_prints_past_the_one_place() -> None:
    past = [
        f"{path.name}:{node.lineno}: {ast.unparse(node.func)}"
        for path in sorted(HOME.glob("*.py"))
        if path.name not in ("output.py", "entry.py")  # which prints one sentence before anything is imported
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PRINTING
    ]
    assert past == []


def test_a_line_that_moves_is_inert_and_goes_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "20")
    with redirect_stderr(terminal), guarded():
        with moving_line():
            pass
        assert terminal.shown == ""
        with moving_line() as show:
            show("1 of 2\x1b[2J" + "x" * 100)
            show("2 of 2")
    assert terminal.shown == "\r1 of 2\\x1b[2Jxxxxxx\x1b[K\r2 of 2\x1b[K\r\x1b[K"


@pytest.mark.parametrize("term", ["dumb", ""])
def test_nothing_moves_where_nothing_can(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term or "xterm")
    terminal = Terminal() if term else io.StringIO()
    with redirect_stderr(terminal), moving_line() as show:
        show("1 of 2")
    assert (terminal.shown if isinstance(terminal, Terminal) else terminal.getvalue()) == ""


def test_what_was_fetched_is_told_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    with redirect_stderr(terminal), downloads(4_000_000) as fetched:
        fetched(BlobRef(Digest.of(b"x"), 1_000_000))
    assert terminal.shown.startswith("\rfetching  25 %, 1.0 MB of 4.0 MB\x1b[K")
