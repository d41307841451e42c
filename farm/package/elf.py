"""Reads what the symbol proof needs from an ELF file, as the dynamic loader would: from the dynamic section on.

Reads a buffer and nothing else; the parts are `elf_image`, `elf_strings`, `elf_versions` and `elf_symbols`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.package.elf_facts import ElfFacts
from farm.package.elf_image import MAGIC, PT_INTERP, ElfImage, InvalidElfError
from farm.package.elf_strings import ElfStrings
from farm.package.elf_symbols import read_symbols
from farm.package.elf_versions import read_versions

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["InvalidElfError", "read_elf"]

_DT_NEEDED, _DT_STRTAB, _DT_STRSZ, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 5, 10, 14, 15, 29


def read_elf(data: Buffer) -> ElfFacts | None:
    """Return the facts of an ELF file, given whole; None for any other file, a relocatable object or a core dump.

    `data` may be an `mmap`: only what is needed is touched, and no view of it is held afterwards. Symbols stand in
    the order of the symbol table. A symbol that is defined with a version of *another* library is a copy relocation
    of it, and counts as import and as export.

    Raises `InvalidElfError` where the file is truncated or contradicts itself. Time and memory are bounded by a
    small multiple of the size of `data`.
    """
    with memoryview(data) as view:
        if view[:4] != MAGIC:
            return None
        try:
            image = ElfImage(view.cast("B"))
            return _facts(image) if image.loadable else None
        except InvalidElfError as error:
            problem = error.with_traceback(None)
    # Raised out here, and bare: frames in a traceback would keep views alive, and an mmap could not be closed.
    raise problem


def _facts(image: ElfImage) -> ElfFacts:
    interpreter = image.segment(PT_INTERP)
    program = "" if interpreter is None else _path(image.part(interpreter.offset, interpreter.size, "interpreter"))
    tags = dict(image.dynamic)
    if _DT_STRTAB not in tags:
        return ElfFacts(interpreter=program, machine=image.machine)
    strings = ElfStrings(image.loaded(tags[_DT_STRTAB], "string table", tags.get(_DT_STRSZ, 0)))
    versions = read_versions(image, tags, strings)
    exported, imported = read_symbols(image, tags, strings, versions)
    search = tags.get(_DT_RUNPATH, tags.get(_DT_RPATH))
    return ElfFacts(
        soname=strings.at(tags[_DT_SONAME]) if _DT_SONAME in tags else "",
        needed=tuple(strings.all_at([value for tag, value in image.dynamic if tag == _DT_NEEDED])),
        interpreter=program,
        exported=exported,
        imported=imported,
        rpath=() if search is None else tuple(filter(None, strings.at(search).split(":"))),
        machine=image.machine,
        version_definitions=tuple(versions.defined.values()),
        version_needs=tuple(versions.needed.values()),
    )


def _path(part: memoryview) -> str:
    try:
        return str(part, "utf-8").partition("\0")[0]
    except UnicodeDecodeError:
        raise InvalidElfError("the path of the interpreter is not UTF-8") from None
