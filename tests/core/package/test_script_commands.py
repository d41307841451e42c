from __future__ import annotations

import pytest

from farm.core.package.script_commands import script_commands


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("grep x file", ("grep",)),
        ("set -e\ncd /tmp && exit 1", ()),
        ("a | b || c; d & e", ("a", "b", "c", "d", "e")),
        ("x=$(basename $0) y=`dirname $0`", ("basename", "dirname")),
        ("LANG=C sort < in > out 2>&1", ("sort",)),
        ("if test -f x; then make all; else cc x.c; fi", ("cc", "make")),
        ("# grep\necho not # a comment\n", ()),
        ("cat <<EOF | tr a b\nsed -n 1p\nEOF\nuniq", ("cat", "tr", "uniq")),
        ("cat <<-'END'\n\tsed\n\tEND\ncut", ("cat", "cut")),
        ("help() { awk 1; }\nhelp", ("awk",)),
        ('case "$1" in\n start|stop) systemctl x ;;\n *) usage ;;\nesac', ("systemctl", "usage")),
        ("exec python3 -m x", ("python3",)),
        ("$EDITOR x; ./run; /usr/bin/env; ${CC} x", ()),
        ("find . \\\n -name x", ("find",)),
        ("echo 'a | b' \"c; d\"", ()),
    ],
)
def test_what_a_script_calls_by_name(text: str, called: tuple[str, ...]) -> None:
    assert script_commands("interpreter:/usr/bin/sh", f"#!/bin/sh\n{text}\n".encode()) == called


@pytest.mark.parametrize(
    ("interpreter", "content"),
    [("command:perl", b"print 1"), ("command:bash", b"\xff"), ("command:sh", b"x" * 1024 * 1024 + b"x")],
)
def test_what_cannot_be_read_is_not_said_to_call_nothing(interpreter: str, content: bytes) -> None:
    assert script_commands(interpreter, content) is None


@pytest.mark.parametrize("piece", [b"'", b'"', b"${", b"<<A\n", b"(", b"\\", b"`$(", b"case x in y)"])
def test_a_hostile_script_is_read_in_time(piece: bytes) -> None:
    assert script_commands("command:sh", piece * (500_000 // len(piece))) is not None
