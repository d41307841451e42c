"""Facts are gathered from every file, wherever it is: a link or a loader can find it there as well."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from farm.core.package.elf.dwarf_producers import UNKNOWN
from farm.core.package.elf.file import InvalidElfError, read_elf
from farm.core.package.facts import PackageFacts
from farm.core.package.gather import gather_facts
from tests.core.package.small_library import RPATH, small_library
from tests.core.package.trees import tree


def test_a_program_among_headers_is_looked_at() -> None:
    library = small_library({RPATH: ":tmp"})
    files = tree({"include/tool": library, "include/run": b"#!/bin/sh\nexit\n"})
    facts = gather_facts(files.manifest, files.read)
    assert [(path, elf.rpath) for path, elf in facts.elf] == [("include/tool", ("", "tmp"))]


UNSPLIT = (Path(__file__).parent / "golden" / "dwarf" / "unsplit.so").read_bytes()
SPLIT = (Path(__file__).parent / "golden" / "dwarf" / "version-5.debug").read_bytes()


def test_what_compilers_say_in_a_file_itself_is_one_of_its_facts() -> None:
    files = tree({"lib/libx.so": UNSPLIT, "lib/debug/x.debug": SPLIT})
    facts = gather_facts(files.manifest, files.read)
    ((_, elf),), (debug,) = facts.elf, facts.debug or ()
    assert elf.details is not None
    assert len(elf.details.producers) == 2
    assert elf.details.producers == debug.producers
    assert PackageFacts.from_json(facts.to_json()) == facts


def test_debug_data_that_cannot_be_read_are_no_reason_to_refuse_a_library() -> None:
    broken = bytearray(UNSPLIT)
    section = ELFFile(BytesIO(UNSPLIT)).get_section_by_name(".debug_info")
    broken[section["sh_offset"] + 4] = 9  # the version of the first unit
    files = tree({"lib/libx.so": bytes(broken)})
    ((_, elf),) = gather_facts(files.manifest, files.read).elf
    assert elf.details is not None
    assert elf.details.producers == (UNKNOWN,)


def test_a_file_without_debug_data_has_the_facts_of_before() -> None:
    files = tree({"lib/libx.so": small_library({})})
    ((_, elf),) = gather_facts(files.manifest, files.read).elf
    assert "producers" not in elf.to_dict()


def test_a_class_that_the_kernel_does_not_look_at_hides_nothing() -> None:
    library = bytearray(small_library({}))
    library[4] = 1
    with pytest.raises(InvalidElfError):
        read_elf(bytes(library))
