"""The expression that selects images: its meaning, and its errors."""

from __future__ import annotations

import pytest

from farm.client.image.constraint import InvalidConstraintError, VersionConstraint
from farm.core.names.package_name import PackageName

OPENSSL = PackageName("dist.example.org", "openssl")


@pytest.mark.parametrize(
    ("text", "version", "revision", "is_met"),
    [
        ("openssl", "3.5.3", 1, True),
        ("dist.example.org/openssl", "3.5.3", 1, True),
        ("other.example/openssl", "3.5.3", 1, False),
        ("openss", "3.5.3", 1, False),
        ("openssl<3.5.3", "3.5.2", 9, True),
        ("openssl<3.5.3", "3.5.3", 1, False),
        ("openssl < 3.5.10", "3.5.9", 1, True),
        ("openssl<3.5.3", "3.5.3~rc1", 1, True),
        ("openssl<=3.5.3", "3.5.3", 7, True),
        ("openssl<=3.5.3", "3.5.4", 1, False),
        ("openssl=3.5.3", "3.5.3", 7, True),
        ("openssl=3.5.3-2", "3.5.3", 2, True),
        ("openssl=3.5.3-2", "3.5.3", 3, False),
        ("openssl<3.5.3-2", "3.5.3", 1, True),
        ("openssl<3.5.3-2", "3.5.3", 2, False),
        ("openssl>3.5.3", "3.5.3", 9, False),
        ("openssl>3.5.3", "3.5.4", 1, True),
        ("openssl>3.5.3-1", "3.5.3", 2, True),
        ("openssl>=3.5.3-2", "3.5.3", 1, False),
        ("openssl>=0", "0", 1, True),
        ("openssl<0", "0", 1, False),
        ("openssl=3.5.3-2", "3.5.3", None, True),
    ],
)
def test_what_it_means(text: str, version: str, revision: int | None, is_met: bool) -> None:
    assert VersionConstraint.parse(text).is_met_by(OPENSSL, version, revision) is is_met


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("", 1, "no name"),
        ("  <3", 3, "no name"),
        ("Openssl<3", 1, "is not a valid name"),
        (" a/b/c<3", 2, "is not a valid name"),
        ("openssl 3.5", 9, "an operator is missing"),
        ("openssl<", 9, "a version is missing"),
        ("openssl< three", 10, "'three' is not a valid version"),
        ("openssl==3", 8, "== is not an operator"),
        ("openssl!=3", 8, "!= is not an operator"),
        ("openssl<3 4", 9, "'3 4' is not a valid version"),
        ("\x1b[31m<3", 1, "is not a valid name"),
    ],
)
def test_where_it_is_wrong(text: str, column: int, words: str) -> None:
    with pytest.raises(InvalidConstraintError) as caught:
        VersionConstraint.parse(text)
    assert caught.value.column == column
    assert words in caught.value.message
    assert caught.value.message.splitlines()[-1] == "  " + " " * (column - 1) + "^"
    assert caught.value.remedy


def test_the_error_says_what_to_write_instead() -> None:
    with pytest.raises(InvalidConstraintError) as caught:
        VersionConstraint.parse("openssl=>3")
    assert caught.value.remedy == "Use >=."
