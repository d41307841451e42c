"""What compilers record about themselves in debug data; pyelftools reads the same files for comparison."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given
from hypothesis import strategies as st

from farm.core.package.elf.dwarf_producers import UNKNOWN, read_producers
from farm.core.package.elf.image import InvalidElfError

EXAMPLES = Path(__file__).parent / "golden" / "dwarf"
WHOLE = sorted(
    path.stem for path in EXAMPLES.glob("*.debug") if path.stem not in ("compressed", "none", "part", "split")
)


def reference_producers(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        entries = [unit.get_top_DIE() for unit in ELFFile(file).get_dwarf_info().iter_CUs()]
        compiled = [entry for entry in entries if entry.tag == "DW_TAG_compile_unit"]
        return tuple(sorted({entry.attributes["DW_AT_producer"].value.decode() for entry in compiled}))


@pytest.mark.parametrize("name", WHOLE)
def test_every_version_of_the_format_is_read_as_pyelftools_reads_it(name: str) -> None:
    path = EXAMPLES / f"{name}.debug"
    assert read_producers(path.read_bytes()) == reference_producers(path)


def test_the_options_of_each_unit_are_there_and_macros_are_not() -> None:
    found = read_producers((EXAMPLES / "version-5.debug").read_bytes())
    assert [
        ("-O1" in producer, "-fstack-protector-strong" in producer, "-fstack-clash-protection" in producer)
        for producer in found
    ] == [
        (True, True, False),
        (False, False, True),
    ]
    assert not any("-DX" in producer for producer in found)


@pytest.mark.parametrize("name", ["compressed", "split"])
def test_what_cannot_be_looked_into_is_unknown(name: str) -> None:
    assert read_producers((EXAMPLES / f"{name}.debug").read_bytes()) == (UNKNOWN,)


def test_code_that_was_compiled_without_debug_data_is_unknown() -> None:
    found = read_producers((EXAMPLES / "part.debug").read_bytes())
    assert found == (UNKNOWN, *reference_producers(EXAMPLES / "part.debug"))
    assert len(found) == 2


def test_a_file_without_a_table_of_symbols_may_have_any_code() -> None:
    unit = struct.pack("<IHBBIB", 9, 5, 1, 8, 0, 1)
    sections = {".debug_info": unit, ".debug_abbrev": bytes((1, 0x41, 0, 0, 0, 0))}
    assert read_producers(elf_of(sections)) == (UNKNOWN,)
    assert read_producers(elf_of({**sections, ".symtab": b""})) == ()


@pytest.mark.parametrize(
    "ranges",
    [
        b"\x01",
        struct.pack("<IHIBB", 100, 2, 0, 8, 0),
        struct.pack("<IHIBB", 8, 2, 0, 3, 0),
        struct.pack("<I", 0),
        b"\xff" * 12,
    ],
)
def test_ranges_that_cannot_be_are_refused(ranges: bytes) -> None:
    unit = struct.pack("<IHBBIB", 9, 5, 1, 8, 0, 1)
    sections = {".debug_info": unit, ".debug_abbrev": bytes((1, 0x41, 0, 0, 0, 0)), ".symtab": b""}
    with pytest.raises(InvalidElfError, match="debug_aranges"):
        read_producers(elf_of({**sections, ".debug_aranges": ranges}))


def test_a_file_without_debug_data_says_nothing() -> None:
    assert read_producers((EXAMPLES / "none.debug").read_bytes()) == ()


@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8))
def test_whatever_the_bytes_it_is_read_or_refused(name: str, changes: list[tuple[float, int]]) -> None:
    content = bytearray((EXAMPLES / f"{name}.debug").read_bytes())
    for where, value in changes:
        content[int(where * len(content))] = value
    with contextlib.suppress(InvalidElfError):
        assert all(isinstance(producer, str) for producer in read_producers(content))


def test_indexed_texts_of_clang_are_found_through_their_table() -> None:
    abbreviation = bytes((1, 0x11, 0, 0x25, 0x25, 0x72, 0x17, 0, 0, 0))
    unit = struct.pack("<HBBIBBI", 5, 1, 8, 0, 1, 1, 8)
    sections = {
        ".debug_info": struct.pack("<I", len(unit)) + unit,
        ".debug_abbrev": abbreviation,
        ".debug_str": b"x\0clang version 19\0",
        ".debug_str_offsets": struct.pack("<IHHII", 12, 5, 0, 0, 2),
        ".symtab": b"",
    }
    assert read_producers(elf_of(sections)) == ("clang version 19",)


def test_a_file_that_makes_us_search_without_end_is_refused() -> None:
    row = bytes((2, 0x11, 0, 0, 0))
    unit = struct.pack("<IHBBIB", 9, 5, 1, 8, 0, 1)
    sections = {".debug_info": unit * 2000, ".debug_abbrev": row * 20_000 + bytes((1, 0x11, 0, 0, 0, 0))}
    with pytest.raises(InvalidElfError, match="too much before what is asked for"):
        read_producers(elf_of(sections))


def elf_of(sections: dict[str, bytes]) -> bytes:
    """An ELF file with only these sections."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in sections) + b".shstrtab\0"
    content, headers, at = bytearray(64), [bytes(64)], 1
    for name, data in {**sections, ".shstrtab": names}.items():
        kind = 3 if name == ".shstrtab" else 1
        headers.append(struct.pack("<IIQQQQIIQQ", at, kind, 0, 0, len(content), len(data), 0, 0, 1, 0))
        content += data
        at += len(name) + 1
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    layout = (3, 62, 1, 0, 0, len(content), 0, 64, 56, 0, 64, len(headers), len(headers) - 1)
    content[:64] = ident + struct.pack("<HHIQQQIHHHHHH", *layout)
    return bytes(content + b"".join(headers))
