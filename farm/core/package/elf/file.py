"""Reads what a proof needs from an ELF file, as the dynamic loader would: from the dynamic section on.

Reads only a buffer; its parts are read by `image`, `strings`, `versions`, `symbols`, `copies` and `notes`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.package.elf.copies import copied_symbols
from farm.core.package.elf.details import (
    BIND_NOW,
    DEBUG,
    EXECUTABLE,
    EXECUTABLE_STACK,
    LIBRARY,
    PIE,
    RELRO,
    TEXT_RELOCATIONS,
    ElfDetails,
)
from farm.core.package.elf.facts import ElfFacts
from farm.core.package.elf.image import MAGIC, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP, InvalidElfError, read_image
from farm.core.package.elf.notes import read_notes
from farm.core.package.elf.strings import ElfStrings
from farm.core.package.elf.symbols import read_symbols
from farm.core.package.elf.versions import read_versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Buffer

    from farm.core.package.elf.image import ElfImage

__all__ = ["InvalidElfError", "read_elf"]

_DT_NEEDED, _DT_STRTAB, _DT_STRSZ, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 5, 10, 14, 15, 29
_DT_DEBUG, _DT_TEXTREL, _DT_BIND_NOW, _DT_FLAGS, _DT_FLAGS_1 = 21, 22, 24, 30, 0x6FFFFFFB
_DT_AUDIT, _DT_DEPAUDIT, _DT_AUXILIARY, _DT_FILTER = 0x6FFFFEFC, 0x6FFFFEFB, 0x7FFFFFFD, 0x7FFFFFFF
_DF_TEXTREL, _DF_BIND_NOW, _DF_1_NOW, _DF_1_NODEFLIB, _DF_1_NOOPEN, _DF_1_PIE = 4, 8, 1, 0x800, 0x40, 0x08000000


def read_elf(data: Buffer) -> ElfFacts | None:
    """Return the facts of an ELF file, given whole; None for any other file, a relocatable object or a core dump.

    `data` may be an `mmap`: only the necessary pages are read, and no view of it is held afterwards. Symbols are in the
    order of the symbol table. The facts of a separate debug file are its machine, its build-id, and the kind `debug`.

    Raises `InvalidElfError` where the file is truncated or contradicts itself. Time and memory are bounded by a
    small multiple of the size of `data`.
    """
    with memoryview(data) as view:
        if view[:4] != MAGIC:
            return None
    return read_image(data, _facts)


def _split(strings: ElfStrings, tags: Mapping[int, int], *wanted: int) -> tuple[str, ...]:
    """Return the entries of colon-separated lists, unchanged: empty ones too."""
    return tuple(entry for tag in wanted if tag in tags for entry in strings.at(tags[tag]).split(":"))


def _texts(image: ElfImage, strings: ElfStrings, wanted: int) -> tuple[str, ...]:
    """Return the string of each entry of the dynamic section that has this tag."""
    return tuple(strings.all_at([value for tag, value in image.dynamic if tag == wanted]))


def _facts(image: ElfImage) -> ElfFacts | None:
    if not image.loadable:
        return None
    notes = read_notes(image)
    if image.only_debug:
        return ElfFacts(machine=image.machine, details=ElfDetails(DEBUG, build_id=notes.build_id))
    tags = dict(image.dynamic)
    kind = _kind(image, tags)
    details = ElfDetails(
        kind,
        hardening=_hardening(image, tags),
        build_id=notes.build_id,
        refused=image.refused,
        processor=notes.processor,
    )
    if _DT_STRTAB not in tags:
        return ElfFacts(interpreter=_interpreter(image), machine=image.machine, details=details)
    strings = ElfStrings(image.loaded(tags[_DT_STRTAB], "string table", tags.get(_DT_STRSZ, 0)))
    versions = read_versions(image, tags, strings)
    symbols = read_symbols(image, tags, strings, versions, () if kind == LIBRARY else copied_symbols(image, tags))
    return ElfFacts(
        soname=strings.at(tags[_DT_SONAME]) if _DT_SONAME in tags else "",
        needed=_texts(image, strings, _DT_NEEDED),
        interpreter=_interpreter(image),
        exported=symbols.exported,
        imported=symbols.imported,
        rpath=_split(strings, tags, _DT_RPATH),
        runpath=_split(strings, tags, _DT_RUNPATH),
        machine=image.machine,
        version_definitions=(*versions.defined.values(), *versions.base),
        version_needs=tuple(versions.needed.values()),
        details=replace(
            details,
            audit=_split(strings, tags, _DT_AUDIT, _DT_DEPAUDIT),
            only_at_start=bool(tags.get(_DT_FLAGS_1, 0) & _DF_1_NOOPEN),
            only_search_path=bool(tags.get(_DT_FLAGS_1, 0) & _DF_1_NODEFLIB),
            filters=_texts(image, strings, _DT_FILTER),
            auxiliaries=_texts(image, strings, _DT_AUXILIARY),
            dlopen=notes.dlopen,
            copies=symbols.copies,
        ),
    )


def _kind(image: ElfImage, tags: dict[int, int]) -> str:
    """Distinguish programs from libraries; linkers before 2017 did not mark those without fixed addresses.

    They put DT_DEBUG, which a debugger reads, only into programs: a library that can be run has no such entry.
    """
    if image.fixed:
        return EXECUTABLE
    unnamed_program = image.segment(PT_INTERP) is not None and _DT_SONAME not in tags and _DT_DEBUG in tags
    return PIE if tags.get(_DT_FLAGS_1, 0) & _DF_1_PIE or unnamed_program else LIBRARY


def _hardening(image: ElfImage, tags: dict[int, int]) -> tuple[str, ...]:
    flags, more_flags = tags.get(_DT_FLAGS, 0), tags.get(_DT_FLAGS_1, 0)
    # Of several of one kind, the kernel and the dynamic linker use the last.
    stack, read_only = image.last_segment(PT_GNU_STACK), image.last_segment(PT_GNU_RELRO)
    found = {
        BIND_NOW: _DT_BIND_NOW in tags or flags & _DF_BIND_NOW or more_flags & _DF_1_NOW,
        # Where a file has no entry for its stack, glibc makes it executable.
        EXECUTABLE_STACK: stack is None or stack.flags & PF_X,
        RELRO: read_only is not None and read_only.covers_a_page,
        TEXT_RELOCATIONS: _DT_TEXTREL in tags or flags & _DF_TEXTREL,
    }
    return tuple(sorted(word for word, is_there in found.items() if is_there))


def _interpreter(image: ElfImage) -> str:
    segment = image.segment(PT_INTERP)
    if segment is None:
        return ""
    try:
        return str(image.part(segment.offset, segment.size, "interpreter"), "utf-8").partition("\0")[0]
    except UnicodeDecodeError:
        raise InvalidElfError("the path of the interpreter is not UTF-8") from None
