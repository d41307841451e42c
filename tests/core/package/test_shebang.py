"""What runs a script, checked against the kernel and coreutils' env."""

from __future__ import annotations

import ast
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from farm.core.package.shebang import interpreter_capability, interpreter_file, read_shebang


@pytest.mark.parametrize(
    ("line", "capability"),
    [
        (b"#!/bin/sh -eu\n", "interpreter:/usr/bin/sh"),
        (b"#!/bin/sh", "interpreter:/usr/bin/sh"),
        (b"#! /usr/bin/perl -w\n", "interpreter:/usr/bin/perl"),
        (b"#!\t/sbin/sh\t-x\n", "interpreter:/usr/sbin/sh"),
        (b"#! /usr/bin/env -S bash -e\n", "command:bash"),
        (b"#!/usr/bin/env python3\n", "command:python3"),
        (b"#!/bin/env -S LC_ALL=C awk -f\n", "command:awk"),
        (b"#!/usr/bin/env --split-string=bash -e\n", "command:bash"),
        (b"#!/usr/bin/env /bin/bash\n", "interpreter:/usr/bin/bash"),
        (b"#!/usr/bin/env\n", "interpreter:/usr/bin/env"),
        (b"#!bin/sh -e\n", "interpreter:bin/sh"),
        (b"#!@PERL@\n", "interpreter:@PERL@"),
        (b"#!/usr/bin/env ./x/sh\n", "interpreter:./x/sh"),
        (b"#!/opt/x/../y/run\r\n", "interpreter:/opt/y/run\r"),
        # The kernel passes env one argument, so this is a command with a space in its name: true, and it fails.
        (b"#!/usr/bin/env python3 -u\n", "command:python3 -u"),
    ],
)
def test_the_first_line_says_what_runs_the_script(line: bytes, capability: str) -> None:
    assert read_shebang(line + b"echo hello\n" if line.endswith(b"\n") else line) == capability


@pytest.mark.parametrize("text", [b"", b"#!", b"#!\n", b"# !/bin/sh", b"#! \t\n", b"#!\0/bin/sh\n", b"\x7fELF"])
def test_what_names_no_program_is_no_script(text: bytes) -> None:
    assert read_shebang(text) is None


def test_only_what_the_kernel_reads_counts() -> None:
    assert read_shebang(b"#!/bin/sh " + b" " * 400 + b"x\n") == "interpreter:/usr/bin/sh"
    assert read_shebang(b"#!/usr/bin/env " + b" " * 300 + b"sh\n") == "interpreter:/usr/bin/env"


@pytest.mark.parametrize(
    "line",
    [
        b"#!%b",
        b"#! \t%b \t\n",
        b"#!%b\r\n",
        b"#!%b\0x\n",
        b"#!%b a\0b\n",
        b"#!\0%b\n",
        b"#!/%b\n",
        b"#!" + b" " * 250 + b"%b\n",
        b"#!%b " + b"x" * 300,
        *(b"#!" + b"/" * length + b"%b x" for length in range(230, 250)),
        *(b"#!" + b"/" * length + b"%b\n" for length in range(230, 250)),
    ],
)
def test_the_kernel_takes_a_line_so_too(line: bytes) -> None:
    program = b"/bin/true"
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory, "script")
        script.write_bytes(line.replace(b"%b", program))
        script.chmod(0o755)
        try:
            ran = subprocess.run([script], check=False).returncode == 0
        except OSError:
            ran = False
        read = read_shebang(script.read_bytes()[:256])
    assert (read == "interpreter:/usr/bin/true") == ran


