"""The facts of a package: what was found by looking at its files, never typed by hand. A blob of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from farm.package.elf_facts import ElfFacts


@dataclass(frozen=True, slots=True)
class ElfFile:
    """One ELF file of a package, by its path in it."""

    path: str
    facts: ElfFacts


class Script(NamedTuple):
    """An executable text: its path in the package and the capability its first line asks for."""

    path: str
    interpreter: str


@dataclass(frozen=True, slots=True)
class PkgConfigModule:
    """A pkg-config module: its name (of the file), version, and the modules that it names."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    requires_private: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """Facts found in the files of one package, each tuple sorted."""

    elf: tuple[ElfFile, ...] = ()
    commands: tuple[str, ...] = ()
    scripts: tuple[Script, ...] = ()
    pkg_config: tuple[PkgConfigModule, ...] = ()
    headers: tuple[str, ...] = ()
    static_libraries: tuple[str, ...] = ()
