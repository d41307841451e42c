"""A package as a member of a set: its descriptor, its facts, and the paths that it claims. Needs no archive."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from farm.core.fileset.manifest import Directory, File, Link
from farm.core.names.printed_version import FIRST_BUILD, printed_version
from farm.core.names.root_places import in_root, merged
from farm.core.package.package_capability import package_capabilities
from farm.core.package.resolve import real_path, resolve
from farm.core.sets.members.search_path import root_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.core.fileset.manifest import Manifest
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import PackageFacts


@dataclass(frozen=True, slots=True)
class Member:
    """What a set has to know about one package; `of` works it out from the three small blobs that describe a package.

    `links` and `directories` are the paths in the root that it claims, sorted; a path twice in `links` is claimed for
    two targets. `programs` pairs a command with the file of the package that it runs, after links. `opened` and
    `directory_links` are the other paths at which a dynamic loader may open something. `imported`: it is imported from
    another distribution, and is known by its full name. `build` is its build number, for its label.
    """

    descriptor: Descriptor
    facts: PackageFacts
    links: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    programs: tuple[tuple[str, str], ...] = ()
    imported: bool = False
    opened: tuple[OpenedPath, ...] = ()
    directory_links: tuple[DirectoryLink, ...] = ()
    build: int = FIRST_BUILD

    @classmethod
    def of(
        cls,
        descriptor: Descriptor,
        facts: PackageFacts,
        manifest: Manifest,
        *,
        imported: bool = False,
        build: int = FIRST_BUILD,
    ) -> Member:
        """Take the claims from the manifest."""
        links, directories = claimed_paths(manifest, descriptor.links)
        programs = {
            command: file.path
            for command in facts.commands
            for top in ("bin", "sbin")
            if (file := resolve(manifest, f"{top}/{command}")) is not None
        }
        opened, directory_links = opened_paths(manifest, facts, descriptor.links)
        commands = tuple(sorted(programs.items()))
        return cls(descriptor, facts, links, directories, commands, imported, opened, directory_links, build)

    @property
    def name(self) -> str:
        """Its name in the set: the short one, or the full one of an imported package."""
        return str(self.descriptor.name) if self.imported else self.descriptor.name.short

    @property
    def label(self) -> str:
        """Its name and version for people: `jq 1.7.1-1`."""
        return f"{self.name} {printed_version(self.descriptor.version, self.descriptor.revision, self.build)}"

    @property
    def provides(self) -> tuple[str, ...]:
        """Its capabilities, and those of being the package of its name, version and revision."""
        descriptor = self.descriptor
        return (*descriptor.provides, *package_capabilities(self.name, descriptor.version, descriptor.revision))

    @property
    def requires(self) -> tuple[str, ...]:
        """The capabilities that it requires; the short names in an imported package are of its own distribution."""
        if not self.imported:
            return self.descriptor.requires
        return tuple(self._at_home(requirement) for requirement in self.descriptor.requires)

    @property
    def replaces(self) -> tuple[str, ...]:
        """The names of the members that it may replace."""
        if not self.imported:
            return self.descriptor.replaces
        return tuple(self._at_home(f"package:{name}").partition(":")[2] for name in self.descriptor.replaces)

    def _at_home(self, capability: str) -> str:
        kind, _, name = capability.partition(":")
        if kind != "package" or "/" in name:
            return capability
        return f"package:{self.descriptor.name.distribution}/{name}"


def is_imported(name: str) -> bool:
    """Return whether the member of this name is imported from another distribution."""
    return "/" in name


def claimed_paths(
    manifest: Manifest, extra_links: Sequence[tuple[str, str]] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the links and the directories that a package claims in the root, both sorted, before any are folded.

    A link that is claimed for two targets is listed twice.
    """
    links: list[tuple[str, str]] = []
    directories: set[str] = set()
    for entry in manifest.entries:
        place = in_root(entry.path)
        if not place:
            continue
        if place.startswith("usr/"):
            directories.add("usr")
        if isinstance(entry, Directory):
            directories.add(place)
        else:
            links.append((place, entry.path))
    for link, path in extra_links:
        place = merged(link)
        links.append((place, path))
        while place := posixpath.dirname(place):
            directories.add(place)
    return tuple(sorted(place for place, _ in set(links))), tuple(sorted(directories))


LIBRARY_NAME = re.compile(r".+\.so(\.[^/]*)?")
"""Paths with the name of a library."""


class OpenedPath(NamedTuple):
    """A path of the package, or of the root if it is `declared`, and the ELF file that it leads to.

    `file` is empty for what is not an ELF file, which counts only where it has the name of a library.
    """

    path: str
    file: str
    declared: bool = False


class DirectoryLink(NamedTuple):
    """A link at a path, as of `OpenedPath`, to the directory `target` of the package."""

    path: str
    target: str
    declared: bool = False


def opened_paths(
    manifest: Manifest, facts: PackageFacts, declared: Sequence[tuple[str, str]]
) -> tuple[tuple[OpenedPath, ...], tuple[DirectoryLink, ...]]:
    """Return the paths at which a dynamic loader may open a link, or what is not an ELF file, and the directory links.

    Both are in the order of the manifest; `declared` are links in the root, with their targets. A loader knows files by
    directory and name alone: whatever has the path of a library, it opens.
    """
    libraries = {path for path, elf in facts.elf if not elf.is_program}
    elf = {path for path, _ in facts.elf}
    opened: list[OpenedPath] = []
    directories: list[DirectoryLink] = []
    for path, target, is_declared in _entries(manifest, declared):
        found = real_path(manifest, target)
        if found is None or (path == found and path in elf and not is_declared):
            continue
        directory = not isinstance(manifest.by_path.get(found), File)
        named = LIBRARY_NAME.fullmatch(path) is not None
        if found in libraries or named:
            opened.append(OpenedPath(path, found if found in elf else "", is_declared))
        if directory and (path != found or is_declared):
            directories.append(DirectoryLink(path, found, is_declared))
    return tuple(opened), tuple(directories)


def _entries(manifest: Manifest, declared: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str, bool]]:
    """Yield the paths that matter, their targets in the package, and whether they are declared."""
    for entry in manifest.entries:
        if isinstance(entry, Link) or ".so" in entry.path:
            yield entry.path, entry.path, False
    for link, path in declared:
        yield root_directory(link), path, True