@pytest.mark.parametrize("line", [b"#!bin/true\n", b"#! ./bin/true -x\n", b"#!/usr/bin/env bin/true\n"])
def test_a_relative_interpreter_is_looked_for_from_where_one_stands(line: bytes, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_bytes(line)
    script.chmod(0o755)
    assert subprocess.run([script], cwd="/", check=False).returncode == 0
    try:
        ran = subprocess.run([script], cwd=tmp_path, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        ran = False
    assert not ran
    read = read_shebang(line)
    assert read is not None
    assert not read.startswith(("interpreter:/", "command:"))


@pytest.mark.parametrize(("path", "inside"), [
    ("/usr/libexec/tool", "libexec/tool"), ("/usr/lib/tool/run", "lib/tool/run"), ("/lib/tool/run", "lib/tool/run"),
    ("/bin/sh", "bin/sh"), ("/etc/x/run", "etc/x/run"), ("/libexec/tool", ""), ("/usr/local/bin/x", ""), ("bin/sh", ""),
    ("/usr", ""), ("/opt/x", ""), ("/lib64/ld-linux-x86-64.so.2", ""),
])  # fmt: skip
def test_where_an_interpreter_would_lie_in_a_package(path: str, inside: str) -> None:
    assert interpreter_file(interpreter_capability(path)) == inside
    assert not interpreter_file(f"command:{path}")


SPLIT = {
    "-S -u FOO xtool -e": "xtool",
    "-S -C /tmp xtool": "xtool",
    "-S --unset FOO --chdir=/tmp A=1 xtool": "xtool",
    "-S -vi -uFOO xtool": "xtool",
    "-vS xtool": "xtool",
    "--s=xtool": "xtool",
    r"-S xtool\_-e": "xtool",
    r'-S "x\_tool"': "x tool",
    r"-S 'x\_tool'": r"x\_tool",
    r"-S x\ttool": "x\ttool",
    r"-Sx\#tool#y # z": "x#tool#y",
    "-S xtool\r": "xtool",
    "-S 'x'\"tool\"": "xtool",
    "-S - xtool": "xtool",
    "-S -- xtool": "xtool",
    "-S A=${FOO} xtool": "xtool",
    "-S -S 'xtool -u'": "xtool",
    "xtool\r": "xtool\r",
    "A=1 xtool": "",
    "-u FOO xtool": "",
    "-i xtool": "",
    "-S # xtool": "",
    r"-S \c xtool": "",
    r"-S xtool\q": "",
    "-S 'xtool": "",
    "-S --help xtool": "",
    "-S -0 xtool": "",
    "-S $FOO xtool": "",
}


@pytest.mark.parametrize("argument", SPLIT)
def test_the_program_that_env_is_told_of_is_found(argument: str) -> None:
    program = SPLIT[argument]
    assert started_by_env(argument) == program
    assert read_shebang(f"#!/usr/bin/env {argument}\n".encode()) == asked_for(program)


@pytest.mark.parametrize("argument", ["-S ${FOO} xtool", "-S -u ${FOO} xtool", "-S --chdir=${HOME} xtool"])
def test_what_only_an_environment_can_tell_is_not_guessed(argument: str) -> None:
    assert read_shebang(f"#!/usr/bin/env {argument}\n".encode()) == "interpreter:/usr/bin/env"


WORDS = r"""xtool ytool /xtool x#y # -i -v -S -u FOO -uFOO -C /tmp -C/tmp -a -0 -x - -- A=1 =x --unset --uns=FOO
    --chdir=/tmp --c --default-signal --ignore-environment --i --debug --split-string --version $ \c \q \_ \t \# \\ \"
    \' " ' "a b" 'c\_d' "e\_f" '' "g'h" """.split()  # noqa: SIM905  # a list of words is read as one


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["", "-S", "-S ", "-vS", "--split-string=", "--s="]),
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", "\t ", "", "\r"])), max_size=6),
)
def test_env_takes_an_argument_so_too(begins: str, words: list[tuple[str, str]]) -> None:
    argument = (begins + "".join(word + blank for word, blank in words)).strip(" \t")
    program = started_by_env(argument)
    assert read_shebang(f"#!/usr/bin/env {argument}\n".encode()) == asked_for(program)


def asked_for(program: str) -> str:
    if not program:
        return "interpreter:/usr/bin/env"
    return interpreter_capability(program) if "/" in program else f"command:{program}"


def started_by_env(argument: str) -> str:
    """Run env itself, which finds nothing and prints what it searched for; empty if that is the script or nothing."""
    command = ["/usr/bin/env", *([argument] if argument else []), "SCRIPT"]
    nothing = {"PATH": "/nowhere", "LC_ALL": "C"}
    errors = subprocess.run(command, env=nothing, capture_output=True, text=True, check=False).stderr
    if re.search(r"cannot (unset|change)|invalid signal", errors):
        reject()  # whether a directory or a signal exists is another question
    found = re.search(r"^env: ('.*'): (No such file or directory|Permission denied)$", errors, re.MULTILINE)
    program: str = ast.literal_eval(found[1]) if found else ""
    return program if program != "SCRIPT" else ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/bin/sh", "/usr/bin/sh"),
        ("/lib64/ld-linux-x86-64.so.2", "/usr/lib64/ld-linux-x86-64.so.2"),
        ("//bin/./sh", "/bin/sh"),
    ],
)
def test_both_spellings_of_a_merged_path_are_one_capability(one: str, other: str) -> None:
    assert interpreter_capability(one) == interpreter_capability(other)
