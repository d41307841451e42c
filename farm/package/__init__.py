"""From a tree of files to facts, from facts to the descriptor of a package. Pure: buffers and values in, values out."""

from farm.names import HostNeeds, Plugin, SensitiveFile
from farm.package.capabilities import Capabilities, derive_capabilities
from farm.package.copyable import is_header, is_installed_header, is_static_code
from farm.package.describe import describe
from farm.package.descriptor import Descriptor, InvalidDescriptorError
from farm.package.elf import InvalidElfError, read_elf
from farm.package.elf_details import CopiedSymbol, DlopenNote, ElfDetails
from farm.package.elf_facts import ElfFacts, ExportGroup, ImportedSymbol, ImportGroup, Symbol, VersionNeed
from farm.package.facts import (
    DanglingLink,
    DebugFile,
    ElfFile,
    InvalidFactsError,
    ModuleVersion,
    PackageFacts,
    PkgConfigLibraries,
    PkgConfigModule,
    Script,
)
from farm.package.gather import gather_facts, may_be_elf
from farm.package.hardening import HardeningFinding, hardening_findings, producers_by_build_id, tell_lacking
from farm.package.interpreter import interpreter_capability
from farm.package.layout import (
    DEBUG,
    UNASKED,
    Layout,
    LayoutError,
    Misplacement,
    OutputRule,
    OutputRules,
    lay_out,
    package_name,
)
from farm.package.path_glob import matches
from farm.package.pkgconfig import InvalidPkgConfigError, parse_pkg_config
from farm.package.python_facts import PythonDistribution
from farm.package.sensitive_files import (
    SensitiveFinding,
    UndeclaredFilesError,
    UnusedDeclarationError,
    check_declared,
    declared_of,
    find_sensitive_files,
    sensitive_files_of,
)
from farm.package.sensitive_places import Sensitivity
from farm.package.shebang import read_shebang

__all__ = [
    "DEBUG",
    "UNASKED",
    "Capabilities",
    "CopiedSymbol",
    "DanglingLink",
    "DebugFile",
    "Descriptor",
    "DlopenNote",
    "ElfDetails",
    "ElfFacts",
    "ElfFile",
    "ExportGroup",
    "HardeningFinding",
    "HostNeeds",
    "ImportGroup",
    "ImportedSymbol",
    "InvalidDescriptorError",
    "InvalidElfError",
    "InvalidFactsError",
    "InvalidPkgConfigError",
    "Layout",
    "LayoutError",
    "Misplacement",
    "ModuleVersion",
    "OutputRule",
    "OutputRules",
    "PackageFacts",
    "PkgConfigLibraries",
    "PkgConfigModule",
    "Plugin",
    "PythonDistribution",
    "Script",
    "SensitiveFile",
    "SensitiveFinding",
    "Sensitivity",
    "Symbol",
    "UndeclaredFilesError",
    "UnusedDeclarationError",
    "VersionNeed",
    "check_declared",
    "declared_of",
    "derive_capabilities",
    "describe",
    "find_sensitive_files",
    "gather_facts",
    "hardening_findings",
    "interpreter_capability",
    "is_header",
    "is_installed_header",
    "is_static_code",
    "lay_out",
    "matches",
    "may_be_elf",
    "package_name",
    "parse_pkg_config",
    "producers_by_build_id",
    "read_elf",
    "read_shebang",
    "sensitive_files_of",
    "tell_lacking",
]
