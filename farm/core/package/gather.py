"""Gathers the facts of a package: reads each of its files once, through a function of the caller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Directory, File, Link
from farm.core.package.elf.details import DEBUG
from farm.core.package.elf.dwarf_producers import UNKNOWN, read_producers
from farm.core.package.elf.file import InvalidElfError, read_elf
from farm.core.package.facts import DanglingLink, DebugFile, ElfFile, PackageFacts, PkgConfigModule, Script
from farm.core.package.pkgconfig import InvalidPkgConfigError, parse_pkg_config
from farm.core.package.python_facts import (
    PythonDistribution,
    read_python_metadata,
    read_requirements,
    requirements_beside,
)
from farm.core.package.resolve import real_path, resolve
from farm.core.package.script_commands import script_commands
from farm.core.package.shebang import read_shebang

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

    from farm.core.fileset.manifest import Manifest

_COMMAND_DIRECTORIES = ("bin", "sbin")
_MODULE_DIRECTORIES = ("lib/pkgconfig", "share/pkgconfig")
_SMALLEST_ELF = 52  # bytes in a 32-bit header
_SMALLEST_SCRIPT = 4  # "#!/x"


def gather_facts(manifest: Manifest, read: Callable[[str], Buffer]) -> PackageFacts:
    """Return the facts of the package whose files are in `manifest`.

    `read` returns the whole content of the file at a package path, best as an `mmap`; it is called at most once for a
    file, except for a pkg-config module and the requirements of a Python distribution, and no view of its result is
    kept. Raises `InvalidElfError` and `InvalidPkgConfigError`, which name the file.
    """
    elf: list[ElfFile] = []
    scripts: list[Script] = []
    debug: list[DebugFile] = []
    python: list[PythonDistribution] = []
    for file in manifest.files():
        if file.size < _SMALLEST_SCRIPT:
            continue
        content = read(file.path)
        try:
            facts = read_elf(content) if file.size >= _SMALLEST_ELF else None
            is_debug = facts is not None and facts.details is not None and facts.details.kind == DEBUG
            producers = read_producers(content) if is_debug else ()
        except InvalidElfError as error:
            raise InvalidElfError(error.reason, path=file.path) from None
        if facts is not None and facts.details and is_debug:
            debug.append(DebugFile(file.path, facts.details.build_id, producers))
        elif facts is not None:
            details = facts.details and replace(facts.details, producers=_own_producers(content))
            elf.append(ElfFile(file.path, replace(facts, details=details).canonical()))
        elif file.executable and (interpreter := read_shebang(bytes(memoryview(content)[:256]))):
            scripts.append(Script(file.path, interpreter, script_commands(interpreter, bytes(content))))
        elif found := read_python_metadata(file.path, content):
            python.append(_with_requirements(found, manifest, read))
    return PackageFacts(
        elf=tuple(elf),
        commands=tuple(sorted({path.rpartition("/")[2] for path in command_paths(manifest)})),
        scripts=tuple(scripts),
        pkg_config=_modules(manifest, read),
        headers=tuple(file.path for file in manifest.files() if file.path.startswith("include/")),
        static_libraries=tuple(
            file.path for file in manifest.files() if file.path.startswith("lib/") and file.path.endswith(".a")
        ),
        dangling=tuple(
            DanglingLink(entry.path, entry.target)
            for entry in manifest.entries
            if isinstance(entry, Link) and real_path(manifest, entry.path) is None
        ),
        python=tuple(python),
        debug=tuple(debug),
    )


def _with_requirements(
    found: PythonDistribution, manifest: Manifest, read: Callable[[str], Buffer]
) -> PythonDistribution:
    """Return a distribution with the requirements in the file beside its metadata, which older ones have instead."""
    beside = manifest.by_path.get(requirements_beside(found.path))
    if found.requires or not isinstance(beside, File):
        return found
    return replace(found, requires=read_requirements(bytes(read(beside.path))))


def _own_producers(content: Buffer) -> tuple[str, ...]:
    """Return the producers in a program or library itself. It runs whether or not its debug data can be read."""
    try:
        return read_producers(content)
    except InvalidElfError:
        return (UNKNOWN,)


def command_paths(manifest: Manifest) -> Iterator[str]:
    """Yield the paths directly under `bin` and `sbin` that lead to an executable file of the package."""
    for path in _under(manifest, _COMMAND_DIRECTORIES):
        file = resolve(manifest, path)
        if file is not None and file.executable:
            yield path


def _modules(manifest: Manifest, read: Callable[[str], Buffer]) -> tuple[PkgConfigModule, ...]:
    modules: dict[str, PkgConfigModule] = {}
    for path in _under(manifest, _MODULE_DIRECTORIES):
        name, dot, suffix = path.rpartition("/")[2].rpartition(".")
        file = resolve(manifest, path)
        if not dot or suffix != "pc" or file is None:
            continue
        # lib/pkgconfig is searched first.
        modules.setdefault(name, parse_pkg_config(name, _text(name, read(file.path))))
    return tuple(sorted(modules.values(), key=lambda module: module.name))


def _under(manifest: Manifest, directories: tuple[str, ...]) -> Iterator[str]:
    """Yield the non-directories directly under `directories`: those of the first one first, sorted."""
    for directory in directories:
        for entry in manifest.entries:
            if entry.path.rpartition("/")[0] == directory and not isinstance(entry, Directory):
                yield entry.path


def _text(module: str, content: Buffer) -> str:
    try:
        return bytes(content).decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidPkgConfigError(module, "it is not UTF-8") from None
