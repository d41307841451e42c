"""Reads the names and options of compilers from debug data (DWARF 2 to 5, chapter 7): DW_AT_producer of each unit.

gcc writes its options there, except those of the preprocessor (`-D`) and paths. Only the first entry of a unit is read.
Every number comes from an untrusted file: offsets that leave their section are refused, and time is bounded by a small
multiple of the file's size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from farm.core.package.elf.dwarf_coverage import describes_all_code
from farm.core.package.elf.image import SHT_NOBITS, ElfImage, InvalidElfError, read_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

UNKNOWN = ""
"""Stands for units that do not name their producer, and for code that no unit describes."""

_SECTIONS = (".debug_info", ".debug_abbrev", ".debug_str", ".debug_line_str", ".debug_str_offsets")
_SHF_COMPRESSED = 0x800
_PRODUCER, _OFFSETS_BASE = 0x25, 0x72
_COMPILATIONS = (0x11, 0x4A)  # DW_TAG_compile_unit, DW_TAG_skeleton_unit
# Types of units that describe a compilation, with the bytes that follow the common header (DWARF 5, section 7.5.1).
_UNITS = {1: 0, 4: 8, 5: 8}
# Forms of values (section 7.5.6), by length: a fixed number of bytes, …
_STRX_FIXED = {0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4}
_FIXED = _STRX_FIXED | {
    0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, 0x19: 0, 0x1C: 4, 0x1E: 16,
    0x20: 8, 0x21: 0, 0x24: 8, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
}  # fmt: skip
# … the size of an offset or address in this unit, up to a terminator, or with the length first.
_ADDRESS, _STRP, _LINE_STRP, _STRX, _STRING, _INDIRECT, _IMPLICIT = 0x01, 0x0E, 0x1F, 0x1A, 0x08, 0x16, 0x21
_OFFSETS = frozenset((_STRP, 0x10, 0x17, 0x1D, _LINE_STRP, 0x1F20, 0x1F21))
_LEB = frozenset((0x0D, 0x0F, 0x15, _STRX, 0x1B, 0x22, 0x23, 0x1F01, 0x1F02))
_COUNTED = {0x03: 2, 0x04: 4, 0x0A: 1}
_LEB_COUNTED = frozenset((0x09, 0x18))
_LONGEST = 16_384  # of a string, in bytes


def read_producers(data: Buffer) -> tuple[str, ...]:
    """Return the producers of the compilation units of an ELF file, each once, sorted; `UNKNOWN` where there is none.

    Compressed debug data is not read, and counts as `UNKNOWN`. Raises `InvalidElfError`.
    """
    return read_image(data, _producers)


class _Unit(NamedTuple):
    """The header of a unit: its version, the sizes of offsets and addresses, its abbreviations, its first entry."""

    version: int
    offset_size: int
    address_size: int
    abbreviations: int
    entry: int


def _producers(image: ElfImage) -> tuple[str, ...]:
    sections = {name: section for name, section in image.named(*_SECTIONS).items() if section.type != SHT_NOBITS}
    if ".debug_info" not in sections:
        return ()
    if any(section.flags & _SHF_COMPRESSED for section in sections.values()):
        return (UNKNOWN,)
    parts = {name: image.part(section.offset, section.size, name) for name, section in sections.items()}
    order: Literal["big", "little"] = "big" if image.big_endian else "little"
    empty = memoryview(b"")
    found = set(_Reader(*(_Part(parts.get(name, empty), order, name) for name in _SECTIONS)).producers())
    if not describes_all_code(image):
        found.add(UNKNOWN)
    return tuple(sorted(found))


class _Part:
    """A section, read as numbers; offsets outside it are refused."""

    def __init__(self, view: memoryview, order: Literal["big", "little"], name: str) -> None:
        self.size = len(view)
        self._view, self._order, self._name = view, order, name

    def number(self, at: int, size: int) -> int:
        self.check(at + size)
        return int.from_bytes(self._view[at : at + size], self._order)

    def leb(self, at: int) -> tuple[int, int]:
        """Return an unsigned LEB128 number and its end; a signed one has the same end."""
        value = shift = 0
        while True:
            byte = self.number(at, 1)
            value |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not byte & 0x80:
                return value, at
            if shift > 63:
                raise self.refusal("a number that is too long")

    def text(self, at: int) -> bytes:
        found, end, _ = bytes(self._view[at : at + _LONGEST]).partition(b"\0")
        if not end:
            raise self.refusal("a text without an end")
        return found

    def check(self, end: int) -> None:
        if end > self.size:
            raise self.refusal("something that reaches beyond its end")

    def refusal(self, what: str) -> InvalidElfError:
        return InvalidElfError(f"its {self._name} has {what}")


class _Reader:
    """Reads the units of one file."""

    def __init__(self, info: _Part, abbrev: _Part, strings: _Part, line_strings: _Part, offsets: _Part) -> None:
        self._info, self._abbrev, self._offsets = info, abbrev, offsets
        self._strings = {_STRP: strings, _LINE_STRP: line_strings}
        # A unit is described by (nearly) the first of its abbreviations. A hostile file makes the search long.
        self._deadline = 1024 + 4 * (info.size + abbrev.size)

    def producers(self) -> Iterator[str]:
        at = 0
        while at < self._info.size:
            unit, at = self._unit(at)
            if unit is not None:
                producer = self._producer(unit)
                if producer is not None:
                    yield producer

    def _unit(self, at: int) -> tuple[_Unit | None, int]:
        info, offset_size = self._info, 4
        length, at = info.number(at, 4), at + 4
        if length == 0xFFFFFFFF:
            offset_size, length, at = 8, info.number(at, 8), at + 8
        end = at + length
        info.check(end)
        version, at = info.number(at, 2), at + 2
        if not 2 <= version <= 5:
            raise info.refusal(f"version {version}, and 2 to 5 are known")
        if version < 5:
            abbreviations, at = info.number(at, offset_size), at + offset_size
            return _Unit(version, offset_size, info.number(at, 1), abbreviations, at + 1), end
        kind, address_size, abbreviations = (
            info.number(at, 1), info.number(at + 1, 1), info.number(at + 2, offset_size),
        )  # fmt: skip
        if kind not in _UNITS:
            return None, end
        return _Unit(version, offset_size, address_size, abbreviations, at + 2 + offset_size + _UNITS[kind]), end

    def _producer(self, unit: _Unit) -> str | None:
        """Return the producer of a unit; None where the unit is not a compilation, but a part that others share."""
        code, at = self._info.leb(unit.entry)
        tag, attributes = self._abbreviation(unit.abbreviations, code)
        if tag not in _COMPILATIONS:
            return None
        base = 0 if unit.version < 5 else 2 * unit.offset_size
        producer: tuple[int, int] | None = None
        for attribute, form in attributes:
            actual = form
            if form == _INDIRECT:
                actual, at = self._info.leb(at)
            if attribute == _PRODUCER:
                producer = (actual, at)
            elif attribute == _OFFSETS_BASE and actual in _OFFSETS:
                base = self._info.number(at, unit.offset_size)
            at = self._end(actual, at, unit)
        return UNKNOWN if producer is None else self._text(*producer, base, unit)

    def _abbreviation(self, at: int, wanted: int) -> tuple[int, list[tuple[int, int]]]:
        start = at
        while True:
            code, at = self._abbrev.leb(at)
            if not code:
                raise self._abbrev.refusal(f"no abbreviation {wanted}")
            tag, at = self._abbrev.leb(at)
            at += 1  # whether entries have children
            attributes = []
            while True:
                name, at = self._abbrev.leb(at)
                form, at = self._abbrev.leb(at)
                if form == _IMPLICIT:
                    _, at = self._abbrev.leb(at)
                if not name and not form:
                    break
                attributes.append((name, form))
            if at - start > self._deadline:
                raise self._abbrev.refusal("too much before what is asked for")
            if code == wanted:
                self._deadline -= at - start
                return tag, attributes

    def _end(self, form: int, at: int, unit: _Unit) -> int:
        """Return the end of a value."""
        info = self._info
        if form in _LEB:
            return info.leb(at)[1]
        if form in _LEB_COUNTED:
            length, at = info.leb(at)
            return at + length
        if form in _COUNTED:
            return at + _COUNTED[form] + info.number(at, _COUNTED[form])
        if form == _STRING:
            return at + len(info.text(at)) + 1
        sizes = _FIXED | dict.fromkeys(_OFFSETS, unit.offset_size) | {_ADDRESS: unit.address_size}
        if form not in sizes:
            raise info.refusal(f"a value of the unknown form {form:#x}")
        return at + sizes[form]

    def _text(self, form: int, at: int, base: int, unit: _Unit) -> str:
        info, size = self._info, unit.offset_size
        if form == _STRING:
            text = info.text(at)
        elif form in self._strings:
            text = self._strings[form].text(info.number(at, size))
        elif form == _STRX or form in _STRX_FIXED:
            index = info.leb(at)[0] if form == _STRX else info.number(at, _STRX_FIXED[form])
            text = self._strings[_STRP].text(self._offsets.number(base + index * size, size))
        else:
            return UNKNOWN
        return text.decode("utf-8", "replace")
