"""The facts of an ELF file as pyelftools reads them, by the section headers: a second opinion, slow and independent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection, GNUVerSymSection
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import NoteSection
from elftools.elf.segments import InterpSegment

from farm.core.package.elf.details import CopiedSymbol, DlopenNote, ElfDetails
from farm.core.package.elf.facts import ElfFacts, ImportedSymbol, Symbol, VersionNeed
from tests.core.package.symbols import with_symbols

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def reference_facts(path: Path) -> ElfFacts | None:
    """Return the canonical facts of an executable or shared library, None for another kind of ELF file."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        if elf["e_type"] not in {"ET_EXEC", "ET_DYN"}:
            return None
        tags = [
            tag for section in elf.iter_sections() if isinstance(section, DynamicSection) for tag in section.iter_tags()
        ]
        one = {tag.entry.d_tag: tag for tag in tags}
        interpreters = [
            segment.get_interp_name() for segment in elf.iter_segments() if isinstance(segment, InterpSegment)
        ]
        if _only_debug(elf):
            return ElfFacts(machine=_machine(elf), details=ElfDetails("debug", build_id=_notes(elf)[0]))
        defined, needed = _versions(elf)
        exports, imports = _symbols(elf, defined, needed)
        facts = ElfFacts(
            soname=one["DT_SONAME"].soname if "DT_SONAME" in one else "",
            needed=tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"),
            interpreter=interpreters[0] if interpreters else "",
            rpath=tuple(one["DT_RPATH"].rpath.split(":")) if "DT_RPATH" in one else (),
            runpath=tuple(one["DT_RUNPATH"].runpath.split(":")) if "DT_RUNPATH" in one else (),
            machine=_machine(elf),
            version_definitions=tuple(defined.values()),
            version_needs=tuple(needed.values()),
            details=_details(elf, tags, interpreters, needed),
        )
        return with_symbols(facts, exports, imports).canonical()


def _machine(elf: ELFFile) -> str:
    return {"x64": "x86_64", "x86": "i686"}.get(elf.get_machine_arch(), elf.get_machine_arch())


def _only_debug(elf: ELFFile) -> bool:
    text = elf.get_section_by_name(".text")
    return text is not None and text["sh_type"] == "SHT_NOBITS"


def _details(elf: ELFFile, tags: list, interpreters: list[str], needed: dict[int, VersionNeed]) -> ElfDetails:
    values = {tag.entry.d_tag: tag.entry.d_val for tag in tags}
    flags, more = values.get("DT_FLAGS", 0), values.get("DT_FLAGS_1", 0)
    # Only programs have DT_DEBUG: a library that can be run, such as pam_cap.so, has none.
    program = more & 0x08000000 or (interpreters and "DT_SONAME" not in values and "DT_DEBUG" in values)
    kind = "executable" if elf["e_type"] == "ET_EXEC" else "pie" if program else "library"
    segments = {segment["p_type"]: segment["p_flags"] for segment in elf.iter_segments()}
    words = {
        "bind-now": "DT_BIND_NOW" in values or flags & 8 or more & 1,
        "executable-stack": "PT_GNU_STACK" not in segments or segments["PT_GNU_STACK"] & 1,
        "relro": "PT_GNU_RELRO" in segments,
        "text-relocations": "DT_TEXTREL" in values or flags & 4,
    }
    build_id, dlopen = _notes(elf)
    return ElfDetails(
        kind=kind,
        audit=tuple(_text(elf, "DT_AUDIT", tags)) + tuple(_text(elf, "DT_DEPAUDIT", tags)),
        filters=tuple(_text(elf, "DT_FILTER", tags)),
        auxiliaries=tuple(_text(elf, "DT_AUXILIARY", tags)),
        dlopen=dlopen,
        copies=() if kind == "library" else tuple(_copies(elf, needed)),
        hardening=tuple(sorted(word for word, there in words.items() if there)),
        build_id=build_id,
    )


def _text(elf: ELFFile, wanted: str, tags: list) -> Iterator[str]:
    strings = elf.get_section_by_name(".dynstr")
    for tag in tags:
        if tag.entry.d_tag == wanted:
            yield from strings.get_string(tag.entry.d_val).split(":")


