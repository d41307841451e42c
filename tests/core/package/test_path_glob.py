from __future__ import annotations

import pytest

from farm.core.package.path_glob import matches


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("lib/*.a", "lib/libz.a"),
        ("include", "include/zlib.h"),
        ("include/", "include/sys/x.h"),
        ("include/**", "include/sys/x.h"),
        ("**", "a"),
        ("**/*.h", "x.h"),
        ("**/*.h", "include/a/b/x.h"),
        ("lib/**/x", "lib/x"),
        ("lib/**/x", "lib/a/b/x"),
        ("lib/lib[ab].so", "lib/libb.so"),
        ("lib/bash/*", "lib/bash/cat"),
    ],
)
def test_it_matches(pattern: str, path: str) -> None:
    assert matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("lib/*.a", "lib/x/libz.a"),
        ("lib", "libexec/x"),
        ("*.h", "include/x.h"),
        ("include/x", "include"),
        ("lib/bash/*", "lib/bash"),
        ("LIB/*", "lib/x"),
        ("lib/**/x", "lib/y"),
    ],
)
def test_it_does_not_match(pattern: str, path: str) -> None:
    assert not matches(pattern, path)


def test_patterns_that_make_others_backtrack_for_ever_end_at_once() -> None:
    assert not matches("**/" * 200 + "x", "a/" * 1000 + "y")
    assert not matches("*a" * 100 + "b", "a" * 255)
