"""What a generation, an image and a lock file record of a set."""

from __future__ import annotations

import json

import pytest

from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.sets.members.set_record import InvalidSetRecordError, PlacedPackage, ReleaseRef, SetRecord

EDGE = ReleaseRef("dist.example.org", "edge", 7, Digest.of(b"release 7"))


def _package(name: str, *, distribution: str = "dist.example.org", stands_for: Digest | None = None) -> PlacedPackage:
    full = PackageName(distribution, name)
    digest = Digest.of(str(full).encode())
    return PlacedPackage(
        full, "1.0", 1, digest, f"{name}-1.0-x", EDGE.subscription, stands_for, "patched" * bool(stands_for)
    )


def test_a_record_reads_back_as_it_was() -> None:
    record = SetRecord(("jq",), (_package("jq"), _package("glibc", stands_for=Digest.of(b"other"))), (EDGE,))
    assert SetRecord.from_json(record.to_json()) == record
    assert str(record.releases[0]) == "dist.example.org/edge@7"
    assert [override.name.short for override in record.overrides] == ["glibc"]


def test_the_order_in_which_packages_are_given_makes_no_difference() -> None:
    one = SetRecord(("b", "a"), (_package("jq"), _package("glibc")), (EDGE,))
    other = SetRecord(("a", "b"), (_package("glibc"), _package("jq")), (EDGE, EDGE))
    assert one.to_json() == other.to_json()


def test_the_set_has_one_digest_whatever_was_asked_for() -> None:
    packages = (_package("jq"), _package("glibc"))
    assert SetRecord(("jq",), packages, (EDGE,)).digest == SetRecord(("glibc", "jq"), packages).digest
    assert SetRecord(("jq",), packages).digest != SetRecord(("jq",), packages[:1]).digest


def test_a_short_name_finds_a_package_only_where_one_has_it() -> None:
    ours, theirs = _package("openssl"), _package("openssl", distribution="other.example")
    record = SetRecord((), (ours, theirs, _package("jq")))
    assert record.package("jq") == _package("jq")
    assert record.package("openssl") is None
    assert record.package("other.example/openssl") == theirs
    assert record.package("none") is None


FORM = json.loads(SetRecord(("jq",), (_package("jq"),), (EDGE,)).to_json())


def _altered(**changes: object) -> bytes:
    return json.dumps(FORM | changes).encode()


def _with_package(**changes: object) -> bytes:
    return _altered(packages=[FORM["packages"][0] | changes])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "not a valid record of a set"),
        (b"[]", "not an object"),
        (_altered(format=2), "'format' is 2, this farm reads 1"),
        (_altered(packages=[{"name": "jq"}]), "'name'|missing|not a package name"),
        (_altered(releases=[{"channel": "edge"}]), "missing"),
        (_altered(more=1), "'more' is not known"),
        (_altered(asked="jq"), "asked"),
        # Paths, and lines on a terminal, are made from its values.
        (_altered(asked=["../../x"]), "not a package name|DNS name"),
        (_altered(packages=FORM["packages"] * 2), "dist.example.org/jq more than once"),
        (_altered(releases=[FORM["releases"][0] | {"channel": "\x1b[31m"}]), "not a distribution and channel"),
        (_with_package(store="../../canary"), "not a directory of jq"),
        (_with_package(store="jq-1.0-x/../../canary"), "not a directory of jq"),
        (_with_package(version="\x1b[31m"), "is not a version"),
        (_with_package(channel="edge"), "not a distribution and channel"),
    ],
)
def test_what_is_no_record_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(InvalidSetRecordError, match=why):
        SetRecord.from_json(content)
