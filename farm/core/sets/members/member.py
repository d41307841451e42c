"""A package as a member of a set: its descriptor, its facts, and the paths that it claims. Needs no archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.printed_version import FIRST_BUILD, printed_version
from farm.core.package.package_capability import package_capabilities
from farm.core.package.resolve import resolve
from farm.core.sets.members.claimed import claimed_paths
from farm.core.sets.members.opened_paths import opened_paths

if TYPE_CHECKING:
    from farm.core.fileset.manifest import Manifest
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import PackageFacts
    from farm.core.sets.members.opened_paths import DirectoryLink, OpenedPath


@dataclass(frozen=True, slots=True)
class Member:
    """What a set has to know of one package; `of` works it out from the three small blobs that describe a package.

    `links` and `directories` are the paths in the root that it claims, sorted; a path twice in `links` is claimed for
    two targets. `programs` pairs a command with the file of the package that it runs, after links. `opened` and
    `directory_links` are the paths at which a dynamic loader may find something else than an ELF file. `foreign`: it is
    of another distribution than the set, and goes by its full name. `build` is its build number, for its label.
    """

    descriptor: Descriptor
    facts: PackageFacts
    links: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    programs: tuple[tuple[str, str], ...] = ()
    foreign: bool = False
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
        foreign: bool = False,
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
        return cls(
            descriptor,
            facts,
            links,
            directories,
            tuple(sorted(programs.items())),
            foreign,
            opened,
            directory_links,
            build,
        )

    @property
    def name(self) -> str:
        """The name by which a set knows it: the short one, of a foreign package the full one."""
        return str(self.descriptor.name) if self.foreign else self.descriptor.name.short

    @property
    def label(self) -> str:
        """What people call it: `jq 1.7.1-1`."""
        return f"{self.name} {printed_version(self.descriptor.version, self.descriptor.revision, self.build)}"

    @property
    def provides(self) -> tuple[str, ...]:
        """Its capabilities, and that it is the package of its name, version and revision."""
        descriptor = self.descriptor
        return (*descriptor.provides, *package_capabilities(self.name, descriptor.version, descriptor.revision))

    @property
    def requires(self) -> tuple[str, ...]:
        """The capabilities that it requires. Packages that a foreign one names by short name are its own neighbours."""
        if not self.foreign:
            return self.descriptor.requires
        return tuple(self._at_home(requirement) for requirement in self.descriptor.requires)

    @property
    def replaces(self) -> tuple[str, ...]:
        """The names of the members in whose place it may stand."""
        if not self.foreign:
            return self.descriptor.replaces
        return tuple(self._at_home(f"package:{name}").partition(":")[2] for name in self.descriptor.replaces)

    def _at_home(self, capability: str) -> str:
        kind, _, name = capability.partition(":")
        if kind != "package" or "/" in name:
            return capability
        return f"package:{self.descriptor.name.distribution}/{name}"


def is_imported(name: str) -> bool:
    """Return whether a member of this name is of another distribution than the set."""
    return "/" in name
