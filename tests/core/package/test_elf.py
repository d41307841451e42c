from __future__ import annotations

import mmap
import os
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.core.package.elf.details import CopiedSymbol, DlopenNote, ElfDetails
from farm.core.package.elf.facts import ElfFacts, Symbol
from farm.core.package.elf.file import InvalidElfError, read_elf
from tests.core.package.elftools_reference import reference_facts
from tests.core.package.machine_files import elf_files, sample
from tests.core.package.small_library import RUNPATH, SONAME, small_library

EXAMPLES = Path(__file__).parent / "golden" / "elf"
NOTES = EXAMPLES / "notes.so"
LIBRARY = EXAMPLES / "libgreet-gnu.so"  # two versions of one symbol, a strong and a weak import
STACK, READ_ONLY = 0x6474E551, 0x6474E552


def facts_of(path: Path) -> ElfFacts | None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content:
        facts = read_elf(content)
    return facts and facts.canonical()


class TestWhatItTells:
    def test_versions_weakness_and_search_path_of_a_library(self) -> None:
        facts = read_elf(LIBRARY.read_bytes())
        assert facts is not None
        assert facts.soname == "libgreet.so.1"
        assert (facts.rpath, facts.runpath) == ((), ("$ORIGIN/x", "/opt/y"))
        assert facts.machine == "x86_64"
        exports = {symbol[:2]: symbol for symbol in facts.exports}
        assert exports["greet", "V1"].hidden
        assert not exports["greet", "V2"].hidden
        assert (exports["shown", "V1"].later, exports["greet", "V2"].later) == (False, True)
        assert not [symbol for symbol in facts.exports if symbol.name in {"hidden_thing", "old_greet"}]
        assert facts.version_definitions == ("V1", "V2", "libgreet.so.1")
        imports = {symbol.name: symbol for symbol in facts.imports}
        assert not imports["missing"].weak
        assert imports["maybe"].weak

    def test_a_program_names_its_interpreter_and_the_library_of_each_version(self) -> None:
        facts = read_elf((EXAMPLES / "copy").read_bytes())
        assert facts is not None
        assert facts.interpreter == "/lib64/ld-linux-x86-64.so.2"
        assert facts.needed == ("libc.so.6",)
        assert ("__libc_start_main", "GLIBC_2.34", "libc.so.6", False, "function") in facts.imports

    def test_what_is_copied_from_a_library_is_told_and_exported_again(self) -> None:
        facts = read_elf((EXAMPLES / "copy").read_bytes())
        assert facts is not None
        assert facts.details is not None
        assert facts.details.copies == (CopiedSymbol("__environ", "GLIBC_2.2.5", "libc.so.6", 8),)
        assert Symbol("environ", "GLIBC_2.2.5", "object", later=True, size=8) in facts.exports
        assert not [symbol for symbol in facts.imports if symbol.name == "environ"]

    @pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fEL", b"!<arch>\n"])
    def test_another_file_is_none(self, content: bytes) -> None:
        assert read_elf(content) is None

    def test_a_relocatable_object_is_none(self) -> None:
        assert read_elf((EXAMPLES / "object.o").read_bytes()) is None

    @pytest.mark.parametrize("style", ["gnu", "sysv", "both"])
    def test_it_needs_no_section_headers(self, style: str) -> None:
        """Without them the number of symbols comes from the hash table, or from it and the relocations."""
        whole = bytearray((EXAMPLES / f"libgreet-{style}.so").read_bytes())
        expected = read_elf(whole)
        struct.pack_into("<Q", whole, 40, 0)
        struct.pack_into("<H", whole, 60, 0)
        assert read_elf(whole) == expected

    @pytest.mark.parametrize(("visibility", "exported"), [(0, True), (1, False), (2, False), (3, True)])
    def test_only_what_is_visible_outside_is_exported(self, visibility: int, *, exported: bool) -> None:
        facts = read_elf(overlapping_names(symbols=1, length=3, visibility=visibility))
        assert facts is not None
        protected = visibility == 3
        assert facts.exports == ((Symbol("xxx", symbol_class="function", protected=protected),) if exported else ())

    @pytest.mark.parametrize(
        ("info", "section", "value", "exported"),
        [
            (0x12, 1, 0, False),  # a function without an address
            (0x16, 1, 0, True),  # the first thread-local variable
            (0x12, 0xFFF1, 0, True),  # an absolute number
            (0x13, 1, 64, False),  # a section
            (0x02, 1, 64, False),  # local
            (0x1A, 1, 64, True),  # an indirect function
        ],
    )
    def test_what_a_loader_takes_for_no_definition_is_not_exported(
        self, info: int, section: int, value: int, *, exported: bool
    ) -> None:
        facts = read_elf(overlapping_names(symbols=1, length=3, info=info, section=section, value=value))
        assert facts is not None
        assert [symbol.name for symbol in facts.exports] == (["xxx"] if exported else [])
        looked_for = not exported and info >> 4 and info & 15 == 2
        assert [symbol.name for symbol in facts.imports] == (["xxx"] if looked_for else [])

    @pytest.mark.parametrize(("name", "build_id"), [("separate", ""), ("named", "0123456789abcdef")])
    def test_a_separate_debug_file_has_nothing_but_its_build_id(self, name: str, build_id: str) -> None:
        facts = read_elf((EXAMPLES / f"{name}.debug").read_bytes())
        assert facts == ElfFacts(details=ElfDetails("debug", build_id=build_id))

    def test_paths_are_told_as_they_are_written_and_apart(self) -> None:
        facts = read_elf(NOTES.read_bytes())
        assert facts is not None
        assert (facts.rpath, facts.runpath) == (("/opt/z", "", "y"), ())

    def test_a_symbol_has_class_visibility_and_size(self) -> None:
        facts = read_elf(NOTES.read_bytes())
        assert facts is not None
        assert set(facts.exports) == {
            Symbol("act", symbol_class="function"),
            Symbol("use", symbol_class="function"),
            Symbol("table", symbol_class="object", size=12),
            Symbol("guarded", symbol_class="object", protected=True, size=4),
            Symbol("per_thread", symbol_class="tls", size=4),
        }
        assert ("threads_elsewhere", "", "", False, "tls") in facts.imports

    def test_what_else_is_loaded_and_how_it_is_hardened(self) -> None:
        facts = read_elf(NOTES.read_bytes())
        assert facts is not None
        assert facts.details == ElfDetails(
            kind="library",
            audit=("liba.so", "libb.so", "libc.so"),
            filters=("libfilter.so",),
            auxiliaries=("libauxiliary.so",),
            dlopen=(DlopenNote(("libx.so.2", "libx.so.1"), "x", "suggested"),),
            hardening=("bind-now", "relro"),
            build_id="0123456789abcdef",
        )

    @pytest.mark.parametrize(
        "said", [b'{"soname":1}', b'[{"soname":[]}]', b'[{"feature":"x"}]', b'[{"soname":["x"],"priority":"vital"}]']
    )
    def test_a_dlopen_note_that_says_something_else_is_refused(self, said: bytes) -> None:
        content = NOTES.read_bytes()
        start = content.index(b'[{"soname"')
        end = content.index(b"\0", start)
        with pytest.raises(InvalidElfError, match=r"note\.dlopen"):
            read_elf(content[:start] + said.ljust(end - start, b"\0") + content[end:])


