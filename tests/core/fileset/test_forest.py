from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from farm.core.fileset.forest import (
    BASE,
    BaseTree,
    Conflict,
    Forest,
    ForestConflictError,
    ForestPackage,
    build_forest,
)
from farm.core.fileset.manifest import Directory, Entry, File, Link, Manifest
from farm.core.names.digest import Digest
from tests.refusing import refuses

if TYPE_CHECKING:
    import random

_EMPTY = Digest.of(b"")


def _entry(path: str) -> Entry:
    return Directory(path[:-1]) if path.endswith("/") else File(path, 0, _EMPTY)


def _package(
    name: str,
    *paths: str,
    links: tuple[tuple[str, str], ...] = (),
    replaces: frozenset[str] = frozenset(),
    wins: frozenset[str] = frozenset(),
) -> ForestPackage:
    """Return a package with these files, and directories where a path ends in a slash."""
    return ForestPackage(f"{name}-1-aaaa", name, Manifest.of(map(_entry, paths)), links, replaces, wins)


def _base(*paths: str) -> BaseTree:
    return BaseTree.of(Manifest.of(map(_entry, paths)))


def _conflicts(*packages: ForestPackage, base: BaseTree | None = None) -> tuple[Conflict, ...]:
    with pytest.raises(ForestConflictError) as caught:
        build_forest(packages, base)
    return caught.value.conflicts


def test_the_standard_directories_are_linked_under_usr_and_etc() -> None:
    jq = _package("jq", "bin/jq", "sbin/s", "lib/l", "libexec/x", "include/h", "share/f", "etc/jq/conf", "other/file")
    assert build_forest([jq]) == Forest(
        ("etc", "etc/jq", "usr", "usr/bin", "usr/include", "usr/lib", "usr/libexec", "usr/sbin", "usr/share"),
        (
            ("etc/jq/conf", "/packages/jq-1-aaaa/etc/jq/conf"),
            ("usr/bin/jq", "/packages/jq-1-aaaa/bin/jq"),
            ("usr/include/h", "/packages/jq-1-aaaa/include/h"),
            ("usr/lib/l", "/packages/jq-1-aaaa/lib/l"),
            ("usr/libexec/x", "/packages/jq-1-aaaa/libexec/x"),
            ("usr/sbin/s", "/packages/jq-1-aaaa/sbin/s"),
            ("usr/share/f", "/packages/jq-1-aaaa/share/f"),
        ),
    )


def test_no_packages_make_no_forest() -> None:
    assert build_forest([]) == Forest((), ())


def test_a_directory_of_one_package_becomes_one_link() -> None:
    forest = build_forest([_package("ncurses", "share/terminfo/x/xterm", "share/terminfo/l/linux")])
    assert forest == Forest(("usr", "usr/share"), (("usr/share/terminfo", "/packages/ncurses-1-aaaa/share/terminfo"),))


def test_a_directory_of_two_packages_stays_one_and_what_lies_below_is_folded() -> None:
    forest = build_forest([_package("a", "lib/x/y/one", "lib/x/file"), _package("b", "lib/x/z/two")])
    assert forest == Forest(
        ("usr", "usr/lib", "usr/lib/x"),
        (
            ("usr/lib/x/file", "/packages/a-1-aaaa/lib/x/file"),
            ("usr/lib/x/y", "/packages/a-1-aaaa/lib/x/y"),
            ("usr/lib/x/z", "/packages/b-1-aaaa/lib/x/z"),
        ),
    )


def test_a_directory_that_the_base_has_is_not_folded() -> None:
    package = _package("perl", "share/perl/a/x")
    forest = build_forest([package], _base("usr/share/perl/"))
    assert forest.links == (("usr/share/perl/a", "/packages/perl-1-aaaa/share/perl/a"),)


def test_a_link_of_a_package_is_linked_to_like_a_file() -> None:
    package = ForestPackage("z-1-a", "z", Manifest.of([Link("lib/libz.so", "libz.so.1")]))
    assert build_forest([package]).links == (("usr/lib/libz.so", "/packages/z-1-a/lib/libz.so"),)


