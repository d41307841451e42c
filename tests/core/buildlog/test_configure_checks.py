"""Which failed check of a configure script its error is about, and that no other is shown as the cause."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.families.autoconf import Autoconf
from farm.core.buildlog.log_line import LogLine
from farm.core.buildlog.recogniser import first_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.core.buildlog.first_error import FirstError


def driver(number: int, text: str) -> LogLine:
    return LogLine(number, "make", f"config.log:1: {text}", driver=True)


def test_what_a_failed_command_of_configure_printed_is_kept_in_bounded_memory_and_explains_one_error() -> None:
    family = Autoconf()
    family.see(LogLine(1, "make", "configure: error: no"))
    sizes = []
    for number in range(2, 4002):
        family.see(driver(number, f"line {number}"))
        if number in (2001, 4001):
            sizes.append(len(pickle.dumps(family)))
    assert sizes[1] <= sizes[0] + 200
    family.see(driver(4002, "configure:1: $? = 1"))
    assert len(pickle.dumps(family)) < sizes[1] / 4
    family.see(driver(4003, "configure:1: error: no"))
    for number in range(1000):
        family.see(LogLine(number, "make", f"checking for header-{number}.h... no"))
        sizes.append(len(pickle.dumps(family)))
    assert sizes[-1] <= sizes[-500] + 4000


def configured(message: str, *checks: tuple[str, str], lines: int = 10, printed: Sequence[str] = ()) -> FirstError:
    """Return the error of a configure whose checks have failed: of each its label, and what its command printed."""
    number, log = 1000, list[str]()
    for label, output in checks:
        log += [f"configure:{number}: checking {label}", f"configure:{number + 9}: gcc conftest.c"]
        log += [output, f"configure:{number + 9}: $? = 1", f"configure:{number + 20}: result: no"]
        number += 100
    log.append(f"configure:{number - 80 + lines}: error: {message}")
    texts = [*(f"checking {text}" for text in printed), f"configure: error: {message}"]
    whole = [LogLine(number, "make", text) for number, text in enumerate(texts, 1)]
    error = first_error([*whole, *(driver(number, text) for number, text in enumerate(log, len(texts) + 1))])
    assert error is not None
    assert error.line == len(texts)
    return error


LRZIP = ("for lrzip_new in -llrzip", "/usr/bin/ld: cannot find -llrzip: No such file or directory")
BZIP2 = ("for BZ2_bzCompressInit in -lbz2", "/usr/bin/ld: cannot find -lbz2: No such file or directory")
WORKS = ("whether the C compiler works", "gcc: error: unrecognized command-line option '-mno'")


def test_the_error_of_a_configure_is_explained_by_the_failed_check_that_shares_a_word_with_it() -> None:
    error = configured("libbz2 support requested but not found", BZIP2, LRZIP)
    assert (error.kind, error.subject, error.detail) == (ErrorKind.MISSING_LIBRARY, "bz2", BZIP2[1])
    assert error.sure
    header = configured("bzlib support requested but not found", LRZIP, printed=["for bzlib.h... no", "for x.h... no"])
    assert (header.kind, header.subject) == (ErrorKind.MISSING_HEADER, "bzlib.h")
    assert (header.detail, header.sure) == ("checking for bzlib.h... no", True)


def test_a_check_that_only_failed_before_the_error_of_a_configure_is_not_its_cause() -> None:
    error = configured("bzlib support requested but not found", LRZIP)
    assert (error.kind, error.subject, error.detail, error.sure) == (ErrorKind.CONFIGURE, "", "", False)
    assert "zlib" not in configured("zlib is required", LRZIP, printed=["for bzlib.h... no"]).detail


def test_an_error_of_configure_that_names_nothing_is_of_the_check_right_before_it() -> None:
    near = configured("cannot run C programs.", LRZIP, WORKS)
    assert (near.detail, near.sure) == (WORKS[1], True)
    far = configured("cannot run C programs.", LRZIP, WORKS, lines=100)
    assert (far.detail, far.sure) == ("", False)


def test_an_error_of_configure_that_names_what_is_missing_needs_no_check() -> None:
    error = configured("zlib.h is required but was not found", LRZIP)
    assert (error.kind, error.subject, error.detail, error.sure) == (ErrorKind.MISSING_HEADER, "zlib.h", "", True)
