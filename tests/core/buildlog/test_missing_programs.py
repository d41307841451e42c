"""The programs that a test lacks: the first is the error, and all are named at once."""

from __future__ import annotations

import pytest

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.log_line import LogLine
from farm.core.buildlog.missing_programs import missing_programs
from farm.core.buildlog.providers import paths_of
from farm.core.buildlog.recogniser import Recogniser

DIRNAME = "/usr/bin/figlist: line 17: dirname: command not found"
BASENAME = "/usr/bin/figlist: line 18: basename: command not found"


def lines_of(*texts: str) -> list[LogLine]:
    return [LogLine(number, "lists", text) for number, text in enumerate(texts, 1)]


def error_line(*texts: str) -> int:
    recogniser = Recogniser()
    for line in lines_of(*texts):
        recogniser.see(line)
    error = recogniser.first_error(127)
    assert error is not None
    assert error.sure
    assert error.kind is ErrorKind.MISSING_PROGRAM
    return error.line


def test_of_lines_that_follow_each_other_the_first_is_the_error() -> None:
    assert error_line("begins", DIRNAME, BASENAME) == 2
    assert error_line(DIRNAME, "goes on", BASENAME) == 3  # the first was tolerated


def test_all_are_named_each_once_and_no_more_than_eight() -> None:
    assert missing_programs(lines_of(DIRNAME, "cannot open x", BASENAME, DIRNAME)) == ("dirname", "basename")
    many = [f"sh: line {number}: tool-{number}: command not found" for number in range(20)]
    assert len(missing_programs(lines_of(*many))) == 8
    assert missing_programs([LogLine(1, "", DIRNAME, driver=True), *lines_of("x" * 2000 + DIRNAME)]) == ()


def test_a_program_that_a_container_cannot_start_is_missing() -> None:
    text = "[FATAL tini (8)] exec /usr/bin/sh failed: No such file or directory"
    assert error_line(text) == 1
    assert missing_programs(lines_of(text)) == ("/usr/bin/sh",)


@pytest.mark.parametrize(
    ("program", "paths"),
    [
        ("sh", ("bin/sh", "sbin/sh")),
        ("/usr/bin/sh", ("bin/sh",)),
        ("/sbin/init", ("sbin/init",)),
        ("/opt/bin/x", ()),
        ("/usr/bin/..", ()),
        ("..", ()),
        ("a/b", ()),
    ],
)
def test_a_program_is_looked_for_where_it_was_asked_for(program: str, paths: tuple[str, ...]) -> None:
    assert paths_of(ErrorKind.MISSING_PROGRAM, program) == paths
