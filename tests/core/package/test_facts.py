from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from farm.core.names.canonical_json import canonical_json
from farm.core.package.elf.details import CopiedSymbol, DlopenNote, ElfDetails
from farm.core.package.elf.facts import ElfFacts, ImportedSymbol, Symbol, VersionNeed
from farm.core.package.elf.file import InvalidElfError
from farm.core.package.facts import (
    DanglingLink,
    DebugFile,
    ElfFile,
    InvalidFactsError,
    ModuleVersion,
    PackageFacts,
    PkgConfigLibraries,
    PkgConfigModule,
    Script,
)
from farm.core.package.gather import gather_facts
from farm.core.package.python_facts import PythonDistribution
from tests.core.package.symbols import with_symbols
from tests.core.package.trees import tree

GOLDEN = Path(__file__).parent / "golden"
LIBRARY = (GOLDEN / "elf" / "libgreet-gnu.so").read_bytes()

FACTS = PackageFacts(
    elf=(
        ElfFile(
            "lib/libz.so.1",
            with_symbols(
                ElfFacts(
                    soname="libz.so.1",
                    needed=("libc.so.6",),
                    rpath=("", "y"),
                    runpath=("$ORIGIN",),
                    version_definitions=("V1",),
                    version_needs=(VersionNeed("libc.so.6", "GLIBC_2.14"),),
                    details=ElfDetails(
                        kind="pie",
                        audit=("a.so",),
                        filters=("f.so",),
                        auxiliaries=("x.so",),
                        dlopen=(DlopenNote(("libo.so.1",), "o", "required"),),
                        copies=(CopiedSymbol("v", "V1", "libv.so", 4),),
                        hardening=("relro",),
                        build_id="ab",
                    ),
                ),
                exports=(
                    Symbol("plain"),
                    Symbol("a", "V1"),
                    Symbol("b", "V1"),
                    Symbol("c", "V1", "object", size=8),
                    Symbol("d", "V1", "function", hidden=True, later=True, protected=True),
                ),
                imports=(ImportedSymbol("w", weak=True), ImportedSymbol("m", "GLIBC_2.14", "libc.so.6", False, "tls")),
            ).canonical(),
        ),
    ),
    commands=("jq",),
    scripts=(Script("bin/x", "interpreter:/usr/bin/sh", ("sed",)), Script("bin/y", "command:perl")),
    pkg_config=(PkgConfigModule("zlib", "1.3", ("a",), ("b",), PkgConfigLibraries(("z",), ("m",), ("/usr/lib",))),),
    headers=("include/z.h",),
    static_libraries=("lib/libz.a",),
    dangling=(DanglingLink("lib/libz.so", "libz.so.9"),),
    python=(PythonDistribution("lib/python3/site-packages/x-1.dist-info/METADATA", "x", "1", ">=3", ("y; extra",)),),
    debug=(DebugFile("lib/debug/.build-id/ab/cd.debug", "abcd", ("GNU C17 14.2.0 -O2",)),),
)


METADATA = b"""Metadata-Version: 2.1
Name: say
Version: 1.2
Requires-Python: >=3.9
Requires-Dist: words>=2
Requires-Dist: tools; extra == "more"

Requires-Dist: what stands in the description is text
"""


def test_versions_of_modules_are_told_where_there_are_some_and_leave_other_facts_as_they_were() -> None:
    plain = PkgConfigModule("b", "1", ("a",))
    asking = replace(plain, versions=(ModuleVersion("a", ">=", "2"),))
    assert b"versions" not in PackageFacts(pkg_config=(plain,)).to_json()
    facts = PackageFacts(pkg_config=(asking,))
    assert PackageFacts.from_json(facts.to_json()) == facts


def test_what_keeps_a_loader_from_a_file_is_told_where_there_is_something() -> None:
    plain = PackageFacts(elf=(ElfFile("lib/libz.so", ElfFacts()),)).to_json()
    assert not any(key in plain for key in (b"refused", b"processor"))
    details = ElfDetails(refused=("os-abi", "padding"), processor="x86-64-v3")
    facts = PackageFacts(elf=(ElfFile("lib/libz.so", ElfFacts(details=details)),))
    assert PackageFacts.from_json(facts.to_json()) == facts


def test_what_else_modules_say_is_told_where_it_is_there_and_leaves_other_facts_as_they_were() -> None:
    plain = PackageFacts(pkg_config=(PkgConfigModule("b", "1", ("a",)),)).to_json()
    assert not any(key in plain for key in (b"internal", b"provides", b"conflicts", b"files"))
    members = {"requires_internal": ("c",), "files": ("/usr/lib/libz.so",)}
    versions = {"provides": (ModuleVersion("d", "=", "2"),), "conflicts": (ModuleVersion("e", "", ""),)}
    facts = PackageFacts(pkg_config=(PkgConfigModule("b", "1", ("a",), **members, **versions),))
    assert PackageFacts.from_json(facts.to_json()) == facts


