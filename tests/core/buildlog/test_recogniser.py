"""Which line is the first error of a step: the cause and not what reports it, and nothing that only looks like one."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.excerpt import excerpt, script_excerpt
from farm.core.buildlog.first_error import AROUND, FirstError
from farm.core.buildlog.log_line import LogLine, text_line
from farm.core.buildlog.providers import is_indexed, paths_of
from farm.core.buildlog.recogniser import Recogniser, first_error
from farm.core.buildlog.remedy import remedy_of


def found(*texts: str, step: str = "make") -> FirstError:
    error = first_error(LogLine.of(number, "output", step, text) for number, text in enumerate(texts, 1))
    assert error is not None
    return error


COMPILER = "a.c:1:2: error: no"
MAKE = "make: *** [Makefile:3: a.o] Error 1"


@pytest.mark.parametrize(
    "harmless",
    [
        "checking for error... no",
        "checking whether to report errors... yes",
        "ok 12 - reports error",
        "not ok 3 - later # TODO not written",
        "not ok 4 # SKIP no network",
        "gcc -Werror -c -o error.o error.c",
        'libtool: compile:  gcc -DERROR="error: " -c error.c -o .libs/error.o',
        "  CC       error.o",
        "0 errors, 3 warnings",
        "a.c:1:2: warning: unused variable 'error' [-Wunused-variable]",
        "-- Performing Test HAVE_ERROR - Failed",
        "-- Could NOT find ZLIB (missing: ZLIB_LIBRARY)",
        "configure: WARNING: no error codes",
        "[ 50%] Building C object CMakeFiles/x.dir/error.c.o",
        "make[1]: [Makefile:3: clean] Error 1 (ignored)",
        "PASS: error-test",
        "XFAIL: it fails with an error: on purpose",
        "fatal: not a git repository (or any of the parent directories): .git",
    ],
)
def test_what_only_looks_like_an_error_is_none(harmless: str) -> None:
    error = found("begin", harmless, "end")
    assert not error.sure
    assert found(harmless, COMPILER, MAKE).line == 2


@pytest.mark.parametrize(
    ("text", "kind", "subject"),
    [
        ("x.c:1:10: fatal error: 'zlib.h' file not found", ErrorKind.MISSING_HEADER, "zlib.h"),
        ("x.cc:1:10: fatal error: boost/any.hpp: No such file or directory", ErrorKind.MISSING_HEADER, "boost/any.hpp"),
        ("gcc: error: main.c: No such file or directory", ErrorKind.MISSING_FILE, "main.c"),
        ("clang: error: unknown argument: '-fnope'", ErrorKind.COMPILER, ""),
        ("x86_64-linux-gnu-gcc-14: internal compiler error: Aborted signal terminated", ErrorKind.COMPILER, ""),
        ("error[E0432]: unresolved import `nope`", ErrorKind.COMPILER, ""),
        ("src/x.ts(3,4): error TS2304: Cannot find name 'x'.", ErrorKind.COMPILER, ""),
        ("/usr/bin/ld: a.o: undefined reference to `deflate'", ErrorKind.LINKER, "deflate"),
        ("/usr/bin/ld: cannot find -lz: No such file or directory", ErrorKind.MISSING_LIBRARY, "z"),
        ("b.c:(.text+0x0): multiple definition of `main'; a.o:a.c: first defined here", ErrorKind.LINKER, "main"),
        ("bash: line 3: cmake: command not found", ErrorKind.MISSING_PROGRAM, "cmake"),
        ("/bin/sh: 1: perl: not found", ErrorKind.MISSING_PROGRAM, "perl"),
        ("/run/farm/steps/002/script: line 4: exec: tcc: not found", ErrorKind.MISSING_PROGRAM, "tcc"),
        ("./configure: 1: eval: tcc: not found", ErrorKind.MISSING_PROGRAM, "tcc"),
        ("/usr/bin/env: \u2018python\u2019: No such file or directory", ErrorKind.MISSING_PROGRAM, "python"),
        ("Can't locate Foo/Bar.pm in @INC (you may need", ErrorKind.MISSING_MODULE, "Foo/Bar"),
        ("configure: error: zlib.h is required but was not found", ErrorKind.MISSING_HEADER, "zlib.h"),
        ("CMake Error at src/CMakeLists.txt:7:", ErrorKind.CMAKE, ""),
        ("CMake Error (dev) at CMakeLists.txt:7 (set):", ErrorKind.CMAKE, ""),
        ("CMake Deprecation Error at CMakeLists.txt:1 (cmake_minimum_required):", ErrorKind.CMAKE, ""),
        ("meson.build:5:3: ERROR: python3 is missing modules: sphinx, yaml", ErrorKind.MISSING_MODULE, "sphinx"),
        ("ERROR: Neither source directory 'b' nor '.' contain a build file meson.build.", ErrorKind.MESON, ""),
        ("config.status: error: cannot find input file: `src/Makefile.in'", ErrorKind.MISSING_FILE, "src/Makefile.in"),
        ("./configure: 9: ./x: Syntax error: end of file unexpected (expecting \"fi\")", ErrorKind.COMMAND, ""),
        ("configure.ac:8: error: possibly undefined macro: AC_PROG_LIBTOOL", ErrorKind.CONFIGURE, ""),
        ("fatal: unable to access 'x': Could not resolve host: git.example.org", ErrorKind.NETWORK, "git.example.org"),
        ("wget: unable to resolve host address \u2018data.example.org\u2019", ErrorKind.NETWORK, "data.example.org"),
        ("g++: fatal error: Killed signal terminated program cc1plus", ErrorKind.MEMORY, ""),
        ("virtual memory exhausted: Cannot allocate memory", ErrorKind.MEMORY, ""),
        ("cp: error writing 'x': No space left on device", ErrorKind.DISK, ""),
        ("bash: fork: Resource temporarily unavailable", ErrorKind.PROCESSES, ""),
        ("tar: Unexpected EOF in archive", ErrorKind.ARCHIVE, ""),
        ("error: patch failed: src/a.c:12", ErrorKind.PATCH, "src/a.c"),
        ("mkdir: cannot create directory '/usr/x': Permission denied", ErrorKind.PERMISSION, ""),
        ("cp: cannot stat 'doc/x.1': No such file or directory", ErrorKind.MISSING_FILE, "doc/x.1"),
        ("strip: unrecognized option '--nope'", ErrorKind.COMMAND, ""),
        ("FAIL: tests/basic.sh", ErrorKind.TEST, "tests/basic.sh"),
        ("not ok 7 - adds", ErrorKind.TEST, "adds"),
        ("--- FAIL: TestAdd (0.00s)", ErrorKind.TEST, "TestAdd"),
        ("test_add.cc:12: Failure", ErrorKind.TEST, ""),
        ("make: *** No rule to make target 'x.c', needed by 'x.o'.  Stop.", ErrorKind.MISSING_FILE, "x.c"),
        ("Makefile:3: *** missing separator.  Stop.", ErrorKind.MAKE, ""),
        ("ninja: error: loading 'build.ninja': No such file or directory", ErrorKind.MAKE, ""),
        ("Segmentation fault (core dumped)", ErrorKind.CRASH, ""),
    ],
)  # fmt: skip
def test_each_form_is_known_with_its_subject(text: str, kind: ErrorKind, subject: str) -> None:
    error = found("before", text)
    assert (error.kind, error.subject, error.line, error.sure) == (kind, subject, 2, True)
    coloured = found(f"\x1b[1;31m{text}\x1b[0m\x1b[K")
    assert (coloured.kind, coloured.subject, coloured.text) == (kind, subject, text)


@pytest.mark.parametrize("reports", [MAKE, "collect2: error: ld returned 1 exit status", "ninja: build stopped: x."])
def test_what_reports_a_failure_is_never_the_cause(reports: str) -> None:
    assert found(COMPILER, reports).line == 1
    unknown = found("something odd", reports)
    assert (unknown.line, unknown.sure) == (1, False)


def test_errors_of_a_step_that_succeeded_do_not_count() -> None:
    lines = [("configure", COMPILER), ("make", "building"), ("make", "b.c:7:1: error: yes"), ("make", MAKE)]
    error = first_error(LogLine.of(number, "output", *line) for number, line in enumerate(lines, 1))
    assert error is not None
    assert (error.line, error.step) == (3, "make")


def test_a_step_that_failed_in_silence_has_no_error_of_the_step_before_it() -> None:
    lines = [
        ("output", "configure", COMPILER),
        ("farm", "make", "step-failed: it ended with status 1"),
        ("farm", "", "x"),
    ]
    assert first_error(LogLine.of(number, *line) for number, line in enumerate(lines, 1)) is None


def test_an_expected_complaint_long_before_the_failure_is_not_it() -> None:
    noise = ["sh: 1: git: not found", *[f"cc -c {number}.c" for number in range(100)]]
    assert found(*noise, COMPILER, MAKE).line == 102
    error = found(*noise, "it went wrong")
    assert (error.line, error.sure) == (102, False)


def test_what_a_passed_test_printed_is_no_error() -> None:
    error = found("x.c:1:1: error: as it should", "PASS: errors", "FAIL: adds", "make[1]: *** [check] Error 1")
    assert (error.line, error.kind) == (3, ErrorKind.TEST)


def test_of_ninja_the_output_of_the_failed_command_counts() -> None:
    earlier = "x.c:1:1: error: printed by a command that succeeded"
    error = found(earlier, "[1/2] cc", "FAILED: a.o", "cc -c a.c", COMPILER, "ninja: build stopped: subcommand failed.")
    assert error.line == 5


def test_of_two_failures_of_ninja_the_first_counts() -> None:
    second = ["FAILED: b.o", "cc -c b.c", "b.c:9:1: error: too", "ninja: build stopped: subcommand failed."]
    assert found("FAILED: a.o", "cc -c a.c", COMPILER, *second).line == 3


def test_an_error_of_rustc_is_known_by_the_place_below_it() -> None:
    noise = [f"error: {number}" for number in range(30)]
    before = [f"line {number}" for number in range(200)]
    error = found(*noise, *before, "error: expected `;`", " --> src/main.rs:3:5", "error: could not compile `x`")
    assert (error.kind, error.line, error.sure) == (ErrorKind.COMPILER, 231, True)
    assert error.text == "error: expected `;` (src/main.rs:3:5)"


def test_a_program_that_ends_with_a_line_that_begins_with_error_has_said_why() -> None:
    error = found("stage 1", "stage 2", "error: no luck")
    assert (error.kind, error.line, error.sure) == (ErrorKind.COMMAND, 3, True)


def test_a_make_that_failed_and_was_forgiven_is_not_the_failure() -> None:
    later = [f"line {number}" for number in range(60)]
    error = found(COMPILER, MAKE, *later, "cp: cannot stat 'x': No such file or directory")
    assert (error.line, error.sure) == (63, True)


IGNORED = "make: [Makefile:9: docs] Error 2 (ignored)"
COMMANDS = [f"cc -c {name}.c" for name in "bcd"]


@pytest.mark.parametrize(
    "tolerated",
    [
        [COMPILER, "make[1]: *** [Makefile:3: a.o] Error 1", IGNORED],
        ["FAIL: adds", "make[1]: *** [Makefile:3: check] Error 1", IGNORED],
        ["not ok 3 - adds", IGNORED],
        [COMPILER, MAKE, *COMMANDS],
        [COMPILER, *COMMANDS],
    ],
)
def test_an_error_that_was_tolerated_is_not_shown_as_the_sure_cause(tolerated: list[str]) -> None:
    assert not found(*tolerated, "all of it was made").sure
    error = found(*tolerated, "cp: cannot stat 'x': No such file or directory")
    assert (error.line, error.sure) == (len(tolerated) + 1, True)


def test_of_a_parallel_make_an_error_beside_an_ignored_one_is_still_pointed_to() -> None:
    error = found("begin", COMPILER, "make: [Makefile:9: clean] Error 1 (ignored)", "cc -c b.c", MAKE)
    assert (error.line, error.sure) == (2, False)


@pytest.mark.parametrize(
    "ending", ["step-failed: d/a: the step 'make' failed with exit status {}", "it ended with status {}, not 0"]
)
def test_the_exit_status_tells_a_program_that_was_not_found_from_errors_before_it(ending: str) -> None:
    texts = [COMPILER, MAKE, "script: line 7: mkdoc: command not found"]
    lines = [LogLine(number, "make", text) for number, text in enumerate(texts, 1)]
    recogniser = Recogniser()
    for line in lines:
        recogniser.see(line)
    asked = recogniser.first_error(127)
    read = first_error([*lines, LogLine(4, "", ending.format(127), driver=True)])
    assert asked == read
    assert asked is not None
    assert (asked.line, asked.sure, asked.subject) == (3, True, "mkdoc")
    other = first_error([*lines, LogLine(4, "", ending.format(1), driver=True)])
    assert other is not None
    assert not other.sure  # make ends with 2


def test_no_log_of_configure_says_how_the_step_ended() -> None:
    text = "config.log:1: step-failed: x failed with exit status 127"
    lines = [LogLine(1, "make", COMPILER), LogLine(2, "make", "x: line 1: y: command not found")]
    error = first_error([*lines, LogLine(3, "make", text, driver=True)])
    assert error is not None
    assert error.line == 1


def test_the_last_of_chained_exceptions_is_the_error() -> None:
    error = found(
        "Traceback (most recent call last):",
        '  File "a.py", line 1, in <module>',
        "ValueError: first",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        '  File "a.py", line 3, in <module>',
        "a.b.ConfigError: second",
    )
    assert (error.kind, error.line, error.text) == (ErrorKind.PYTHON, 9, "a.b.ConfigError: second")


def test_the_error_comes_with_five_lines_before_and_after_it() -> None:
    before, after = [f"before {number}" for number in range(9)], [f"after {number}" for number in range(9)]
    error = found(*before, COMPILER, *after)
    assert [line.text for line in error.context] == [*before[-AROUND:], COMPILER, *after[:AROUND]]
    assert excerpt(error)[AROUND - 1 : AROUND + 2] == (
        "   9 | before 8",
        f"> 10 | {COMPILER}",
        "  11 | after 0",
    )


def test_a_million_lines_leave_little_behind() -> None:
    recogniser = Recogniser()
    for number in range(1, 30_001):
        recogniser.see(LogLine(number, "make", f"a.c:{number}:1: error: no, sh: {number}: x: not found"))
    kept = recogniser._errors
    assert len(kept._certain) + len(kept._messages) + len(kept._open) < 40
    error = recogniser.first_error()
    assert error is not None
    assert error.line == 1


@given(st.lists(st.text(max_size=60), max_size=30))
def test_any_text_is_read_without_failing(texts: list[str]) -> None:
    error = first_error(LogLine.of(number, "output", "make", text) for number, text in enumerate(texts, 1))
    assert error is None or FirstError.from_dict(error.to_dict()) == error


@pytest.mark.parametrize(
    "record", [("output", "make: a", "x | y"), ("farm", "make", "z"), ("farm", "", "w"), ("output", "m", "")]
)
def test_a_log_as_text_reads_back(record: tuple[str, str, str]) -> None:
    line = LogLine.of_text(3, text_line(*record))
    assert line == LogLine.of(3, *record)


@pytest.mark.parametrize(
    ("kind", "subject", "path"),
    [
        (ErrorKind.MISSING_HEADER, "openssl/ssl.h", "include/openssl/ssl.h"),
        (ErrorKind.MISSING_LIBRARY, "z", "lib/libz.so"),
        (ErrorKind.MISSING_LIBRARY, "libz.so.1", "lib/libz.so.1"),
        (ErrorKind.MISSING_PROGRAM, "bison", "bin/bison"),
        (ErrorKind.MISSING_PACKAGE, "ZLIB", "lib/pkgconfig/zlib.pc"),
        (ErrorKind.MISSING_PACKAGE, "zstd", "lib/cmake/zstd/zstdConfig.cmake"),
    ],
)
def test_a_missing_thing_is_looked_for_where_packages_have_it(kind: ErrorKind, subject: str, path: str) -> None:
    assert path in paths_of(kind, subject)
    assert is_indexed(path)


@pytest.mark.parametrize("subject", ["", "../etc/passwd", "/etc/passwd"])
def test_what_is_no_name_is_not_looked_for(subject: str) -> None:
    assert paths_of(ErrorKind.MISSING_HEADER, subject) == ()


def test_the_remedy_names_the_package_or_the_way_out() -> None:
    missing = found("a.c:1:1: fatal error: zlib.h: No such file or directory", MAKE)
    assert "write a recipe" in remedy_of(missing)
    provided = FirstError.from_dict(missing.to_dict() | {"provider": "zlib"})
    assert remedy_of(provided) == "The package zlib provides zlib.h: name it in build-needs."
    assert "no network" in remedy_of(found("curl: (6) Could not resolve host: a.example.org", MAKE))
    assert "read it from here on" in remedy_of(found("odd"))


def test_where_no_line_is_certain_the_end_of_the_step_is_shown_too() -> None:
    error = found("begin", "cleanup failed: perhaps", *(f"line {number}" for number in range(3, 31)))
    assert not error.sure
    assert [line.number for line in error.context] == [1, 2, 3, 4, 5, 6, 7, *range(20, 31)]
    assert excerpt(error)[1] == ">  2 | cleanup failed: perhaps"
    assert excerpt(error)[7:9] == ("   …", "  20 | line 20")
    odd = found(*(f"line {number}" for number in range(1, 31)))
    assert [line.number for line in odd.context] == [*range(20, 31)]
    assert odd.line == 30
    certain = found(COMPILER, *(f"line {number}" for number in range(2, 31)), MAKE)
    assert certain.context[-1].number == 1 + AROUND


def test_of_a_step_that_printed_nothing_its_script_is_to_be_read() -> None:
    assert "printed nothing" in remedy_of(None)
    assert script_excerpt("make\ngrep -q x y\n") == ("1 | make", "2 | grep -q x y")
    long = script_excerpt("x\n" * 25)
    assert long[0] == " 1 | x"
    assert long[-2:] == ("20 | x", "… 5 more lines")


@pytest.mark.parametrize("is_open", [False, True])
def test_of_a_long_line_no_family_sees_more_than_its_beginning(is_open: bool) -> None:
    recogniser = Recogniser()
    before = ["Traceback (most recent call last):"] if is_open else []
    for number, text in enumerate([*before, "ValueError: " + "x" * 60_000], 1):
        recogniser.see(LogLine(number, "make", text))
    assert len(pickle.dumps(recogniser._families)) < 6_000
