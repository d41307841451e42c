"""What pkg-config modules require (pc(5)): other modules in some versions, and libraries that a linker finds."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from farm.core.sets.findings.need_problem import (
    ConflictingModule,
    MissingLinkerFile,
    MissingLinkerLibrary,
    MissingModule,
    OtherModuleVersion,
)
from farm.core.sets.members.search_path import package_directory, root_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from farm.core.package.facts import ModuleVersion, PkgConfigModule
    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.capability_index import CapabilityIndex
    from farm.core.sets.members.member import Member

# Libraries that a linker can find by name or path; other names only in directories that every linker searches.
_LIBRARY = re.compile(r"(?:(?:.+/)?lib[^/]+|usr/lib/[^/]+)\.(?:a|so(?:\.[^/]*)?)")
# Modules built into pkgconf; their versions depend on it.
_BUILT_IN = frozenset(("pkg-config", "pkgconf"))
# The default search path of a linker.
_DIRECTORIES = ("lib",)
# Other characters than letters, digits and tildes only separate. A tilde sorts before the end: 1.0~rc1 is before 1.0.
_PART = re.compile(r"~|[0-9]+|[A-Za-z]+")
_FITS = {
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    "=": lambda order: order == 0,
    "!=": lambda order: order != 0,
    ">=": lambda order: order >= 0,
    ">": lambda order: order > 0,
}


class ModuleIndex:
    """The pkg-config modules of a set, and the files that linkers find. Mutable, as the indexes are."""

    def __init__(self, capabilities: CapabilityIndex) -> None:
        self.capabilities = capabilities
        self._libraries: Counter[str] = Counter()
        self._versions: dict[tuple[str, str], str] = {}
        self._substitutes: defaultdict[str, list[tuple[str, ModuleVersion]]] = defaultdict(list)

    def add(self, member: Member) -> None:
        """Add a member."""
        self._libraries.update(libraries(member))
        for module in member.facts.pkg_config:
            self._versions[member.name, module.name] = module.version
        for substitute in substitutes(member):
            self._substitutes[substitute.name].append((member.name, substitute))

    def remove(self, member: Member) -> None:
        """Remove a member."""
        self._libraries.subtract(libraries(member))
        for module in member.facts.pkg_config:
            del self._versions[member.name, module.name]
        for substitute in substitutes(member):
            self._substitutes[substitute.name].remove((member.name, substitute))

    def has_module(self, name: str) -> bool:
        """Return whether a member has a module, or one that replaces it, or pkgconf has it."""
        providers = self.capabilities.providers(f"pkgconfig:{name}") or self._substitutes.get(name)
        return bool(providers) or name in _BUILT_IN

    def lacks(self, paths: Collection[str]) -> bool:
        """Return whether none of these paths of the root exists; other paths than those of libraries are not judged."""
        return not any(self._libraries[path] > 0 for path in paths) and all(map(_LIBRARY.fullmatch, paths))

    def conflicting(self, module: PkgConfigModule, unwanted: ModuleVersion) -> tuple[str, str] | None:
        """Return the provider and version of a module that another conflicts with; None if there is no conflict.

        As in pkgconf, only modules that the other requires itself conflict, and not those for static linking alone.
        """
        if unwanted.name not in module.requires:
            return None
        for provider, version in self._first(unwanted.name):
            if not unwanted.comparison or (version and fits(version, unwanted)):
                return provider, version
        return None

    def other_version(self, wanted: ModuleVersion) -> tuple[str, str] | None:
        """Return the provider and version of a module in a version that is not wanted; None if one fits.

        A module that replaces another counts if that is missing; if it provides a range of versions (`>= 2`) it is not
        judged.
        """
        for provider, version in self._first(wanted.name):
            # A module that is only declared has no known version.
            return (provider, version) if version and not fits(version, wanted) else None
        substitutes = self._substitutes.get(wanted.name, [])
        if any(other.comparison != "=" or fits(other.version, wanted) for _, other in substitutes):
            return None
        return next(((provider, other.version) for provider, other in sorted(substitutes)), None)

    def _first(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield the first provider of a module, with its version, if it is known."""
        for provider in self.capabilities.providers(f"pkgconfig:{name}")[:1]:
            yield provider, self._versions.get((provider, name), "")


def wanted_modules(member: Member) -> Iterator[str]:
    """Yield the keys of the modules, libraries and files that the modules of a member need."""
    for module in member.facts.pkg_config:
        if module.libraries is not None:
            yield from (f"pkgconfig:{name}" for name in module.all_requires)
            for paths in _linker_paths(module):
                yield from paths
            yield from map(root_directory, module.files)