def test_extra_links_lie_where_they_say_and_keep_their_directory_open() -> None:
    libc = _package(
        "libc", "lib/ld.so", "share/l/x",
        links=(("lib64/ld-linux-x86-64.so.2", "lib/ld.so"), ("usr/share/l/y", "share/l/x"), ("etc/ld", "lib/ld.so")),
    )  # fmt: skip
    forest = build_forest([libc])
    assert forest.directories == ("etc", "usr", "usr/lib", "usr/lib64", "usr/share", "usr/share/l")
    assert dict(forest.links) == {
        "etc/ld": "/packages/libc-1-aaaa/lib/ld.so",
        "usr/lib/ld.so": "/packages/libc-1-aaaa/lib/ld.so",
        "usr/lib64/ld-linux-x86-64.so.2": "/packages/libc-1-aaaa/lib/ld.so",
        "usr/share/l/x": "/packages/libc-1-aaaa/share/l/x",
        "usr/share/l/y": "/packages/libc-1-aaaa/share/l/x",
    }


@pytest.mark.parametrize(
    ("link", "path"),
    [
        ("usr/bin/y", "bin/nothing"),
        ("usr/bin/../../x", "bin/x"),
        ("/usr/bin/y", "bin/x"),
        ("tmp/y", "bin/x"),
        ("packages/y", "bin/x"),
        ("usr", "bin/x"),
        ("", "bin/x"),
    ],
)
def test_an_extra_link_that_cannot_be_is_refused(link: str, path: str) -> None:
    with refuses("invalid-extra-link", match="x-1-aaaa"):
        build_forest([_package("x", "bin/x", links=((link, path),))])


def test_every_path_that_two_packages_claim_is_reported_with_both_names() -> None:
    busybox, grep = _package("busybox", "bin/grep", "bin/egrep", "bin/sh"), _package("grep", "bin/grep", "bin/egrep")
    both = ("busybox-1-aaaa", "grep-1-aaaa")
    assert _conflicts(grep, busybox) == (Conflict("usr/bin/egrep", both), Conflict("usr/bin/grep", both))
    with pytest.raises(ForestConflictError) as caught:
        build_forest([busybox, grep])
    assert caught.value.message == (
        "2 paths are claimed more than once:\n"
        "  /usr/bin/egrep: busybox-1-aaaa and grep-1-aaaa\n"
        "  /usr/bin/grep: busybox-1-aaaa and grep-1-aaaa"
    )
    assert "replaces" in caught.value.remedy


def test_a_package_that_replaces_another_wins_whatever_the_order() -> None:
    busybox = _package("busybox", "bin/grep", "bin/sh")
    grep = _package("grep", "bin/grep", replaces=frozenset({"busybox"}))
    forest = build_forest([busybox, grep])
    assert dict(forest.links)["usr/bin/grep"] == "/packages/grep-1-aaaa/bin/grep"
    assert dict(forest.links)["usr/bin/sh"] == "/packages/busybox-1-aaaa/bin/sh"
    assert build_forest([grep, busybox]) == forest


def test_packages_that_replace_each_other_are_in_conflict() -> None:
    one = _package("one", "bin/x", replaces=frozenset({"two"}))
    two = _package("two", "bin/x", replaces=frozenset({"one"}))
    assert _conflicts(one, two) == (Conflict("usr/bin/x", ("one-1-aaaa", "two-1-aaaa")),)


def test_replacing_one_of_two_others_is_not_enough() -> None:
    packages = [_package("a", "bin/x", replaces=frozenset({"b"})), _package("b", "bin/x"), _package("c", "bin/x")]
    assert _conflicts(*packages) == (Conflict("usr/bin/x", ("a-1-aaaa", "b-1-aaaa", "c-1-aaaa")),)


def test_a_file_where_another_package_has_a_directory_is_a_conflict() -> None:
    packages = [_package("a", "share/x"), _package("b", "share/x/y", replaces=frozenset({"a"}))]
    assert _conflicts(*packages) == (Conflict("usr/share/x", ("a-1-aaaa", "b-1-aaaa")),)


def test_an_extra_link_over_a_file_of_another_package_is_a_conflict() -> None:
    bash, dash = _package("bash", "bin/bash", links=(("bin/sh", "bin/bash"),)), _package("dash", "bin/sh")
    assert _conflicts(bash, dash) == (Conflict("usr/bin/sh", ("bash-1-aaaa", "dash-1-aaaa")),)


def test_a_command_that_the_base_has_is_left_to_the_base() -> None:
    base = _base("usr/bin/xz", "usr/lib/liblzma.so.5")
    forest = build_forest([_package("xz", "bin/xz", "bin/unxz", "lib/liblzma.so.5")], base)
    assert [link for link, _ in forest.links] == ["usr/bin/unxz", "usr/lib/liblzma.so.5"]


