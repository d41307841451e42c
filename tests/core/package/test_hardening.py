"""Which hardening files lack, by their facts; real files in `tests/build/test_hardened.py`."""

from __future__ import annotations

from typing import Any

import pytest

from farm.core.names.declared import HardeningProperty, HardeningWaiver
from farm.core.package.elf.details import ElfDetails
from farm.core.package.elf.facts import ElfFacts
from farm.core.package.facts import DebugFile, ElfFile, PackageFacts
from farm.core.package.hardening import HardeningFinding, hardening_findings, producers_by_build_id

GOOD = ("bind-now", "relro")
HARDENED = "GNU C17 14.2.0 -mtune=generic -g -O2 -fstack-protector-strong -fstack-clash-protection"
COMPILED: tuple[HardeningProperty, ...] = ("stack-protector", "stack-clash-protection")


def facts(**details: object) -> PackageFacts:
    known = {"kind": "pie", "hardening": GOOD, "build_id": "ab12"} | details
    return PackageFacts(elf=(ElfFile("bin/x", ElfFacts(interpreter="/lib64/ld.so", details=ElfDetails(**known))),))  # type: ignore[arg-type]


def judged(package: PackageFacts, *producers: str) -> tuple[list[str], list[str]]:
    """What is lacking, and what is not judged."""
    found = hardening_findings(package, {"ab12": producers} if producers else {})
    return [finding.property for finding in found if finding.lacking], [
        finding.property for finding in found if not finding.lacking
    ]


@pytest.mark.parametrize("kind", ["pie", "library"])
def test_what_has_all_of_it_has_nothing_to_be_told(kind: str) -> None:
    assert judged(facts(kind=kind), HARDENED) == ([], [])


@pytest.mark.parametrize(
    ("details", "lacking"),
    [
        ({"kind": "executable"}, ["pie"]),
        ({"hardening": ()}, ["relro", "bind-now"]),
        ({"hardening": ("relro",)}, ["bind-now"]),
        ({"hardening": ("bind-now", "executable-stack", "relro")}, ["non-executable-stack"]),
        ({"hardening": ("bind-now", "relro", "text-relocations")}, ["no-text-relocations"]),
    ],
)
def test_what_the_headers_of_a_file_lack_is_named(details: dict[str, object], lacking: list[str]) -> None:
    assert judged(facts(**details), HARDENED) == (lacking, [])


def test_a_static_program_has_nothing_to_bind() -> None:
    static = PackageFacts(elf=(ElfFile("bin/x", ElfFacts(details=ElfDetails("executable", hardening=("relro",)))),))
    assert judged(static)[0] == ["pie"]


@pytest.mark.parametrize(
    ("others", "lacking"),
    [({}, []), ({"needed": ("libx.so",)}, ["bind-now"]), ({"interpreter": "/lib64/ld.so"}, ["bind-now"])],
)
def test_a_static_program_at_no_fixed_address_has_nothing_to_bind_either(
    others: dict[str, Any], lacking: list[str]
) -> None:
    program = ElfFacts(details=ElfDetails("pie", hardening=("relro",)), **others)
    assert judged(PackageFacts(elf=(ElfFile("bin/x", program),)))[0] == lacking
    library = ElfFacts(details=ElfDetails("library", hardening=("relro",)), **others)
    assert judged(PackageFacts(elf=(ElfFile("bin/x", library),)))[0] == ["bind-now"]


@pytest.mark.parametrize(
    ("producer", "lacking"),
    [
        ("GNU C17 14.2.0 -O2 -fstack-clash-protection", ["stack-protector"]),
        (f"{HARDENED} -fno-stack-protector", ["stack-protector"]),
        (f"{HARDENED} -fstack-protector", ["stack-protector"]),
        ("GNU C++17 14.2.0 -O2 -fno-stack-protector -fstack-protector-all", ["stack-clash-protection"]),
        (f"{HARDENED} -fno-stack-clash-protection", ["stack-clash-protection"]),
        ("GNU GIMPLE 14.2.0 -O2", list(COMPILED)),
    ],
)
def test_one_unit_that_was_told_otherwise_is_enough_and_the_last_word_counts(producer: str, lacking: list[str]) -> None:
    assert judged(facts(), HARDENED, producer) == (lacking, [])


@pytest.mark.parametrize(
    "producers", [(), ("",), ("GNU AS 2.44",), ("clang version 19",), ("GNU C17 14.2.0",), (HARDENED, "")]
)
def test_what_nobody_can_tell_is_not_judged(producers: tuple[str, ...]) -> None:
    assert judged(facts(), *producers) == ([], list(COMPILED))


@pytest.mark.parametrize("separate", [(), (HARDENED,)])
def test_what_stands_in_the_file_itself_counts_whatever_is_said_elsewhere(separate: tuple[str, ...]) -> None:
    assert judged(facts(producers=(HARDENED, f"{HARDENED} -fno-stack-protector")), *separate) == (
        ["stack-protector"],
        [],
    )
    assert judged(facts(producers=(HARDENED,), build_id=""), *separate) == ([], [])
    assert judged(facts(producers=("",)), *separate) == ([], list(COMPILED))


def test_two_files_of_one_build_id_are_both_believed() -> None:
    unhardened = DebugFile("lib/debug/b", "ab12", ("GNU C17 14.2.0 -g -O2",))
    for two in (
        (DebugFile("lib/debug/a", "ab12", (HARDENED,)), unhardened),
        (unhardened, DebugFile("lib/debug/c", "ab12", (HARDENED,))),
    ):
        assert set(producers_by_build_id([PackageFacts(debug=two)])["ab12"]) == {HARDENED, *unhardened.producers}


def test_assembly_beside_compiled_code_does_not_hide_that_code() -> None:
    assert judged(facts(), HARDENED, "GNU AS 2.44") == ([], [])
    assert judged(facts(), "GNU AS 2.44", "GNU C17 14.2.0 -g -O2") == (list(COMPILED), [])


def test_a_file_without_build_id_has_no_debug_data_to_go_by() -> None:
    nameless = facts(build_id="")
    assert [finding.property for finding in hardening_findings(nameless, {})] == list(COMPILED)


def test_facts_of_before_judge_nothing() -> None:
    old = PackageFacts(elf=(ElfFile("bin/x", ElfFacts(details=None)),))
    lacking, not_covered = judged(old, HARDENED)
    assert (lacking, len(not_covered)) == ([], 7)


def test_what_is_lacking_can_be_waived_for_some_files_with_a_reason_and_what_is_not_judged_cannot() -> None:
    waivers = [HardeningWaiver("bind-now", "bin/*", "it resolves by itself"), HardeningWaiver("pie", "lib/**", "other")]
    lazy = facts(kind="executable", hardening=("relro",))
    assert hardening_findings(lazy, {}, [*waivers, HardeningWaiver("stack-protector", "**", "because")]) == (
        HardeningFinding("bin/x", "pie", lacking=True),
        HardeningFinding("bin/x", "bind-now", lacking=True, waived="it resolves by itself"),
        HardeningFinding("bin/x", "stack-protector", lacking=False),
        HardeningFinding("bin/x", "stack-clash-protection", lacking=False),
    )


def test_producers_are_found_by_build_id_in_all_packages_of_a_build() -> None:
    debug = PackageFacts(debug=(DebugFile("lib/debug/a", "ab12", (HARDENED,)), DebugFile("lib/debug/b", "", ("?",))))
    assert producers_by_build_id([PackageFacts(), debug, PackageFacts(debug=None)]) == {"ab12": (HARDENED,)}