def _notes(elf: ELFFile) -> tuple[str, tuple[DlopenNote, ...]]:
    build_id, dlopen = "", []
    for section in elf.iter_sections():
        for note in section.iter_notes() if isinstance(section, NoteSection) else ():
            if note["n_type"] == "NT_GNU_BUILD_ID":
                build_id = build_id or note["n_desc"]
            elif section.name == ".note.dlopen":
                dlopen += [
                    DlopenNote(tuple(item["soname"]), item.get("feature", ""), item["priority"])
                    for item in json.loads(note["n_descdata"].rstrip(b"\0"))
                ]
    return build_id, tuple(dlopen)


def _copies(elf: ELFFile, needed: dict[int, VersionNeed]) -> Iterator[CopiedSymbol]:
    symbols, versions = elf.get_section_by_name(".dynsym"), elf.get_section_by_name(".gnu.version")
    for section in elf.iter_sections():
        for relocation in section.iter_relocations() if isinstance(section, RelocationSection) else ():
            if relocation["r_info_type"] == (1024 if elf["e_machine"] == "EM_AARCH64" else 5):
                number = relocation["r_info_sym"]
                symbol = symbols.get_symbol(number)
                index = versions.get_symbol(number)["ndx"] if versions is not None else 0
                need = needed.get(index & 0x7FFF if isinstance(index, int) else 0, VersionNeed("", ""))
                yield CopiedSymbol(symbol.name, need.version, need.library, symbol["st_size"])


def _versions(elf: ELFFile) -> tuple[dict[int, str], dict[int, VersionNeed]]:
    defined, needed = {}, {}
    for section in elf.iter_sections():
        if isinstance(section, GNUVerDefSection):
            for version, names in section.iter_versions():
                defined[version["vd_ndx"] & 0x7FFF] = next(names).name
        elif isinstance(section, GNUVerNeedSection):
            for need, versions in section.iter_versions():
                for version in versions:
                    weak = bool(version["vna_flags"] & 2)
                    needed[version["vna_other"] & 0x7FFF] = VersionNeed(need.name, version.name, weak)
    return defined, needed


def _symbols(
    elf: ELFFile, defined: dict[int, str], needed: dict[int, VersionNeed]
) -> tuple[list[Symbol], list[ImportedSymbol]]:
    exports, imports = [], []
    table = elf.get_section_by_name(".dynsym")
    if table is None or table["sh_type"] == "SHT_NOBITS":
        return exports, imports
    versions = next((section for section in elf.iter_sections() if isinstance(section, GNUVerSymSection)), None)
    for number, symbol in enumerate(table.iter_symbols()):
        bind, visibility = symbol["st_info"]["bind"], symbol["st_other"]["visibility"]
        kind, section = symbol["st_info"]["type"], symbol["st_shndx"]
        if bind not in {"STB_GLOBAL", "STB_WEAK", "STB_LOOS"}:
            continue
        index, hidden = 0, False
        if versions is not None:
            raw = versions.get_symbol(number)["ndx"]
            index, hidden = (raw & 0x7FFF, bool(raw & 0x8000)) if isinstance(raw, int) else (0, False)
        # The first version that a file defines is its own name.
        need = needed.get(index, VersionNeed("", defined.get(index, "") if index > 1 else ""))
        symbol_class = _CLASSES.get(kind, "")
        if section == "SHN_UNDEF":
            imports.append(ImportedSymbol(symbol.name, need.version, need.library, bind == "STB_WEAK", symbol_class))
            continue
        has_value = symbol["st_value"] or section == "SHN_ABS" or kind == "STT_TLS"
        if has_value and kind in _CLASSES and visibility in {"STV_DEFAULT", "STV_PROTECTED"}:
            size = symbol["st_size"] if symbol_class in {"object", "tls"} else 0
            protected = visibility == "STV_PROTECTED"
            exports.append(Symbol(symbol.name, need.version, symbol_class, hidden, index > 2, protected, size))
    return exports, imports


_CLASSES = {
    "STT_NOTYPE": "", "STT_OBJECT": "object", "STT_FUNC": "function", "STT_COMMON": "object", "STT_TLS": "tls",
    "STT_LOOS": "function",
}  # fmt: skip
