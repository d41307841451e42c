"""Reads the first line of a script as the kernel and env(1) would: which program is to run it."""

from __future__ import annotations

import shlex

from farm.package.interpreter import interpreter_capability

_LONGEST = 256  # BINPRM_BUF_SIZE: the kernel reads no further


def read_shebang(head: bytes) -> str | None:
    """Return the capability that the script starting with `head` asks for, or None where it is no script.

    `#!/bin/sh -eu` gives `interpreter:/usr/bin/sh`; `#!/usr/bin/env -S bash -e` gives `command:bash`, because env
    looks for the name in the path. A relative interpreter depends on where one stands, and is None too.
    """
    if not head.startswith(b"#!"):
        return None
    # The kernel knows blanks and tabs alone: a carriage return is part of the interpreter's name.
    line = head[2:_LONGEST].partition(b"\n")[0].decode("utf-8", "backslashreplace").strip(" \t")
    interpreter, _, argument = line.replace("\t", " ").partition(" ")
    if not interpreter.startswith("/") or "\0" in line:
        return None
    if interpreter.rpartition("/")[2] == "env" and (command := _command_of_env(argument.strip())):
        return f"command:{command}" if "/" not in command else interpreter_capability(command)
    return interpreter_capability(interpreter)


def _command_of_env(argument: str) -> str:
    """Return the program in the arguments of env, of which the kernel passes all as one; empty where there is none."""
    try:
        words = shlex.split(argument.removeprefix("-S").removeprefix("--split-string="))
    except ValueError:
        return ""
    if not argument.startswith("-"):
        # Without -S the whole argument is one name, blanks and all.
        return argument
    return next((word for word in words if not word.startswith("-") and "=" not in word), "")