class TestHostileInput:
    def test_a_mutated_file_gives_facts_or_one_error(self) -> None:
        original = LIBRARY.read_bytes()
        # What a reader follows is at the front: headers, symbols, strings, versions; and the dynamic section.
        interesting = st.one_of(st.integers(0, 0x600), st.integers(0, len(original) - 1))

        @settings(max_examples=600, deadline=None)
        @given(st.lists(st.tuples(interesting, st.integers(0, 255)), min_size=1, max_size=12), st.integers(0, 8))
        def check(changes: list[tuple[int, int]], cut: int) -> None:
            mutated = bytearray(original[: len(original) - cut * len(original) // 9])
            for position, value in changes:
                mutated[position % len(mutated)] = value
            with suppress(InvalidElfError):
                read_elf(mutated)

        check()

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=400))
    def test_noise_behind_the_magic_gives_facts_or_one_error(self, noise: bytes) -> None:
        for identification in (b"\x7fELF\x02\x01\x01", b"\x7fELF\x01\x02\x01", b"\x7fELF"):
            with suppress(InvalidElfError):
                read_elf(identification + noise)

    def test_an_mmap_can_be_closed_after_an_error(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken"
        broken.write_bytes(LIBRARY.read_bytes()[:700])
        with broken.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as content:
            with pytest.raises(InvalidElfError) as caught:
                read_elf(content)
            content.close()
        assert "beyond the end" in caught.value.reason

    def test_many_symbols_sharing_one_long_name_are_refused_before_they_fill_the_memory(self) -> None:
        with pytest.raises(InvalidElfError, match="names are far longer"):
            read_elf(overlapping_names(symbols=300_000, length=30_000))

    def test_a_string_without_end_is_refused(self) -> None:
        with pytest.raises(InvalidElfError, match="string of more than"):
            read_elf(overlapping_names(symbols=2, length=200_000))


class TestWhatOnlyALoaderSees:
    """Files in which headers that no loader reads contradict what the loader does."""

    HONEST = small_library({SONAME: "libx.so", RUNPATH: "/tmp"})

    @staticmethod
    def changed(*changes: tuple[int, str, int], of: bytes = HONEST) -> bytes:
        """The file with other values at these offsets."""
        content = bytearray(of)
        for offset, form, value in changes:
            struct.pack_into(form, content, offset, value)
        return bytes(content)

    def test_the_dynamic_section_is_where_its_address_says_whatever_its_offset_and_size_say(self) -> None:
        dynamic = 64 + 56
        for lie in ((dynamic + 8, "<Q", len(self.HONEST) - 16), (dynamic + 32, "<Q", 16), (dynamic + 32, "<Q", 0)):
            facts = read_elf(self.changed(lie))
            assert facts is not None
            assert (facts.soname, facts.runpath) == ("libx.so", ("/tmp",))

    def test_a_section_that_says_it_is_not_there_makes_no_debug_file_of_a_library(self) -> None:
        size = len(self.HONEST)
        # One section header: SHT_NOBITS, executable, at the address of the dynamic section.
        section = struct.pack("<IIQQQQIIQQ", 0, 8, 4, 64 + 2 * 56, 0, 16, 0, 0, 0, 0)
        facts = read_elf(self.changed((40, "<Q", size), (58, "<H", 64), (60, "<H", 1), of=self.HONEST + section))
        assert facts is not None
        assert facts.details is not None
        assert (facts.details.kind, facts.runpath) == ("library", ("/tmp",))

    def test_segments_that_hide_one_another_and_two_dynamic_sections_are_refused(self) -> None:
        again = self.changed((64 + 56, "<I", 1), (64 + 56 + 16, "<Q", 0))
        with pytest.raises(InvalidElfError, match="not in order, or share a page"):
            read_elf(again)
        twice = self.changed((64, "<I", 2))
        with pytest.raises(InvalidElfError, match="more than one dynamic section"):
            read_elf(twice)

    @pytest.mark.parametrize(
        ("segments", "expected"),
        [
            ([], ["executable-stack"]),
            ([(STACK, 6, 0, 0)], []),
            ([(STACK, 6, 0, 0), (STACK, 7, 0, 0)], ["executable-stack"]),
            ([(STACK, 7, 0, 0), (STACK, 6, 0, 0)], []),
            ([(STACK, 6, 0, 0), (READ_ONLY, 4, 4096, 4096)], ["relro"]),
            ([(STACK, 6, 0, 0), (READ_ONLY, 4, 4096, 0)], []),
            ([(STACK, 6, 0, 0), (READ_ONLY, 4, 4096, 4095)], []),
            ([(STACK, 6, 0, 0), (READ_ONLY, 4, 4095, 1)], ["relro"]),
            ([(STACK, 6, 0, 0), (READ_ONLY, 4, 4096, 4096), (READ_ONLY, 4, 4096, 0)], []),
        ],
    )
    def test_the_last_header_of_a_kind_counts_and_whole_pages_are_made_read_only(
        self, segments: list[tuple[int, int, int, int]], expected: list[str]
    ) -> None:
        facts = read_elf(small_library({SONAME: "libx.so"}, *segments))
        assert facts is not None
        assert facts.details is not None
        assert list(facts.details.hardening) == expected


def overlapping_names(
    *, symbols: int, length: int, visibility: int = 0, info: int = 0x12, section: int = 1, value: int = 64
) -> bytes:
    """A small 64-bit file in which each symbol's name is the whole string table."""
    base, dynamic = 0, 64 + 2 * 56
    strings = dynamic + 5 * 16
    table = strings + length + 2
    table += -table % 8
    hashes = table + symbols * 24
    size = hashes + 8
    tags = [(5, strings), (10, length + 2), (6, table), (4, hashes), (0, 0)]
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 4, 0, base, base, size, size, 4096)
    dynamic_segment = struct.pack("<IIQQQQQQ", 2, 4, dynamic, dynamic, dynamic, 80, 80, 8)
    content = header + load + dynamic_segment + b"".join(struct.pack("<qQ", *tag) for tag in tags)
    content += (b"\0" + b"x" * length + b"\0").ljust(table - strings, b"\0")
    content += struct.pack("<IBBHQQ", 1, info, visibility, section, value, 0) * symbols
    return content + struct.pack("<II", 1, symbols)


