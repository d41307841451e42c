"""The changes from one set to another, in words and as JSON."""

from __future__ import annotations

from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.sets.members.set_record import PlacedPackage, ReleaseRef, SetRecord, changes

RELEASE = ReleaseRef("dist.example.org", "edge", 1, Digest.of(b"release"))


def placed(
    name: str, version: str = "1.0", *, build: str = "", distribution: str = "dist.example.org"
) -> PlacedPackage:
    descriptor = Digest.of(f"{name} {version} {build}".encode())
    return PlacedPackage(PackageName(distribution, name), version, 1, descriptor, f"{name}-{version}-x", "d/edge")


def record(*packages: PlacedPackage) -> SetRecord:
    return SetRecord((), packages, (RELEASE,))


def test_each_kind_of_change_has_its_words() -> None:
    old = record(placed("gone"), placed("same"), placed("newer"), placed("rebuilt"))
    new = record(placed("same"), placed("newer", "2.0"), placed("rebuilt", build="again"), placed("came"))
    assert [str(change) for change in changes(old, new)] == [
        "came 1.0-1, new",
        "gone 1.0-1, gone",
        "newer 1.0-1 → 2.0-1",
        "rebuilt 1.0-1, another build",
    ]


def test_of_nothing_everything_is_new_and_of_the_same_nothing_changes() -> None:
    new = record(placed("a"), placed("b"))
    assert [(change.name, change.old) for change in changes(None, new)] == [("a", None), ("b", None)]
    assert changes(new, new) == ()


def test_a_package_of_another_distribution_has_its_full_name() -> None:
    (change,) = changes(record(), record(placed("openssl", distribution="other.example")))
    assert change.name == "other.example/openssl"


def test_both_sides_are_told_to_programs() -> None:
    (change,) = changes(record(placed("a")), record(placed("a", "2.0")))
    form = change.to_dict()
    assert (form["name"], form["old"]["version"], form["new"]["version"]) == ("a", "1.0-1", "2.0-1")
    assert form["new"]["descriptor"] == placed("a", "2.0").descriptor
