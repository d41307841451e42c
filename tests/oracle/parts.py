"""Packages as parts of a set: their ELF files on disk, farm's members of them, and changed copies of them.

Of a package, only what the linker, the shell and the proof read is kept: ELF files, programs, and links to these.
"""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Directory, File, Link, Manifest
from farm.core.names.digest import Digest
from farm.core.package.capabilities import derive_capabilities
from farm.core.package.describe import describe
from farm.core.package.gather import gather_facts
from farm.core.package.resolve import resolve
from farm.core.sets.members.member import Member
from tests.oracle.elf_editor import ElfEditor, is_elf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from farm.core.fileset.manifest import Entry
    from farm.core.package.descriptor import Descriptor


@dataclass(frozen=True)
class Part:
    """A package of a set: its member of the proof, and the directory that has exactly its manifest's files."""

    member: Member
    manifest: Manifest
    tree: Path
    declared: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.member.name

    @property
    def descriptor(self) -> Descriptor:
        return self.member.descriptor

    @property
    def elf(self) -> tuple[str, ...]:
        """The paths of its ELF files."""
        return tuple(path for path, _ in self.member.facts.elf)

    def read(self, path: str) -> bytes:
        return (self.tree / path).read_bytes()

    def elf_file(self, path: str) -> ElfEditor:
        """Return the ELF file at a path, which must not be changed: sets that share a file get the same one."""
        place = self.tree / path
        status = place.stat()
        return _elf_file(_OnDisk((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns), place))


@dataclass(frozen=True)
class Edit:
    """Changes of a package: files and links that are added, paths that are removed, and its links in the root."""

    package: str
    put: Mapping[str, bytes] = field(default_factory=dict)
    link: Mapping[str, str] = field(default_factory=dict)
    drop: frozenset[str] = frozenset()
    root_links: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True)
class _OnDisk:
    """A file, equal to itself under another path."""

    identity: tuple[int, ...]
    path: Path = field(compare=False)


@lru_cache(maxsize=256)
def _elf_file(file: _OnDisk) -> ElfEditor:
    return ElfEditor(file.path.read_bytes())


def slimmed(descriptor: Descriptor, manifest: Manifest, tree: Path, folder: Path) -> Part:
    """Return a package without what neither the linker nor the proof of its files reads."""
    kept = {file.path for file in manifest.files() if file.executable or is_elf((tree / file.path).open("rb").read(8))}
    links = [entry for entry in manifest.entries if isinstance(entry, Link)]
    entries: list[Entry] = [file for file in manifest.files() if file.path in kept]
    entries += [link for link in links if (found := resolve(manifest, link.path)) is not None and found.path in kept]
    slim = Manifest.of(entries)
    _lay_out(slim, folder, lambda path: tree / path)
    old = gather_facts(manifest, lambda path: (tree / path).read_bytes())
    derived = derive_capabilities(manifest, old, links=descriptor.links, plugins=descriptor.plugins).requires
    declared = tuple(sorted(set(descriptor.requires) - set(derived)))
    return _part(descriptor, slim, folder, declared, descriptor.links)


def changed(part: Part, edit: Edit, folder: Path) -> Part:
    """Return a package as an edit leaves it, its files laid out in an empty folder."""
    manifest = part.manifest
    gone = {*edit.drop, *edit.put, *edit.link}
    entries = [entry for entry in manifest.entries if entry.path not in gone and not isinstance(entry, Directory)]
    for path, content in edit.put.items():
        old = manifest.by_path.get(path)
        executable = not isinstance(old, File) or old.executable
        entries.append(File(path, len(content), Digest.of(content), executable=executable))
    entries += [Link(path, target) for path, target in edit.link.items()]
    new = Manifest.of(entries)
    folder.mkdir(parents=True)
    for path, content in edit.put.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        (folder / path).chmod(0o755)
    _lay_out(new, folder, lambda path: part.tree / path)
    links = part.descriptor.links if edit.root_links is None else edit.root_links
    return _part(part.descriptor, new, folder, part.declared, links)


def apply(parts: Iterable[Part], edits: Iterable[Edit], folder: Path) -> tuple[Part, ...]:
    """Return a set as edits leave it."""
    by_name = {part.name: part for part in parts}
    for edit in edits:
        by_name[edit.package] = changed(by_name[edit.package], edit, folder / edit.package)
    return tuple(by_name.values())


def _part(
    like: Descriptor, manifest: Manifest, tree: Path, declared: tuple[str, ...], links: tuple[tuple[str, str], ...]
) -> Part:
    facts = gather_facts(manifest, lambda path: (tree / path).read_bytes())
    descriptor = describe(
        name=like.name,
        version=like.version,
        revision=like.revision,
        platform=like.platform,
        manifest=manifest,
        diff_id=like.diff_id,
        facts=facts,
        plan=like.plan,
        license=like.license,
        requires=declared,
        links=links,
        replaces=like.replaces,
        plugins=like.plugins,
        host=like.host,
    )
    return Part(Member.of(descriptor, facts, manifest), manifest, tree, declared)


def _lay_out(manifest: Manifest, folder: Path, source: Callable[[str], Path]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for entry in manifest.entries:
        place = folder / entry.path
        if isinstance(entry, Directory):
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(entry, Link):
            place.symlink_to(entry.target)
        elif not place.exists():
            _same_file(source(entry.path), place)


def _same_file(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copy2(old, new)
