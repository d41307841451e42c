"""Overwrites the dynamic tables of an ELF file in place: a mutation changes its bytes and no others.

Finds the tables by their section headers, where farm itself uses the dynamic section, so that neither hides what
the other misreads. 64 bits, little-endian: what the distribution is built for.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

LOCAL, GLOBAL, WEAK, UNIQUE = 0, 1, 2, 10
NOTYPE, OBJECT, FUNC, FILE, TLS, IFUNC = 0, 1, 2, 4, 6, 10
DEFAULT, INTERNAL, HIDDEN, PROTECTED = 0, 1, 2, 3
UNDEFINED = 0
HIDDEN_VERSION = 0x8000
DT_NULL, DT_NEEDED, DT_SONAME, DT_RPATH, DT_DEBUG, DT_RUNPATH = 0, 1, 14, 15, 21, 29
DT_VERSYM, DT_VERDEF, DT_VERDEFNUM = 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD
DT_AUXILIARY, DT_FILTER, DT_FLAGS_1 = 0x7FFFFFFD, 0x7FFFFFFF, 0x6FFFFFFB
DF_1_NODEFLIB = 0x800
IGNORED_TAG = 0x6FFFF000
"""A tag in the range of operating systems, without a meaning for glibc: it replaces a tag that is removed."""

_MAGIC = b"\x7fELF\x02\x01"
_DYNAMIC, _DYNSYM, _RELA, _NOTE, _VERDEF, _VERNEED, _VERSYM = 6, 11, 4, 7, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
_PT_INTERP = 3
_R_COPY = 5
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")
_ENTRY = struct.Struct("<qQ")
_DEFINITION = struct.Struct("<HHHHIIIII")
_MACHINE_AT = 18


@dataclass(frozen=True, slots=True)
class DynamicSymbol:
    """An entry of `.dynsym`, with its entry of `.gnu.version`."""

    index: int
    name: str
    name_at: int
    info: int
    other: int
    section: int
    value: int
    size: int
    version: int

    @property
    def binding(self) -> int:
        return self.info >> 4

    @property
    def type(self) -> int:
        return self.info & 15

    @property
    def exported(self) -> bool:
        visible = self.other & 3 in {DEFAULT, PROTECTED}
        return self.section != UNDEFINED and self.binding in {GLOBAL, WEAK, UNIQUE} and visible

    @property
    def imported(self) -> bool:
        return self.section == UNDEFINED and self.binding in {GLOBAL, WEAK} and bool(self.name)


@dataclass(frozen=True, slots=True)
class Version:
    """A version that is defined, or needed of `library`; `name_at` and `hash_at` are the offsets in its entry."""

    index: int
    name: str
    library: str
    name_at: int
    hash_at: int
    flags_at: int


@dataclass(frozen=True, slots=True)
class _Section:
    kind: int
    address: int
    offset: int
    size: int
    link: int
    count: int


class ElfEditor:
    """One file, whole, in memory. `content` is its edited content."""

    def __init__(self, content: bytes) -> None:
        if not is_elf(content):
            raise ValueError("not an ELF file of 64 bits, little-endian")
        self._data = bytearray(content)
        start, size, count = (self._word("<Q", 40), *struct.unpack_from("<HH", content, 58))
        self._sections = [
            _Section(*struct.unpack_from("<4xI8xQQQII", content, start + size * number)) for number in range(count)
        ]

    @property
    def content(self) -> bytes:
        return bytes(self._data)

    @property
    def interpreter(self) -> str:
        start, size, count = (self._word("<Q", 32), *struct.unpack_from("<HH", self._data, 54))
        for number in range(count):
            kind, offset, length = struct.unpack_from("<I4xQ16xQ", self._data, start + size * number)
            if kind == _PT_INTERP:
                return bytes(self._data[offset : offset + length]).rstrip(b"\0").decode()
        return ""

    @property
    def machine(self) -> int:
        return self._word("<H", _MACHINE_AT)

    @property
    def auxiliary(self) -> tuple[str, ...]:
        """The names in DT_AUXILIARY: libraries that are searched first, if they exist."""
        return tuple(self._string(value) for tag, value, _ in self.dynamic if tag == DT_AUXILIARY)

    @property
    def is_dynamic(self) -> bool:
        return self._section(_DYNAMIC) is not None

    @cached_property
    def symbols(self) -> tuple[DynamicSymbol, ...]:
        """All symbols except the first, null symbol."""
        table = self._section(_DYNSYM)
        if table is None:
            return ()
        versions = self._section(_VERSYM)
        raw = self._data[table.offset : table.offset + table.size]
        count = table.size // _SYMBOL.size
        indices = struct.unpack_from(f"<{count}H", self._data, versions.offset) if versions else (1,) * count
        return tuple(
            DynamicSymbol(index, self._string(name), name, info, other, section, value, size, indices[index])
            for index, (name, info, other, section, value, size) in enumerate(_SYMBOL.iter_unpack(raw))
            if index
        )

    @cached_property
    def copied(self) -> frozenset[int]:
        """Indices of the symbols of which the file has a copy (`R_X86_64_COPY`)."""
        found = set()
        for section in self._sections:
            if section.kind == _RELA:
                raw = self._data[section.offset : section.offset + section.size]
                found |= {info >> 32 for _, info, _ in _RELOCATION.iter_unpack(raw) if info & 0xFFFFFFFF == _R_COPY}
        return frozenset(found)

    @cached_property
    def dynamic(self) -> tuple[tuple[int, int, int], ...]:
        """Tag, value and offset of each entry up to the first null entry."""
        section = self._section(_DYNAMIC)
        found = []
        for at in range(section.offset, section.offset + section.size, _ENTRY.size) if section else ():
            tag, value = _ENTRY.unpack_from(self._data, at)
            if tag == DT_NULL:
                break
            found.append((tag, value, at))
        return tuple(found)

    @property
    def needed(self) -> tuple[str, ...]:
        return tuple(self._string(value) for tag, value, _ in self.dynamic if tag == DT_NEEDED)

    @property
    def soname(self) -> str:
        return next((self._string(value) for tag, value, _ in self.dynamic if tag == DT_SONAME), "")

    @cached_property
    def definitions(self) -> tuple[Version, ...]:
        """The versions that it defines, without the file's own name."""
        section, found = self._section(_VERDEF), []
        at = section.offset if section else 0
        for _ in range(section.count if section else 0):
            flags, index, distance, step = struct.unpack_from("<2xHH6xII", self._data, at)
            if not flags & 1:
                name_at = at + distance
                found.append(Version(index, self._string_at(name_at), "", name_at, at + 8, at + 2))
            at += step
        return tuple(found)

    @cached_property
    def needs(self) -> tuple[Version, ...]:
        """The versions that it needs of others."""
        section, found = self._section(_VERNEED), []
        at = section.offset if section else 0
        for _ in range(section.count if section else 0):
            count, file, distance, step = struct.unpack_from("<2xHIII", self._data, at)
            here = at + distance
            for _ in range(count):
                index, further = struct.unpack_from("<6xH4xI", self._data, here)
                name = self._string_at(here + 8)
                found.append(Version(index & 0x7FFF, name, self._string(file), here + 8, here, here + 4))
                here += further
            at += step
        return tuple(found)

    def put(
        self,
        symbol: DynamicSymbol,
        *,
        name_at: int | None = None,
        binding: int | None = None,
        type_: int | None = None,
        visibility: int | None = None,
        section: int | None = None,
        value: int | None = None,
        size: int | None = None,
        version: int | None = None,
    ) -> ElfEditor:
        """Overwrite the given fields of a symbol."""
        table = self._section(_DYNSYM)
        assert table is not None
        info = (symbol.binding if binding is None else binding) << 4 | (symbol.type if type_ is None else type_)
        other = symbol.other if visibility is None else symbol.other & ~3 | visibility
        new = (
            symbol.name_at if name_at is None else name_at,
            info,
            other,
            symbol.section if section is None else section,
            symbol.value if value is None else value,
            symbol.size if size is None else size,
        )
        _SYMBOL.pack_into(self._data, table.offset + symbol.index * _SYMBOL.size, *new)
        if version is not None:
            versions = self._section(_VERSYM)
            assert versions is not None
            struct.pack_into("<H", self._data, versions.offset + 2 * symbol.index, version)
        return self._changed()

    def rename_version(self, version: Version, shift: int = 1) -> ElfEditor:
        """Cut `shift` letters off the front of a version's name, as the string table has the rest anyway."""
        at = self._word("<I", version.name_at) + shift
        struct.pack_into("<I", self._data, version.name_at, at)
        struct.pack_into("<I", self._data, version.hash_at, elf_hash(self._string(at)))
        return self._changed()

    def make_weak(self, version: Version) -> ElfEditor:
        """Let the loader continue without a version that is needed."""
        struct.pack_into("<H", self._data, version.flags_at, 2)
        return self._changed()

    def put_tag(self, place: int, tag: int, value: int | None = None) -> ElfEditor:
        """Overwrite the tag of the dynamic section's entry at an offset, and its value if one is given."""
        old = self._word("<Q", place + 8)
        _ENTRY.pack_into(self._data, place, tag, old if value is None else value)
        return self._changed()

    def retag(self, tag: int, new: int = IGNORED_TAG) -> ElfEditor:
        """Give each entry of a tag another tag."""
        for entry_tag, _, at in self.dynamic:
            if entry_tag == tag:
                self.put_tag(at, new)
        return self._changed()

    def add_tag(self, tag: int, value: int) -> ElfEditor:
        """Use one of the empty entries that linkers leave at the end of the dynamic section."""
        section = self._section(_DYNAMIC)
        assert section is not None
        at = section.offset + len(self.dynamic) * _ENTRY.size
        if at + 2 * _ENTRY.size > section.offset + section.size:
            raise ValueError("there is no empty entry in the dynamic section")
        return self.put_tag(at, tag, value)

    def add_definition(self, name: str) -> int:
        """Let a file that defines no version define one, of a name in its string table; return the version's index.

        The definition overwrites a note, of which the loader reads no more than it understands.
        """
        place = next(
            section for section in self._sections if section.kind == _NOTE and section.size >= _DEFINITION.size
        )
        index = max([1, *(need.index for need in self.needs)]) + 1
        at = self.place_of(name)
        _DEFINITION.pack_into(self._data, place.offset, 1, 0, index, 1, elf_hash(name), 20, 0, at, 0)
        self.add_tag(DT_VERDEF, place.address).add_tag(DT_VERDEFNUM, 1)
        return index

    def put_machine(self, machine: int) -> ElfEditor:
        struct.pack_into("<H", self._data, _MACHINE_AT, machine)
        return self._changed()

    def place_of(self, text: str) -> int:
        """Return the offset of a text in the string table, or of the end of a longer one."""
        strings = self._strings
        at = bytes(self._data[strings.offset : strings.offset + strings.size]).find(text.encode() + b"\0")
        if at < 0:
            raise ValueError(f"{text!r} is not in the string table")
        return at

    @property
    def _strings(self) -> _Section:
        table = self._section(_DYNSYM)
        assert table is not None
        return self._sections[table.link]

    def _section(self, kind: int) -> _Section | None:
        return next((section for section in self._sections if section.kind == kind), None)

    def _string(self, at: int) -> str:
        start = self._strings.offset + at
        return bytes(self._data[start : self._data.index(0, start)]).decode()

    def _string_at(self, place: int) -> str:
        return self._string(self._word("<I", place))

    def _word(self, form: str, at: int) -> int:
        return int(struct.unpack_from(form, self._data, at)[0])

    def _changed(self) -> ElfEditor:
        for name in ("symbols", "copied", "dynamic", "definitions", "needs"):
            self.__dict__.pop(name, None)
        return self


def is_elf(content: bytes) -> bool:
    return content[:6] == _MAGIC


def elf_hash(name: str) -> int:
    """Return the hash of the System V ABI, by which the loader compares versions first."""
    value = 0
    for letter in name.encode():
        value = (value << 4) + letter
        value = (value ^ value >> 24 & 0xF0) & 0x0FFFFFFF
    return value
