"""The interpreters of scripts: the first line as the kernel and env(1) of coreutils read it, and normal paths."""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from farm.core.names.root_places import HOMES

_LONGEST = 256  # BINPRM_BUF_SIZE: the kernel reads no further
# The kernel splits at blanks and tabs only: a carriage return is part of the interpreter's name, or of its argument.
_LINE = re.compile(rb"[ \t]*([^ \t\0]+)(?:[ \t]+([^\0]*))?")
_WHOLE_NAME = re.compile(rb"[ \t]*[^ \t\0]+[ \t\0]")


def read_shebang(head: bytes) -> str | None:
    """Return the capability that the script starting with `head` requires, or None where it is not a script.

    `#!/bin/sh -eu` gives `interpreter:/usr/bin/sh`; `#!/usr/bin/env -S bash -e` gives `command:bash`, because env
    searches the path for the name. A relative interpreter depends on the working directory: `#!bin/sh` gives
    `interpreter:bin/sh`, which no package can provide.
    """
    if not head.startswith(b"#!"):
        return None
    line, ended, _ = head[2:_LONGEST].partition(b"\n")
    if not ended and len(head) >= _LONGEST:
        # An argument may be cut off, the interpreter's name may not.
        line = line[:-1] if _WHOLE_NAME.match(line) else b""
    found = _LINE.match(line.rstrip(b" \t"))
    if found is None:
        return None
    interpreter, argument = (group.decode("utf-8", "backslashreplace") for group in found.groups(b""))
    if interpreter.rpartition("/")[2] == "env" and (program := _program_of_env(argument)):
        return f"command:{program}" if "/" not in program else interpreter_capability(program)
    return interpreter_capability(interpreter)


_UNDER_USR = ("/bin/", "/sbin/")
_AT_THE_ROOT = ("/usr/lib/", "/usr/lib64/", "/usr/lib32/", "/usr/libx32/")


def interpreter_capability(path: str) -> str:
    """Return `interpreter:` and the absolute path in its usual form in a merged-usr root.

    Programs are spelled under `/usr` (`/bin/sh` is `/usr/bin/sh`), the loader as the psABI specifies it
    (`/lib64/ld-linux-x86-64.so.2`). Both spellings lead to one file, because `/bin` and `/lib64` are links. A relative
    path stays as it is.
    """
    if not path.startswith("/"):
        return f"interpreter:{path}"
    plain = "/" + posixpath.normpath(path).lstrip("/")
    if plain.startswith(_UNDER_USR):
        plain = f"/usr{plain}"
    elif plain.startswith(_AT_THE_ROOT):
        plain = plain.removeprefix("/usr")
    return f"interpreter:{plain}"


def interpreter_file(capability: str) -> str:
    """Return the path in a package at which the interpreter of a capability would be; empty if there is none."""
    kind, _, path = capability.partition(":")
    top = path.split("/")[1] if kind == "interpreter" and path.startswith("/") else ""
    inside = path.removeprefix("/usr/") if top == "usr" else path.removeprefix("/") if top in {"lib", "etc"} else ""
    # Nothing of a package is started from its headers, and descriptors never named an interpreter there.
    home = inside.partition("/")[0]
    return inside if top != "usr" or (home in HOMES and home != "include") else ""


# The argument that the kernel passes to env(1).
_BLANKS = " \t\n\v\f\r"
_ESCAPED = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {sign: sign for sign in "\"#$'\\"}
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_UNKNOWN = "\0"
"""Stands for the value of an environment variable in a word; no word contains it otherwise."""
_SPLIT = "S"
_WITH_VALUE = "aCu"
_LONG = {"argv0": "a", "chdir": "C", "split-string": _SPLIT, "unset": "u"}
_SIGNALS = ("block-signal", "default-signal", "ignore-signal")  # their value is in the same word, or absent
_WITHOUT_VALUE = ("debug", "ignore-environment", "list-signal-handling")
_ALONE = ("help", "null", "version")  # with these env starts nothing
_ALL_LONG = (*_LONG, *_SIGNALS, *_WITHOUT_VALUE, *_ALONE)


class _UnknownProgramError(Exception):
    """Env rejects the argument, or starts nothing, or the program depends on the environment."""


class _Option(NamedTuple):
    """An option by its letter, with its value if it has one; None means that the next word is the value."""

    letter: str
    value: str | None = None


def _program_of_env(argument: str) -> str:
    """Return the program that `env ARGUMENT SCRIPT` starts; empty where that is the script, or is unknown."""
    try:
        words = _behind_options([argument] if argument else [])
    except _UnknownProgramError:
        return ""
    if words[:1] == ["-"]:
        del words[0]
    program = next((word for word in words if "=" not in word.partition(_UNKNOWN)[0]), "")
    return "" if _UNKNOWN in program else program


def _behind_options(words: list[str]) -> list[str]:
    """Return the words after the options. The words of `-S` replace it, and may begin with options."""
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        option = _long_option(word) if word.startswith("--") else _short_option(word)
        if not option.letter:
            continue
        value = option.value
        if value is None:
            if not words:
                raise _UnknownProgramError  # the script itself is the value
            value = words.pop(0)
        if _UNKNOWN in word + value:
            raise _UnknownProgramError  # an unset variable that is the whole word makes no word
        if option.letter == _SPLIT:
            words[:0] = _split(value)
    return words


def _short_option(word: str) -> _Option:
    for position, letter in enumerate(word[1:], start=2):
        if letter in (_SPLIT, *_WITH_VALUE):
            return _Option(letter, word[position:] or None)
        if letter not in "iv":
            raise _UnknownProgramError
    return _Option("")


def _long_option(word: str) -> _Option:
    name, given, value = word[2:].partition("=")
    meant = [option for option in _ALL_LONG if option.startswith(name)]
    if len(meant) != 1 or meant[0] in _ALONE or (given and meant[0] in _WITHOUT_VALUE):
        raise _UnknownProgramError
    return _Option(_LONG.get(meant[0], ""), value if given else None)


def _split(text: str) -> list[str]:
    """Split the value of `-S` into words, as env documents it. Raises `_UnknownProgramError` for what it rejects."""
    words: list[str] = []
    quote, apart, position = "", True, 0
    while position < len(text):
        piece, position = text[position], position + 1
        if (piece in _BLANKS and not quote) or (piece == "\\" and text[position : position + 1] == "_" and not quote):
            apart, position = True, position + (piece == "\\")
            continue
        if (piece == "#" and apart) or (piece == "\\" and text[position : position + 1] == "c" and not quote):
            break
        if piece in "'\"" and quote in ("", piece):
            quote, piece = piece if not quote else "", ""
        elif piece == "\\" and (quote != "'" or text[position : position + 1] in ("\\", "'")):
            piece, position = _escaped(text[position : position + 1], quote), position + 1
        elif piece == "$" and quote != "'":
            variable = _VARIABLE.match(text, position - 1)
            if variable is None:
                raise _UnknownProgramError
            piece, position = _UNKNOWN, variable.end()
        if apart:
            words.append("")
        words[-1] += piece
        apart = False
    if quote:
        raise _UnknownProgramError
    return words


def _escaped(letter: str, quote: str) -> str:
    if letter == "_" and quote:
        return " "
    if letter not in _ESCAPED:
        raise _UnknownProgramError
    return _ESCAPED[letter]