class TestGathering:
    def test_each_kind_of_fact_is_found(self) -> None:
        package = tree(
            {
                "bin/greet": b"#!/bin/sh\necho hello | sed s/l/L/\n",
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
                "share/old": "new/old",
                "share/all": ".",
                "lib/debug/.build-id/01/23456789abcdef.debug": (GOLDEN / "elf" / "named.debug").read_bytes(),
                "lib/python3.13/site-packages/say-1.2.dist-info/METADATA": METADATA,
                "lib/python3.13/site-packages/say/METADATA": METADATA,
            },
            programs=("bin/greet", "libexec/greetd"),
        )
        facts = gather_facts(package.manifest, package.read)
        assert [path for path, _ in facts.elf] == ["lib/libgreet.so.1"]
        assert facts.commands == ("greet", "greetd", "hello")
        assert facts.scripts == (
            ("bin/greet", "interpreter:/usr/bin/sh", ("sed",)),
            ("libexec/greetd", "command:perl", None),
        )
        assert [(module.name, module.requires) for module in facts.pkg_config] == [
            ("greet", ("zlib",)),
            ("greet2", ("zlib",)),
        ]
        assert facts.dangling == (("share/old", "new/old"),)
        (debug,) = facts.debug or ()
        assert (debug.path, debug.build_id) == ("lib/debug/.build-id/01/23456789abcdef.debug", "0123456789abcdef")
        assert [producer.partition(" 1")[0] for producer in debug.producers] == ["GNU C17"]
        assert facts.python == (
            PythonDistribution(
                "lib/python3.13/site-packages/say-1.2.dist-info/METADATA",
                "say",
                "1.2",
                ">=3.9",
                ("words>=2", 'tools; extra == "more"'),
            ),
        )
        assert facts.headers == ("include/greet.h",)
        assert facts.static_libraries == ("lib/libgreet.a",)

    def test_a_broken_elf_file_is_named(self) -> None:
        package = tree({"lib/libbroken.so": LIBRARY[:700]})
        with pytest.raises(InvalidElfError, match=r"^lib/libbroken\.so: ") as caught:
            gather_facts(package.manifest, package.read)
        assert caught.value.path == "lib/libbroken.so"

    def test_the_order_of_symbols_in_the_file_changes_nothing(self) -> None:
        one = with_symbols(
            ElfFacts(), exports=(Symbol("b"), Symbol("a")), imports=(ImportedSymbol("d"), ImportedSymbol("c"))
        )
        other = with_symbols(
            ElfFacts(), exports=(Symbol("a"), Symbol("b")), imports=(ImportedSymbol("c"), ImportedSymbol("d"))
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

    def test_facts_of_format_1_are_read_as_such_and_written_as_they_were(self) -> None:
        content = (GOLDEN / "facts-format-1.json").read_bytes()
        facts = PackageFacts.from_json(content)
        assert facts.format == 1
        assert facts.to_json() == content
        assert (facts.dangling, facts.python, facts.debug) == (None, None, None)
        assert [file.facts.details for file in facts.elf] == [None, None, None]
        assert {module.libraries for module in facts.pkg_config} == {None}
        assert {script.commands for script in facts.scripts} == {None}

    @pytest.mark.parametrize(
        "later", [{"files": ["/x"]}, {"libraries": {"names": ["z"], "private": [], "directories": []}}]
    )
    def test_what_format_1_did_not_know_of_modules_is_refused_in_it(self, later: dict[str, object]) -> None:
        document = json.loads((GOLDEN / "facts-format-1.json").read_bytes())
        document["pkg-config"][0] |= later
        with pytest.raises(InvalidFactsError, match="canonical form"):
            PackageFacts.from_json(canonical_json(document))

    def test_what_format_1_did_not_know_is_refused_in_it(self) -> None:
        document = json.loads((GOLDEN / "facts-format-1.json").read_bytes())
        document["dangling"] = []
        with pytest.raises(InvalidFactsError, match="canonical form"):
            PackageFacts.from_json(canonical_json(document))

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda document: document.update(format=3), "format 3"),
            (lambda document: document.update(format=True), "format True"),
            (lambda document: document.update(format=1), "canonical form"),
            (lambda document: document.pop("dangling"), "dangling"),
            (lambda document: document["elf"][0].update(kind="debug"), "not a kind"),
            (lambda document: document["elf"][0].pop("copies"), "copies"),
            (lambda document: document["elf"][0]["copies"][0].update(size=-1), "below 0"),
            (lambda document: document["elf"][0]["exports"][0].update(sizes=[1]), "sizes"),
            (lambda document: document["elf"][0]["exports"][0].update({"class": "common"}), "not a class"),
            (lambda document: document["scripts"][0].append(1), "not facts"),
            (lambda document: document["pkg-config"][0].pop("libraries"), "libraries"),
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
