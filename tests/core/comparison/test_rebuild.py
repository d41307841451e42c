"""How two differing builds of a package are described: every file, the first of them by path, in bounded length."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.core.comparison.rebuild import MOST_FILES, PackageDifference, difference_of
from farm.core.fileset.manifest import Directory, File, Link, Manifest
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.describe import describe
from farm.core.package.facts import PackageFacts

if TYPE_CHECKING:
    from farm.core.package.descriptor import Descriptor


def built(*entries: File | Link | Directory, requires: tuple[str, ...] = ()) -> tuple[Descriptor, Manifest]:
    manifest = Manifest.of(entries)
    descriptor = describe(
        name=PackageName("dist.example.org", "a"),
        version=Version("1.0"),
        revision=1,
        platform=Platform("linux", "amd64"),
        manifest=manifest,
        diff_id=Digest.of(manifest.to_json()),
        facts=PackageFacts(),
        plan=Digest.of(b"plan"),
        license="MIT",
        requires=requires,
    )
    return descriptor, manifest


def file(path: str, content: str = "", *, executable: bool = False) -> File:
    return File(path, len(content), Digest.of(content.encode()), executable=executable)


def test_the_same_is_no_difference() -> None:
    assert difference_of("a", built(file("x")), built(file("x"))) is None
    assert difference_of("a", None, None) is None


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ([file("x", "1")], [file("x", "2")], "x differs in a"),
        ([file("x")], [file("x", executable=True)], "x differs in a"),
        ([Link("x", "y")], [Link("x", "z")], "x differs in a"),
        ([file("x")], [Link("x", "y")], "x differs in a"),
        ([file("x"), file("y")], [file("y")], "x is missing in a"),
        ([file("y")], [file("x"), file("y")], "x was not there the first time in a"),
        ([file("y")], [file("x/y/z"), file("y")], "x/y/z was not there the first time in a, and 2 more files"),
        ([file("y", "1"), file("z", "1")], [file("y", "2"), file("z", "2")], "y differs in a, and 1 more file"),
    ],
)
def test_a_difference_names_its_first_file(first: list[File], second: list[File], says: str) -> None:
    found = difference_of("a", built(*first), built(*second))
    assert found is not None
    assert found.summary == says
    assert PackageDifference.from_dict(found.to_dict()) == found


def test_a_descriptor_that_says_something_else_of_the_same_files_differs() -> None:
    found = difference_of("a", built(file("x")), built(file("x"), requires=("command:sh",)))
    assert found is not None
    assert (found.count, found.members) == (0, ("requires",))
    assert found.summary == "the descriptor of a differs in requires"


def test_facts_are_named_only_where_they_do_not_follow_from_the_files() -> None:
    descriptor, manifest = built(file("x"))
    lied = replace(descriptor, facts=Digest.of(b"other facts"))
    found = difference_of("a", (descriptor, manifest), (lied, manifest))
    assert found is not None
    assert found.members == ("facts",)


def test_a_package_that_only_one_of_them_has_differs() -> None:
    gone, new = difference_of("a", built(file("x")), None), difference_of("a", None, built(file("x")))
    assert gone is not None
    assert new is not None
    assert (gone.summary, new.summary) == ("the package a is missing", "the package a was not there the first time")


def test_a_thousand_files_are_counted_and_a_hundred_named() -> None:
    found = difference_of(
        "a", built(*(file(f"{n:04}", "1") for n in range(1000))), built(*(file(f"{n:04}", "2") for n in range(1000)))
    )
    assert found is not None
    assert (found.count, len(found.files), found.files[0].path) == (1000, MOST_FILES, "0000")
