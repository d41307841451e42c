"""Which packages a release is searched for when a build has missed something."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.providers import has_any, likely_packages, paths_of, words_of


@pytest.mark.parametrize(
    ("subject", "package"),
    [
        ("zlib.h", "zlib"),
        ("openssl/ssl.h", "openssl"),
        ("json-c/json.h", "json-c"),
        ("greet", "greet"),
        ("libffi.so.8", "libffi"),
        ("fmt", "fmt"),
        ("libfmt.so.10", "fmt"),
        ("pcre2-8", "pcre2"),
        ("bison", "bison"),
        ("Zstd", "zstd"),
        ("sh", "bash"),
    ],
)
def test_names_are_suggested_by_what_is_missing(subject: str, package: str) -> None:
    assert package in likely_packages(subject)


@pytest.mark.parametrize(
    ("subject", "listing"),
    [
        ("cmp", "diffutils Programs that compare files: diff, cmp and sdiff"),
        ("glib/gtypes.h", "glib2 The base library of GNOME (GLib)"),
        ("libcurses.so.6", "ncurses The library libcurses"),
        ("xz", "xz-utils Compress files"),
    ],
)
def test_a_package_may_say_in_its_summary_what_it_has(subject: str, listing: str) -> None:
    assert set(words_of(subject)) & set(words_of(listing))
    assert not set(words_of("other.h")) & set(words_of(listing))


@pytest.mark.parametrize(
    ("kind", "subject", "path"),
    [
        (ErrorKind.MISSING_PROGRAM, "bison", "usr/bin/bison"),
        (ErrorKind.MISSING_HEADER, "zlib.h", "usr/include/zlib.h"),
        (ErrorKind.MISSING_HEADER, "openssl/opensslconf.h", "usr/include/x86_64-linux-gnu/openssl/opensslconf.h"),
        (ErrorKind.MISSING_LIBRARY, "z", "usr/lib/x86_64-linux-gnu/libz.so"),
        (ErrorKind.MISSING_PACKAGE, "zlib", "usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc"),
    ],
)
def test_a_toolchain_has_files_where_debian_has_them(kind: ErrorKind, subject: str, path: str) -> None:
    assert has_any(["usr/bin", path], set(paths_of(kind, subject)))
    assert not has_any([f"opt/{path}"], set(paths_of(kind, subject)))


@given(st.text(max_size=300))
def test_few_names_are_suggested_and_each_can_be_one(subject: str) -> None:
    names = likely_packages(subject)
    assert len(set(names)) == len(names) <= 8
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9+.-]{0,62}", name) for name in names)