def test_a_command_may_be_declared_to_stand_before_the_bases() -> None:
    xz = _package("xz", "bin/xz", "bin/unxz", wins=frozenset({"usr/bin/xz"}))
    forest = build_forest([xz, _package("busybox", "bin/xz")], _base("usr/bin/xz", "usr/bin/unxz"))
    assert forest.links == (("usr/bin/xz", "/packages/xz-1-aaaa/bin/xz"),)


def test_what_is_a_directory_on_one_side_and_not_on_the_other_is_a_conflict_with_the_base() -> None:
    assert _conflicts(_package("a", "share/x"), base=_base("usr/share/x/")) == (
        Conflict("usr/share/x", ("a-1-aaaa", BASE)),
    )
    assert _conflicts(_package("a", "share/x/y"), base=_base("usr/share/x")) == (
        Conflict("usr/share/x", ("a-1-aaaa", BASE)),
    )


def test_a_forest_is_a_tree_with_a_digest() -> None:
    manifest = build_forest([_package("jq", "bin/jq", "etc/jq")]).manifest()
    assert manifest.absolute_links
    assert manifest.by_path["usr/bin/jq"] == Link("usr/bin/jq", "/packages/jq-1-aaaa/bin/jq")
    assert Manifest.from_json(manifest.to_json()).tree_digest == manifest.tree_digest


_PATHS = st.builds(
    "/".join,
    st.tuples(st.sampled_from(["bin", "lib", "share", "etc"]), st.sampled_from("abcd"), st.sampled_from("xyz"))
    | st.tuples(st.sampled_from(["bin", "lib", "etc"]), st.sampled_from("efgh")),
)
_SETS = st.lists(
    st.tuples(st.frozensets(_PATHS, max_size=6), st.frozensets(st.sampled_from(["p0", "p1", "p2", "p3"]), max_size=2)),
    max_size=4,
).map(lambda many: [_package(f"p{index}", *paths, replaces=replaces) for index, (paths, replaces) in enumerate(many)])
_BASES = st.none() | st.frozensets(_PATHS.map("usr/{}".format), max_size=5).map(lambda paths: _base(*paths))


def _outcome(packages: list[ForestPackage], base: BaseTree | None) -> Forest | tuple[Conflict, ...]:
    try:
        return build_forest(packages, base)
    except ForestConflictError as error:
        return error.conflicts


@given(_SETS, _BASES, st.randoms(use_true_random=False))
def test_the_order_of_packages_never_changes_a_forest_or_its_conflicts(
    packages: list[ForestPackage], base: BaseTree | None, shuffle: random.Random
) -> None:
    shuffled = list(packages)
    shuffle.shuffle(shuffled)
    assert _outcome(shuffled, base) == _outcome(packages, base)


@given(_SETS, _BASES)
def test_every_file_is_reached_at_its_path_and_nothing_else_is(
    packages: list[ForestPackage], base: BaseTree | None
) -> None:
    forest = _outcome(packages, base)
    assume(isinstance(forest, Forest))
    assert isinstance(forest, Forest)
    reached = _reached(forest, packages)
    assert {path.removeprefix("usr/") for path in reached} <= {
        file.path for package in packages for file in package.manifest.files()
    }
    for package in packages:
        for file in package.manifest.files():
            path = file.path if file.path.startswith("etc/") else f"usr/{file.path}"
            if path not in reached:
                assert base is not None
                assert path in base.paths
                assert path.startswith("usr/bin/")
            elif reached[path] != (package.owner, file.path):
                assert package.name in {name for other in packages for name in other.replaces}
    assert list(forest.directories) == sorted(forest.directories)
    assert list(forest.links) == sorted(forest.links)


def _reached(forest: Forest, packages: list[ForestPackage]) -> dict[str, tuple[str, str]]:
    """Return every file that the links lead to: its path in the root, and which file of which package it is."""
    manifests = {package.owner: package.manifest for package in packages}
    seen = {}
    for link, target in forest.links:
        _, _, owner, path = target.split("/", 3)
        for file in manifests[owner].files():
            if file.path == path or file.path.startswith(f"{path}/"):
                seen[link + file.path[len(path) :]] = (owner, file.path)
    return seen
