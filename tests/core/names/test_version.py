from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.core.names.version import InvalidVersionError, Version

_TEXTS = st.from_regex(r"[0-9][0-9a-zA-Z.+~]{0,8}", fullmatch=True)
# Few characters, so that two versions are often nearly equal.
_NEAR_TEXTS = st.from_regex(r"[0-2][01az.+~]{0,5}", fullmatch=True)


@pytest.mark.parametrize(
    "ordered",
    [
        ["1.0~rc1", "1.0", "1.0+1", "1.0.1", "1.1"],
        ["1.9", "1.10"],
        ["1~~", "1~~a", "1~", "1", "1a", "1+", "1."],
        ["2.0~beta2", "2.0~beta10", "2.0~rc1", "2.0"],
    ],
)
def test_versions_order_as_debian_orders_them(ordered: list[str]) -> None:
    assert sorted(map(Version, reversed(ordered))) == list(map(Version, ordered))
    assert len(set(map(Version, ordered))) == len(ordered)


@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is the oracle")
@settings(max_examples=30)
@given(st.lists(st.tuples(_NEAR_TEXTS, _NEAR_TEXTS), min_size=8, max_size=8))
def test_dpkg_agrees(pairs: list[tuple[str, str]]) -> None:
    assert [(Version(one) > Version(two)) - (Version(one) < Version(two)) for one, two in pairs] == _dpkg(pairs)


@given(_TEXTS, _TEXTS)
def test_equal_versions_have_equal_hashes(one: str, two: str) -> None:
    first, second = Version(one), Version(two)
    assert (first == second) == (not first < second and not second < first)
    assert first != second or hash(first) == hash(second)


def test_zeros_in_front_of_a_number_mean_nothing() -> None:
    assert Version("1.0") == Version("1.00")
    assert hash(Version("1.0")) == hash(Version("1.00"))
    assert Version("1a0") == Version("1a")


@pytest.mark.parametrize("text", ["", "v1", "1.0-1", "1:2", "1 0", "1\n", "1" * 65, "1.0é", "¹"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidVersionError):
        Version(text)


def _dpkg(pairs: list[tuple[str, str]]) -> list[int]:
    script = """while [ $# -gt 0 ]; do
        if dpkg --compare-versions "$1" lt "$2"; then echo -1
        elif dpkg --compare-versions "$1" gt "$2"; then echo 1
        else echo 0; fi; shift 2; done"""
    words = [text for pair in pairs for text in pair]
    done = subprocess.run(["sh", "-c", script, "sh", *words], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]
