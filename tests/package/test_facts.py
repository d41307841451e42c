from __future__ import annotations

import json
from pathlib import Path

import pytest

from farm.names import canonical_json
from farm.package import (
    ElfFacts,
    ElfFile,
    ImportedSymbol,
    InvalidElfError,
    InvalidFactsError,
    PackageFacts,
    PkgConfigModule,
    Script,
    Symbol,
    VersionNeed,
    gather_facts,
)
from tests.package.trees import tree

LIBRARY = (Path(__file__).parent / "golden" / "elf" / "libgreet-gnu.so").read_bytes()

FACTS = PackageFacts(
    elf=(
        ElfFile(
            "lib/libz.so.1",
            ElfFacts(
                soname="libz.so.1",
                needed=("libc.so.6",),
                rpath=("$ORIGIN",),
                version_definitions=("V1",),
                version_needs=(VersionNeed("libc.so.6", "GLIBC_2.14"),),
            )
            .with_symbols(
                exports=(Symbol("plain"), Symbol("a", "V1"), Symbol("b", "V1")),
                imports=(ImportedSymbol("w", weak=True), ImportedSymbol("m", "GLIBC_2.14", "libc.so.6")),
            )
            .canonical(),
        ),
    ),
    commands=("jq",),
    scripts=(Script("bin/x", "interpreter:/usr/bin/sh"),),
    pkg_config=(PkgConfigModule("zlib", "1.3", ("a",), ("b",)),),
    headers=("include/z.h",),
    static_libraries=("lib/libz.a",),
)


class TestGathering:
    def test_each_kind_of_fact_is_found(self) -> None:
        package = tree(
            {
                "bin/greet": b"#!/bin/sh\necho hello\n",
                "bin/hello": "greet",
                "bin/notes": b"not executable",
                "include/greet.h": b"#!/bin/never read\n",
                "lib/libgreet.a": b"!<arch>\n",
                "lib/libgreet.so": "libgreet.so.1",
                "lib/libgreet.so.1": LIBRARY,
                "lib/pkgconfig/greet.pc": b"Name: greet\nVersion: 1\nRequires: zlib\n",
                "lib/pkgconfig/greet2.pc": "greet.pc",
                "sbin/greetd": "../libexec/greetd",
                "libexec/greetd": b"#!/usr/bin/env perl\n",
                "share/example.sh": b"#!/bin/bash\n",
            },
            programs=("bin/greet", "libexec/greetd"),
        )
        facts = gather_facts(package.manifest, package.read)
        assert [path for path, _ in facts.elf] == ["lib/libgreet.so.1"]
        assert facts.commands == ("greet", "greetd", "hello")
        assert facts.scripts == (("bin/greet", "interpreter:/usr/bin/sh"), ("libexec/greetd", "command:perl"))
        assert [(module.name, module.requires) for module in facts.pkg_config] == [
            ("greet", ("zlib",)),
            ("greet2", ("zlib",)),
        ]
        assert facts.headers == ("include/greet.h",)
        assert facts.static_libraries == ("lib/libgreet.a",)

    def test_a_broken_elf_file_is_named(self) -> None:
        package = tree({"lib/libbroken.so": LIBRARY[:700]})
        with pytest.raises(InvalidElfError, match=r"^lib/libbroken\.so: ") as caught:
            gather_facts(package.manifest, package.read)
        assert caught.value.path == "lib/libbroken.so"

    def test_the_order_of_symbols_in_the_file_changes_nothing(self) -> None:
        one = ElfFacts().with_symbols(
            exports=(Symbol("b"), Symbol("a")), imports=(ImportedSymbol("d"), ImportedSymbol("c"))
        )
        other = ElfFacts().with_symbols(
            exports=(Symbol("a"), Symbol("b")), imports=(ImportedSymbol("c"), ImportedSymbol("d"))
        )
        assert one.canonical() == other.canonical()


class TestAsABlob:
    def test_facts_come_back_as_they_were(self) -> None:
        assert PackageFacts.from_json(FACTS.to_json()) == FACTS
        assert PackageFacts.from_dict(json.loads(FACTS.to_json())).digest == FACTS.digest

    def test_facts_of_a_real_library_come_back_as_they_were(self) -> None:
        package = tree({"lib/libgreet.so.1": LIBRARY})
        facts = gather_facts(package.manifest, package.read)
        assert PackageFacts.from_json(facts.to_json()) == facts

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda document: document.update(format=2), "format 2"),
            (lambda document: document.update(more=1), "canonical form"),
            (lambda document: document.pop("commands"), "commands"),
            (lambda document: document.update(commands=[1]), "not facts"),
            (lambda document: document.update(commands="jq"), "not facts"),
            (lambda document: document["elf"][0].update(soname=7), "not a text"),
            (lambda document: document["elf"][0]["imports"][0].update(weak="yes"), "canonical form"),
            (lambda document: document["elf"][0]["imports"][0].update(names=[]), "canonical form"),
            (lambda document: document["elf"][0]["exports"].append(document["elf"][0]["exports"][0]), "canonical form"),
        ],
    )
    def test_anything_else_is_refused(self, change, why: str) -> None:  # type: ignore[no-untyped-def]
        document = json.loads(FACTS.to_json())
        change(document)
        with pytest.raises(InvalidFactsError, match=why):
            PackageFacts.from_json(canonical_json(document))

    @pytest.mark.parametrize(
        "content", [b"", b"[]", b"\xff", b"[" * 100_000, b"1.5", b'{"format":1}', FACTS.to_json() + b"\n"]
    )
    def test_other_bytes_are_refused(self, content: bytes) -> None:
        with pytest.raises(InvalidFactsError):
            PackageFacts.from_json(content)