class TestAgainstPyelftools:
    def test_a_sample_of_this_machine(self) -> None:
        files = sample(elf_files(), 60, largest=200_000)
        assert len(files) > 20
        assert {path: facts_of(path) for path in files} == {path: reference_facts(path) for path in files}

    @pytest.mark.parametrize("name", ["copy", "libgreet-gnu.so", "libgreet-sysv.so", "named.debug", "notes.so"])
    def test_the_examples(self, name: str) -> None:
        assert facts_of(EXAMPLES / name) == reference_facts(EXAMPLES / name)

    @pytest.mark.toolchain
    def test_files_of_this_machine_large_and_small(self) -> None:
        """All of them, which takes a minute, where FARM_TEST_EVERYTHING is set; otherwise every eighth."""
        every = elf_files()
        files = every if os.environ.get("FARM_TEST_EVERYTHING") else every[::8]
        assert {path.parent.name == "bin" for path in files} == {True, False}
        assert max(path.stat().st_size for path in files) > 1_000_000
        assert [str(path) for path in files if facts_of(path) != reference_facts(path)] == []


def test_a_big_endian_file_reads_alike() -> None:
    little = overlapping_names(symbols=3, length=5)
    big = bytearray(little)
    big[5] = 2
    swap(big, 16, "HHIQQQIHHHHHH")
    for header in (64, 120):
        swap(big, header, "IIQQQQQQ")
    for tag in range(5):
        swap(big, 176 + tag * 16, "qQ")
    table = next(i for i in range(256, len(little)) if little[i : i + 8] == struct.pack("<IBBH", 1, 0x12, 0, 1))
    for symbol in range(3):
        swap(big, table + symbol * 24, "IBBHQQ")
    swap(big, table + 72, "II")
    assert read_elf(big) == read_elf(little)
    assert [symbol.name for symbol in read_elf(big).exports] == ["xxxxx"] * 3


def swap(content: bytearray, offset: int, layout: str) -> None:
    struct.pack_into(f">{layout}", content, offset, *struct.unpack_from(f"<{layout}", content, offset))