def offered_modules(member: Member) -> Iterator[str]:
    """Yield the keys of the modules and libraries that a member has for others."""
    yield from (f"pkgconfig:{module.name}" for module in member.facts.pkg_config)
    yield from (f"pkgconfig:{substitute.name}" for substitute in substitutes(member))
    yield from libraries(member)


def prove_modules(member: Member, modules: ModuleIndex, label: Callable[[str], str]) -> Iterator[Problem]:
    """Yield what is wrong with the pkg-config modules of a member."""
    for module in member.facts.pkg_config:
        if module.libraries is not None:
            yield from _prove_requirements(member, module, modules, label)
            yield from _prove_linking(member, module, modules)


def _prove_requirements(
    member: Member, module: PkgConfigModule, modules: ModuleIndex, label: Callable[[str], str]
) -> Iterator[Problem]:
    for name in module.all_requires:
        if not modules.has_module(name):
            yield MissingModule(member.label, module.name, name)
    for wanted in module.versions:
        if other := modules.other_version(wanted):
            provider, version = other
            yield OtherModuleVersion(member.label, module.name, " ".join(wanted), label(provider), version)
    for unwanted in module.conflicts:
        if (found := modules.conflicting(module, unwanted)) is not None:
            provider, version = found
            words = " ".join(filter(None, unwanted))
            yield ConflictingModule(member.label, module.name, words, label(provider), version)


def _prove_linking(member: Member, module: PkgConfigModule, modules: ModuleIndex) -> Iterator[Problem]:
    for name, paths in zip(module.libraries.names if module.libraries else (), _linker_paths(module), strict=True):
        if modules.lacks(paths):
            yield MissingLinkerLibrary(member.label, module.name, name)
    for path in module.files:
        if modules.lacks([root_directory(path)]):
            yield MissingLinkerFile(member.label, module.name, path)


def _linker_paths(module: PkgConfigModule) -> list[tuple[str, ...]]:
    """Return for each library of a module the paths in the root where a linker searches for it."""
    if module.libraries is None:
        return []
    named = [package_directory(path) for path in module.libraries.directories if path.startswith("/")]
    directories = dict.fromkeys((*named, *_DIRECTORIES))
    return [
        tuple(f"usr/{directory}/{file}" for directory in directories for file in _linker_names(name))
        for name in module.libraries.names
    ]


def _linker_names(library: str) -> tuple[str, ...]:
    """Return the file names that a linker searches for: `-l:libz.so.1` means exactly this one (ld(1))."""
    return (library[1:],) if library.startswith(":") else (f"lib{library}.so", f"lib{library}.a")


def libraries(member: Member) -> Iterator[str]:
    """Yield the paths in the root at which a member has libraries for linkers."""
    return (path for path in member.links if (path.endswith(".a") or ".so" in path) and _LIBRARY.fullmatch(path))


def substitutes(member: Member) -> Iterator[ModuleVersion]:
    """Yield the modules that those of a member may replace; pkgconf accepts none without a version."""
    provided = (capability for module in member.facts.pkg_config for capability in module.provides)
    return (capability for capability in provided if capability.comparison)


def fits(version: str, wanted: ModuleVersion) -> bool:
    """Return whether a version is a wanted one, as pkg-config compares; an unknown comparison never fits."""
    fit = _FITS.get(wanted.comparison)
    return fit is not None and fit(compare_versions(version, wanted.version))


def compare_versions(one: str, other: str) -> int:
    """Compare two versions as rpm does, number by number and word by word; return a number below, at or above zero."""
    if one.lower() == other.lower():
        return 0
    ours, theirs = _PART.findall(one), _PART.findall(other)
    for mine, its in zip(ours, theirs, strict=False):
        if order := _compare_parts(mine, its):
            return order
    rest = len(ours) - len(theirs)
    longer = ours[len(theirs) :] if rest > 0 else theirs[len(ours) :]
    before = bool(longer) and longer[0] == "~"
    return -rest if before else rest


def _compare_parts(mine: str, its: str) -> int:
    if "~" in {mine, its}:
        return (its == "~") - (mine == "~")
    if mine.isdigit() != its.isdigit():
        return 1 if mine.isdigit() else -1
    left: tuple[int, str] = (int(mine), "") if mine.isdigit() else (0, mine)
    right: tuple[int, str] = (int(its), "") if its.isdigit() else (0, its)
    return (left > right) - (left < right)
