"""The structure of an ELF file (gABI chapters 4 and 5): header, segments, dynamic section, address mapping.

Does not read symbols. Every offset comes from an untrusted file: everything is read through `ElfImage.part`, which
checks that it is inside the file. Holds views of the caller's buffer.
"""

from __future__ import annotations

import struct
import sys
from array import array
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

_Result = TypeVar("_Result")

MAGIC = b"\x7fELF"
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
PF_X, _PF_W = 1, 2
_PAGE = 4096
SHT_NOTE, SHT_NOBITS, SHT_DYNSYM = 7, 8, 11
_SHF_EXECINSTR = 4
_ET_EXEC, _ET_DYN = 2, 3
_LITTLE, _BIG = 1, 2
_SYSTEM_V, _GNU = 0, 3
_KNOWN_ABI_VERSIONS = 4  # LIBC_ABI_MAX of glibc
_INTEGERS: dict[Literal[2, 4, 8], Literal["H", "I", "Q"]] = {2: "H", 4: "I", 8: "Q"}
_MACHINES = {
    3: ("i686", "i686"),
    8: ("mips", "mips64"),
    20: ("ppc", "ppc"),
    21: ("ppc64", "ppc64"),
    22: ("s390", "s390x"),
    40: ("arm", "arm"),
    62: ("x32", "x86_64"),
    183: ("aarch64-ilp32", "aarch64"),
    243: ("riscv32", "riscv64"),
    258: ("loongarch32", "loongarch64"),
}
_ALWAYS_64 = (62, 183)


class InvalidElfError(FarmError):
    """A file starts as an ELF file and is not one that a loader could load; `path` is empty while it is unknown."""

    code = "invalid-elf"

    def __init__(self, message: str, *, path: str = "") -> None:
        super().__init__(
            f"{path}: {message}" if path else message,
            remedy="Check how the file was linked or stripped, or do not install it.",
        )
        self.reason = message
        self.path = path


class Segment(NamedTuple):
    """One program header: type, flags, file offset, virtual address, sizes in file and memory, alignment; in bytes."""

    type: int
    flags: int
    offset: int
    address: int
    size: int
    room: int
    align: int

    @property
    def covers_a_page(self) -> bool:
        """Whether the dynamic linker makes anything read-only here: from its first page to the start of its last."""
        return (self.address + self.room) // _PAGE > self.address // _PAGE

    @property
    def end(self) -> int:
        """The address after its content; the memory after it holds zeros."""
        return self.address + self.size


