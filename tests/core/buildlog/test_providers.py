"""Which packages a release is searched for when a build has missed something."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.buildlog.providers import likely_packages


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
    ],
)
def test_names_are_suggested_by_what_is_missing(subject: str, package: str) -> None:
    assert package in likely_packages(subject)


@given(st.text(max_size=300))
def test_few_names_are_suggested_and_each_can_be_one(subject: str) -> None:
    names = likely_packages(subject)
    assert len(set(names)) == len(names) <= 8
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9+.-]{0,62}", name) for name in names)
