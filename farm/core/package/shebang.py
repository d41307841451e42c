"""Reads the first line of a script like the kernel and env(1): which program runs it."""

from __future__ import annotations

import re

from farm.core.package.env_arguments import program_of_env
from farm.core.package.interpreter import interpreter_capability

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
    if interpreter.rpartition("/")[2] == "env" and (program := program_of_env(argument)):
        return f"command:{program}" if "/" not in program else interpreter_capability(program)
    return interpreter_capability(interpreter)
