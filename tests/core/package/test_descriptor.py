from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.names.canonical_json import canonical_json
from farm.core.names.declared import HostNeeds, Plugin, SensitiveFile
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.describe import describe
from farm.core.package.descriptor import Descriptor, InvalidDescriptorError
from farm.core.package.gather import gather_facts
from tests.core.package.trees import tree

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = Path(__file__).parent / "golden"


def descriptor(**changes: Any) -> Descriptor:
    whole = Descriptor(
        name=PackageName("dist.example.org", "jq"),
        version=Version("1.7.1"),
        revision=2,
        platform=Platform("linux", "amd64"),
        tree=Digest.of(b"tree"),
        diff_id=Digest.of(b"archive"),
        facts=Digest.of(b"facts"),
        plan=Digest.of(b"plan"),
        license="MIT",
        requires=("soname:libc.so.6", "soname:libonig.so.5"),
        provides=("command:jq", "interpreter:/usr/bin/jq"),
        links=(("usr/bin/json", "bin/jq"),),
        replaces=("gojq",),
        plugins=(Plugin("lib/jq/*", "jq"),),
        host=HostNeeds("5.10", ("CONFIG_BPF",), ("CAP_NET_RAW",)),
    )
    return replace(whole, **changes)


def test_its_canonical_form_is_the_one_on_record() -> None:
    assert descriptor().to_json() == (GOLDEN / "descriptor.json").read_bytes().rstrip(b"\n")


def test_it_comes_back_as_it_was() -> None:
    assert Descriptor.from_json(descriptor().to_json()) == descriptor()


texts = st.lists(st.text(max_size=20)).map(tuple)


@given(texts, texts, st.lists(st.tuples(st.text(), st.text())).map(tuple), st.integers(1, 2**40))
def test_any_descriptor_comes_back_as_it_was(
    requires: tuple[str, ...], provides: tuple[str, ...], links: tuple[tuple[str, str], ...], revision: int
) -> None:
    made = descriptor(requires=requires, provides=provides, links=links, revision=revision)
    again = Descriptor.from_json(made.to_json())
    assert (again, again.digest) == (made, made.digest)


@given(st.permutations(("soname:a", "soname:b", "command:c", "soname:b")))
def test_the_order_in_which_things_were_found_changes_nothing(found: list[str]) -> None:
    assert descriptor(requires=tuple(found)).digest == descriptor(requires=("soname:b", "command:c", "soname:a")).digest


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda document: document.update(format=3), "reads up to format 2"),
        (lambda document: document.update(format=2), "canonical form"),
        (lambda document: document.update({"sensitive-files": []}), "canonical form"),
        (lambda document: document.update({"sensitive-files": [{"path": "a", "reason": "b"}]}), "canonical form"),
        (lambda document: document.update({"sensitive-files": [{"path": "a", "reason": " "}]}), "without a reason"),
        (lambda document: document.update({"sensitive-files": [{"path": "a"}]}), "reason"),
        (lambda document: document.update({"sensitive-files": ["a"]}), "not a valid descriptor"),
        (lambda document: document.update(note="hello"), "not known"),
        (lambda document: document.pop("plan"), "plan"),
        (lambda document: document.update(name="jq"), "names no distribution"),
        (lambda document: document.update(revision=True), "holds a bool"),
        (lambda document: document.update(revision=0), "is 0, below 1"),
        (lambda document: document.update(revision="1"), "holds a str"),
        (lambda document: document.update(tree="sha256:00"), "not a digest"),
        (lambda document: document.update(platform="plan9/amd64"), "not a known platform"),
        (lambda document: document.update(requires="soname:x"), "instead of a list"),
        (lambda document: document.update(requires=[1]), "instead of a str"),
        (lambda document: document["requires"].reverse(), "canonical form"),
        (lambda document: document["provides"].append("command:jq"), "canonical form"),
        (lambda document: document["links"].append(["a"]), "not a valid descriptor"),
        (lambda document: document["host"].update(cpu="z80"), "not known"),
        (lambda document: document.update(host=[]), "not a valid descriptor"),
    ],
)
def test_anything_else_is_refused_with_the_reason(change: Callable[[dict[str, Any]], object], why: str) -> None:
    document = json.loads(descriptor().to_json())
    change(document)
    with pytest.raises(InvalidDescriptorError, match=why):
        Descriptor.from_json(canonical_json(document))


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"\xff", b"[" * 100_000, descriptor().to_json() + b" "])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(InvalidDescriptorError):
        Descriptor.from_json(content)


def test_a_key_that_stands_twice_is_refused() -> None:
    twice = descriptor().to_json().replace(b'{"diff-id"', b'{"revision":9,"diff-id"', 1)
    with pytest.raises(InvalidDescriptorError, match="canonical form"):
        Descriptor.from_json(twice)


def test_what_declares_sensitive_files_has_a_later_format_and_nothing_else_has() -> None:
    files = (SensitiveFile("etc/passwd", "users"), SensitiveFile("etc/group", "groups"))
    declaring = descriptor(sensitive_files=files)
    assert declaring.sensitive_files == files[::-1]
    assert [json.loads(described.to_json())["format"] for described in (declaring, descriptor())] == [2, 1]
    assert Descriptor.from_json(declaring.to_json()) == declaring


def test_it_names_its_directory_as_the_manifest_does() -> None:
    package = tree({"bin/x": b""}).manifest
    assert descriptor(tree=package.tree_digest).store_path == package.store_path("jq", "1.7.1")


def test_builds_of_one_name_sort_by_version_then_revision() -> None:
    builds = [(version, revision) for version in ("1.10", "1.9", "2.0~rc1", "2.0") for revision in (10, 9)]
    made = [descriptor(version=Version(version), revision=revision) for version, revision in builds]
    ordered = [(str(build.version), build.revision) for build in sorted(made, key=lambda build: build.sort_key)]
    assert ordered == [(v, r) for v in ("1.9", "1.10", "2.0~rc1", "2.0") for r in (9, 10)]


def test_a_package_is_described_from_its_files_and_what_was_declared() -> None:
    package = tree({"bin/greet": b"#!/bin/sh\n"}, programs=("bin/greet",))
    facts = gather_facts(package.manifest, package.read)
    described = describe(
        name=PackageName("dist.example.org", "greet"),
        version=Version("1"),
        revision=1,
        platform=Platform("linux", "amd64"),
        manifest=package.manifest,
        diff_id=Digest.of(b"archive"),
        facts=facts,
        plan=Digest.of(b"plan"),
        license="MIT",
        requires=("base-files",),
        links=(("usr/bin/hello", "bin/greet"),),
    )
    assert described.tree == package.manifest.tree_digest
    assert described.facts == facts.digest
    assert described.requires == ("interpreter:/usr/bin/sh", "package:base-files")
    assert "command:hello" in described.provides
    assert Descriptor.from_json(described.to_json()) == described
