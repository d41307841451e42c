"""The facts of an ELF file as pyelftools sees them, by the section headers: a second opinion, slow and independent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection, GNUVerSymSection
from elftools.elf.segments import InterpSegment

from farm.package import ElfFacts, ImportedSymbol, Symbol, VersionNeed

if TYPE_CHECKING:
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
        search = (
            one["DT_RUNPATH"].runpath if "DT_RUNPATH" in one else one["DT_RPATH"].rpath if "DT_RPATH" in one else ""
        )
        defined, needed = _versions(elf)
        exports, imports = _symbols(elf, defined, needed)
        facts = ElfFacts(
            soname=one["DT_SONAME"].soname if "DT_SONAME" in one else "",
            needed=tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"),
            interpreter=interpreters[0] if interpreters else "",
            rpath=tuple(filter(None, search.split(":"))),
            machine={"x64": "x86_64", "x86": "i686"}.get(elf.get_machine_arch(), elf.get_machine_arch()),
            version_definitions=tuple(defined.values()),
            version_needs=tuple(needed.values()),
        )
        return facts.with_symbols(exports, imports).canonical()


def _versions(elf: ELFFile) -> tuple[dict[int, str], dict[int, VersionNeed]]:
    defined, needed = {}, {}
    for section in elf.iter_sections():
        if isinstance(section, GNUVerDefSection):
            for version, names in section.iter_versions():
                if not version["vd_flags"] & 1:
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
        if bind not in {"STB_GLOBAL", "STB_WEAK", "STB_LOOS"}:
            continue
        index = 0
        if versions is not None:
            raw = versions.get_symbol(number)["ndx"]
            index = raw & 0x7FFF if isinstance(raw, int) else 0
        need = needed.get(index, VersionNeed("", defined.get(index, "")))
        is_undefined = symbol["st_shndx"] == "SHN_UNDEF"
        if not is_undefined and visibility in {"STV_DEFAULT", "STV_PROTECTED"}:
            exports.append(Symbol(symbol.name, need.version))
        if is_undefined or index in needed:
            imports.append(ImportedSymbol(symbol.name, need.version, need.library, bind == "STB_WEAK"))
    return exports, imports