class Section(NamedTuple):
    """The used fields of one section header: offset of the name, type, flags, virtual address, file offset and size."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int


class ElfImage:
    """A loadable ELF file: 32- or 64-bit, of either byte order.

    `loadable` is false for files that no loader accepts (relocatable objects, core dumps), `fixed` is true for a file
    that is loaded at its linked addresses, `only_debug` for a separate debug file. `refused` is what in the header
    keeps ld.so from loading it; the kernel ignores that. Raises `InvalidElfError`.
    """

    __slots__ = (
        "_names", "_segments", "_view", "big_endian", "dynamic", "fixed", "is_64", "loadable", "machine", "only_debug",
        "order", "refused", "sections",
    )  # fmt: skip

    def __init__(self, view: memoryview) -> None:
        self._view = view
        ident = bytes(self.part(0, 16, "identification"))
        if ident[4] not in {1, 2} or ident[5] not in {_LITTLE, _BIG}:
            raise InvalidElfError("class or byte order is unknown")
        self.is_64 = ident[4] == 2
        self.big_endian = ident[5] == _BIG
        self.order = ">" if self.big_endian else "<"
        word = "Q" if self.is_64 else "I"
        header = struct.Struct(f"{self.order}HHI{word * 3}I6H")
        fields = header.unpack(self.part(16, header.size, "header"))
        kind, machine, version, _, phoff, shoff, _, _, phentsize, phnum, shentsize, shnum, shstrndx = fields
        self.loadable = kind in {_ET_EXEC, _ET_DYN}
        self.fixed = kind == _ET_EXEC
        self.refused = _refused(ident, version)
        self.machine = _MACHINES.get(machine, (f"em-{machine}",) * 2)[self.is_64]
        if self.loadable and not self.is_64 and machine in _ALWAYS_64:
            # The kernel uses the machine and ignores the class: what is read here would not be what runs.
            raise InvalidElfError(f"its class says 32 bits, and it is for {_MACHINES[machine][1]}")
        self._segments = self._read_segments(phoff, phentsize, phnum)
        if self.loadable:
            self._check_segments()
        self.sections = self._read_sections(shoff, shentsize, shnum)
        self._names = shstrndx
        self.only_debug = self._holds_only_debug()
        self.dynamic = self._read_dynamic()

    def _read_segments(self, offset: int, entry_size: int, count: int) -> tuple[Segment, ...]:
        if not count:
            return ()
        # Elf64_Phdr has p_flags second, Elf32_Phdr has it seventh.
        layout = struct.Struct(f"{self.order}IIQQ8xQQQ" if self.is_64 else f"{self.order}III4xIIII")
        if entry_size != layout.size:
            raise InvalidElfError(f"a program header has {entry_size} bytes instead of {layout.size}")
        table = self.part(offset, count * layout.size, "program headers")
        if self.is_64:
            return tuple(map(Segment._make, layout.iter_unpack(table)))
        return tuple(
            Segment(kind, flags, start, address, size, room, align)
            for kind, start, address, size, room, flags, align in layout.iter_unpack(table)
        )

    def _read_sections(self, offset: int, entry_size: int, count: int) -> tuple[Section, ...]:
        """Read the section headers. A loader ignores them, so broken ones count as stripped."""
        layout = struct.Struct(f"{self.order}IIQQQQ24x" if self.is_64 else f"{self.order}IIIIII16x")
        if not offset or entry_size != layout.size or offset + count * layout.size > len(self._view):
            return ()
        return tuple(map(Section._make, layout.iter_unpack(self._view[offset : offset + count * layout.size])))

    def _read_dynamic(self) -> tuple[tuple[int, int], ...]:
        """Return pairs of tag and value up to DT_NULL; none for a static file or a separate debug file.

        A loader uses only the address, and reads up to DT_NULL: it ignores the offset and the size.
        """
        segment = self.segment(PT_DYNAMIC)
        if segment is None or self.only_debug or not self.loadable:
            return ()
        layout = struct.Struct(f"{self.order}qQ" if self.is_64 else f"{self.order}iI")
        part = self.loaded(segment.address, "dynamic section")
        entries = []
        for entry in layout.iter_unpack(part[: len(part) - len(part) % layout.size]):
            if not entry[0]:
                break
            entries.append(entry)
        return tuple(entries)

    def _holds_only_debug(self) -> bool:
        """Return whether the program headers describe content that the file does not have.

        `objcopy --only-keep-debug` leaves the sections of the program without content, its code among them. No loader
        reads sections, so a file with a dynamic section is a program, unless a loader would find only zeros there:
        after the content of the last segment that begins before it, if that segment is writable.
        """
        dynamic = self.segment(PT_DYNAMIC)
        if dynamic is None:
            return any(section.type == SHT_NOBITS and section.flags & _SHF_EXECINSTR for section in self.sections)
        before = [segment for segment in self.segments(PT_LOAD) if segment.address <= dynamic.address]
        return bool(before) and before[-1].flags & _PF_W != 0 and before[-1].end <= dynamic.address

    def _check_segments(self) -> None:
        """Refuse what loaders read differently from this module: the last of several sections, and shared pages.

        Loaders map whole pages, one segment after the other, each over what is there already.
        """
        if len(list(self.segments(PT_DYNAMIC))) > 1:
            raise InvalidElfError("it has more than one dynamic section")
        mapped = 0
        for segment in self.segments(PT_LOAD):
            if segment.address // _PAGE < mapped:
                raise InvalidElfError("its segments are not in order, or share a page")
            mapped = -(-segment.end // _PAGE)

    def segment(self, kind: int) -> Segment | None:
        """Return the first segment of this type."""
        return next(self.segments(kind), None)

    def last_segment(self, kind: int) -> Segment | None:
        """Return the last segment of this type."""
        return [None, *self.segments(kind)][-1]

    def segments(self, kind: int) -> Iterator[Segment]:
        """Yield the segments of this type, in their order."""
        return (segment for segment in self._segments if segment.type == kind)

    def named(self, *names: str) -> dict[str, Section]:
        """Return the first section of each of these names, where there is one."""
        if self._names >= len(self.sections):
            return {}
        table = self.sections[self._names]
        text = bytes(self.part(table.offset, table.size, "names of the sections"))
        found: dict[str, Section] = {}
        for section in self.sections:
            for name in names:
                if text.startswith(name.encode() + b"\0", section.name):
                    found.setdefault(name, section)
        return found

    def part(self, offset: int, size: int, what: str) -> memoryview:
        """Return `size` bytes at a file offset; raises `InvalidElfError`, naming `what`, if the file is too short."""
        if offset < 0 or offset + size > len(self._view):
            raise InvalidElfError(f"the {what} reaches beyond the end of the file")
        return self._view[offset : offset + size]

    def loaded(self, address: int, what: str, size: int | None = None) -> memoryview:
        """Return the content at a virtual address: `size` bytes, or all up to the end of its segment."""
        for segment in self._segments:
            if segment.type == PT_LOAD and segment.address <= address < segment.address + segment.size:
                room = segment.address + segment.size - address
                if size is None or size <= room:
                    offset = address - segment.address + segment.offset
                    return self.part(offset, room if size is None else size, what)
        raise InvalidElfError(f"the {what} does not lie in a loaded segment")

    def integers(self, part: memoryview, width: Literal[2, 4, 8]) -> memoryview[int]:
        """Return the bytes as native unsigned integers of `width` bytes, without a remainder."""
        whole = part[: len(part) - len(part) % width]
        code = _INTEGERS[width]
        if self.big_endian == (sys.byteorder == "big"):
            return whole.cast(code)
        swapped = array(code, whole.tobytes())
        swapped.byteswap()
        return memoryview(swapped)


def read_image(data: Buffer, read: Callable[[ElfImage], _Result]) -> _Result:
    """Return what `read` finds in an ELF file, given whole; no view of `data` is held afterwards.

    Raises `InvalidElfError`.
    """
    with memoryview(data) as view:
        try:
            return read(ElfImage(view.cast("B")))
        except InvalidElfError as error:
            problem = error.with_traceback(None)
    # Raised out here, and bare: frames in a traceback would keep views alive, and an mmap could not be closed.
    raise problem


def _refused(ident: bytes, version: int) -> tuple[str, ...]:
    """Return what ld.so refuses (`open_verify` of glibc), in words, sorted."""
    system, abi_version = ident[7:9]
    found = {
        "abi-version": abi_version >= (_KNOWN_ABI_VERSIONS if system == _GNU else 1),
        "os-abi": system not in {_SYSTEM_V, _GNU},
        "padding": any(ident[9:]),
        "version": (ident[6], version) != (1, 1),
    }
    return tuple(word for word, there in found.items() if there)
