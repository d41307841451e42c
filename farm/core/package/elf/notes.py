"""The notes of an ELF file (gABI chapter 5, "Note Section") that the farm reads: build-id, processor, dlopen."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, NamedTuple

from farm.core.package.elf.details import DlopenNote, text, texts
from farm.core.package.elf.image import PT_NOTE, SHT_NOTE, InvalidElfError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.package.elf.image import ElfImage

_BUILD_ID = (b"GNU\0", 3)
_DLOPEN = (b"FDO\0", 0x407C0C0A)
_PROPERTIES = (b"GNU\0", 5)
_X86_ISA_NEEDED = 0xC0008002
_LEVELS = ("", "x86-64-v2", "x86-64-v3", "x86-64-v4")
_UNKNOWN_LEVEL = "x86-64-unknown"
_PRIORITIES = frozenset(("required", "recommended", "suggested"))


class Notes(NamedTuple):
    """The notes found: the build-id in hexadecimal digits, or empty, and the libraries that may be opened later.

    `processor` is the required level, empty for the first or where the file does not say.
    """

    build_id: str
    dlopen: tuple[DlopenNote, ...]
    processor: str = ""


def read_notes(image: ElfImage) -> Notes:
    """Read the notes. Raises `InvalidElfError` where a dlopen note violates its specification."""
    build_id = ""
    dlopen: list[DlopenNote] = []
    needed = 0
    for owner, kind, content in _notes(image):
        if (owner, kind) == _BUILD_ID and not build_id:
            build_id = content.hex()
        elif (owner, kind) == _DLOPEN:
            dlopen += _dlopen_notes(content)
        elif (owner, kind) == _PROPERTIES and image.machine == "x86_64":
            needed |= _isa_needed(content, image.order)
    level = needed.bit_length() - 1
    processor = (_LEVELS[level] if level < len(_LEVELS) else _UNKNOWN_LEVEL) if needed else ""
    return Notes(build_id, tuple(dlopen), processor)


def _isa_needed(content: bytes, order: str) -> int:
    """Return the bits of GNU_PROPERTY_X86_ISA_1_NEEDED (x86-64 psABI, "Program Property"): one for each level."""
    position = 0
    while position + 12 <= len(content):
        kind, size, bits = struct.unpack_from(f"{order}III", content, position)
        if kind == _X86_ISA_NEEDED and size == 4:
            return int(bits)
        position = _aligned(position + 8 + size, 8)
    return 0


def _notes(image: ElfImage) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield owner, type and content of each note. An inconsistent note ends its part, as for a loader."""
    header = struct.Struct(f"{image.order}III")
    for part, align in _parts(image):
        position = 0
        while position + header.size <= len(part):
            owner_size, size, kind = header.unpack_from(part, position)
            owner = position + header.size
            content = _aligned(owner + owner_size, align)
            if content + size > len(part):
                break
            yield bytes(part[owner : owner + owner_size]), kind, bytes(part[content : content + size])
            position = _aligned(content + size, align)


def _parts(image: ElfImage) -> Iterator[tuple[memoryview, int]]:
    """Yield the parts with notes, each with its alignment; in a debug file the segments have no content."""
    if image.only_debug:
        for section in image.sections:
            if section.type == SHT_NOTE:
                yield image.part(section.offset, section.size, "section of notes"), 4
        return
    for segment in image.segments(PT_NOTE):
        yield image.part(segment.offset, segment.size, "segment of notes"), 8 if segment.align == 8 else 4


def _aligned(position: int, align: int) -> int:
    return position + -position % align


def _dlopen_notes(content: bytes) -> Iterator[DlopenNote]:
    try:
        for item in json.loads(content.rstrip(b"\0")):
            note = DlopenNote(
                texts(item["soname"]), text(item.get("feature", "")), text(item.get("priority", "recommended"))
            )
            if not note.sonames or note.priority not in _PRIORITIES:
                raise ValueError(note)
            yield note
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InvalidElfError("its .note.dlopen is not as the specification has it") from None
