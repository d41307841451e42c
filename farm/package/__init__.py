"""From a tree of files to facts, from facts to the descriptor of a package. Pure: buffers and values in, values out."""

from farm.package.descriptor import Descriptor
from farm.package.elf_facts import ElfFacts, ImportedSymbol, Symbol, VersionNeed
from farm.package.facts import ElfFile, PackageFacts, PkgConfigModule, Script
from farm.package.host_needs import HostNeeds
from farm.package.layout import Layout, OutputRule, OutputRules
from farm.package.plugin import Plugin

__all__ = [
    "Descriptor",
    "ElfFacts",
    "ElfFile",
    "HostNeeds",
    "ImportedSymbol",
    "Layout",
    "OutputRule",
    "OutputRules",
    "PackageFacts",
    "PkgConfigModule",
    "Plugin",
    "Script",
    "Symbol",
    "VersionNeed",
]
