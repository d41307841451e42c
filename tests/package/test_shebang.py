from __future__ import annotations

import pytest

from farm.package import interpreter_capability, read_shebang


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
        (b"#!/opt/x/../y/run\r\n", "interpreter:/opt/y/run\r"),
        # The kernel gives env one argument, so this is a command with a blank in its name: true, and it fails.
        (b"#!/usr/bin/env python3 -u\n", "command:python3 -u"),
    ],
)
def test_the_first_line_says_what_runs_the_script(line: bytes, capability: str) -> None:
    assert read_shebang(line + b"echo hello\n" if line.endswith(b"\n") else line) == capability


@pytest.mark.parametrize("text", [b"", b"#!", b"#!\n", b"# !/bin/sh", b"#!bin/sh\n", b"#!\xff/sh\n", b"\x7fELF"])
def test_what_names_no_absolute_program_is_no_script(text: bytes) -> None:
    assert read_shebang(text) is None


def test_only_what_the_kernel_reads_counts() -> None:
    assert read_shebang(b"#!/bin/sh " + b" " * 400 + b"x\n") == "interpreter:/usr/bin/sh"


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
