"""What a package provides and requires, derived from its facts: the terms in which sets are proven.

A capability is a kind and a name: `soname:libz.so.1`, `interpreter:/usr/bin/sh`, `command:jq`, `pkgconfig:zlib` (only
provided), `package:bash` and `package:bash=5.2-1` (only declared). Nothing outside the package itself is read.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.package.gather import command_paths
from farm.core.package.path_glob import matches
from farm.core.package.resolve import resolve
from farm.core.package.shebang import interpreter_capability, interpreter_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from farm.core.fileset.manifest import Manifest
    from farm.core.names.declared import Plugin
    from farm.core.package.elf.facts import ElfFacts
    from farm.core.package.facts import PackageFacts

_LIBRARY = re.compile(r".+\.so(\.[0-9A-Za-z_.]+)?")
_COMMAND_LINK = re.compile(r"(?:usr/)?s?bin/([^/]+)")
_LOADER = re.compile(r"ld[-.].*so.*|ld-musl-.*")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a package provides to other packages and requires from them, each sorted."""

    provides: tuple[str, ...]
    requires: tuple[str, ...]


def derive_capabilities(
    manifest: Manifest,
    facts: PackageFacts,
    *,
    links: Sequence[tuple[str, str]] = (),
    plugins: Sequence[Plugin] = (),
    requires: Sequence[str] = (),
) -> Capabilities:
    """Derive both from the files, the declared `links` (path in the root, path in the package) and `plugins`.

    `requires` are the declared needs: names of packages, with `=` and a version where only that version satisfies the
    need, or capabilities with their kind (`command:sh`). A package does not require what it provides itself, nor an
    interpreter inside it.
    """
    elf = {file.path: file.facts for file in facts.elf}
    provides = {
        *_sonames(manifest, elf, links, plugins),
        *(f"command:{command}" for command in facts.commands),
        *(f"pkgconfig:{module.name}" for module in facts.pkg_config),
        *_interpreters(manifest, elf, links),
    }
    required = {script.interpreter for script in facts.scripts}
    private = _private_directories(elf)
    for file in elf.values():
        for name in (*file.needed, *_opened(file)):
            if not _found_within(manifest, name, private):
                required.update(_asked_for(name))
        if file.interpreter:
            required.add(interpreter_capability(file.interpreter))
    required.update(need if ":" in need else f"package:{need}" for need in requires)
    required = {need for need in required - provides if not _runs_within(manifest, need)}
    return Capabilities(tuple(sorted(provides)), tuple(sorted(required)))


def _sonames(
    manifest: Manifest,
    elf: Mapping[str, ElfFacts],
    links: Sequence[tuple[str, str]],
    plugins: Sequence[Plugin],
) -> Iterator[str]:
    """Yield the sonames that a loader finds: it opens `lib/<soname>`, so a file or link of that name must exist."""
    offered = [(entry.path, entry.path) for entry in manifest.entries if posixpath.dirname(entry.path) == "lib"]
    offered += [link for link in links if posixpath.dirname(link[0]) in {"lib", "lib64", "usr/lib", "usr/lib64"}]
    for place, path in offered:
        file = resolve(manifest, path)
        if file is None or file.path not in elf or any(matches(plugin.path, path) for plugin in plugins):
            continue
        name = posixpath.basename(place)
        # A library without a soname is needed by its file name.
        if name == (elf[file.path].soname or name) and _LIBRARY.fullmatch(name):
            yield f"soname:{name}"


def _interpreters(manifest: Manifest, elf: Mapping[str, ElfFacts], links: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the paths in the root under which a file of this package can run a script, or can load a program."""
    for path in command_paths(manifest):
        yield interpreter_capability(f"/usr/{path}")
    for path in elf:
        if posixpath.dirname(path) in {"lib", "lib64"} and _LOADER.fullmatch(posixpath.basename(path)):
            yield interpreter_capability(f"/usr/{path}")
    for link, path in links:
        file = resolve(manifest, path)
        if file is None or not file.executable:
            continue
        yield interpreter_capability(f"/{link}")
        if command := _COMMAND_LINK.fullmatch(link):
            yield f"command:{command[1]}"


def _opened(facts: ElfFacts) -> Iterator[str]:
    """Yield the names of what a file is a filter for, and of what it must be able to open while it runs."""
    if facts.details:
        yield from facts.details.filters
        # A need for any one of several cannot be a capability; the proof checks it.
        notes = (note.sonames for note in facts.details.dlopen if note.priority == "required")
        yield from (sonames[0] for sonames in notes if len(sonames) == 1)


def _asked_for(needed: str) -> Iterator[str]:
    """Yield the capability for a needed name; a library needed by its path only where every package can provide it."""
    directory, name = posixpath.split(needed)
    if not directory or _inside(directory, "") == "lib":
        yield f"soname:{name}"
    elif not directory.startswith(("/", "$ORIGIN", "${ORIGIN}")):
        yield f"soname:{needed}"


def _private_directories(elf: Mapping[str, ElfFacts]) -> set[str]:
    """Return the directories of the package that some file of it makes the loader search.

    A library found there is loaded for all files that follow, and DT_RPATH applies to whatever a file loads; the proof
    determines which file finds which library.
    """
    return {
        _inside(directory, path, file.machine)
        for path, file in elf.items()
        for directory in (*file.runpath, *file.rpath)
    }


def _inside(directory: str, path: str, machine: str = "") -> str:
    here = directory.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", f"/usr/{posixpath.dirname(path)}")
    here = here.replace("${LIB}", "$LIB").replace("$LIB", f"lib/{machine}-linux-gnu")
    return posixpath.normpath(here).removeprefix("/usr/").lstrip("/")


def _runs_within(manifest: Manifest, capability: str) -> bool:
    """Return whether an interpreter is inside this very package, by its path in the root: in `libexec`, for example."""
    path = interpreter_file(capability)
    file = resolve(manifest, path) if path else None
    return file is not None and file.executable


def _found_within(manifest: Manifest, needed: str, directories: set[str]) -> bool:
    """Return whether a needed library is inside this very package, in a directory that one of its files searches."""
    at, name = posixpath.split(needed)
    return any(
        resolve(manifest, f"{directory}/{name}") is not None for directory in ({_inside(at, "")} if at else directories)
    )
