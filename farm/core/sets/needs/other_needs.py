"""What files ask for that no linker knows of: links, pkg-config modules, modules of Python.

Each looks at one member, with what others have in `Surroundings`. `wanted` are the keys by which a member is found
again when others change; `offered` are those that a member answers to.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from farm.core.package.python_facts import python_directory
from farm.core.sets.findings.need_problem import (
    ConflictingModule,
    MissingLinkerFile,
    MissingLinkerLibrary,
    MissingModule,
    OtherModuleVersion,
    OtherPython,
)
from farm.core.sets.findings.note import DanglingLibraryLinks, Note
from farm.core.sets.findings.problem import (
    DanglingLinks,
    Problem,
)
from farm.core.sets.linking.linked_file import Spot, own_places
from farm.core.sets.members.member import LIBRARY_NAME
from farm.core.sets.members.search_path import Place, led_to, package_directory, root_directory
from farm.core.sets.needs.module_versions import fits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from types import ModuleType

    from farm.core.package.facts import DanglingLink, ModuleVersion, PkgConfigModule
    from farm.core.package.python_facts import PythonDistribution
    from farm.core.sets.members.capability_index import CapabilityIndex
    from farm.core.sets.members.member import Member
    from farm.core.sets.needs.python_needs import Installed, Pythons

# What a linker can be told of by a name or path: names of another kind only where every linker looks.
_LIBRARY = re.compile(r"(?:(?:.+/)?lib[^/]+|usr/lib/[^/]+)\.(?:a|so(?:\.[^/]*)?)")
# Modules that pkgconf has by itself; which version they have depends on it.
_BUILT_IN = frozenset(("pkg-config", "pkgconf"))
_TAGGED = re.compile(r"(.+)\.cpython-3(\d+)[a-z]*(?:-[^/]*)?\.so")
_PYTHON = re.compile(r"command:python3\.(\d+)")
# Where a linker looks without being told.
_DIRECTORIES = ("lib",)


class Surroundings:
    """What the members of a set offer to these needs. Mutable, as the indexes are."""

    def __init__(self, capabilities: CapabilityIndex) -> None:
        self.capabilities = capabilities
        self.paths: dict[str, int] = {}
        self.distributions: dict[str, list[Installed]] = {}
        self.pythons: dict[str, dict[str, str]] = {}
        """Of each minor version of Python the members that have it, with the whole version as far as it is known."""
        self.modules: dict[tuple[str, str], str] = {}
        self.substitutes: dict[str, list[tuple[str, ModuleVersion]]] = {}

    def add(self, member: Member) -> None:
        """Take a member in."""
        for path in _libraries(member):
            self.paths[path] = self.paths.get(path, 0) + 1
        for module in member.facts.pkg_config:
            self.modules[member.name, module.name] = module.version
        for name, version in _substitutes(member):
            self.substitutes.setdefault(name, []).append((member.name, version))
        for distribution in member.facts.python or ():
            self.distributions.setdefault(_python_needs().canonical_name(distribution.name), []).append(
                _installed(member, distribution)
            )
        for minor in _pythons(member):
            self.pythons.setdefault(minor, {})[member.name] = _whole_version(minor, member)

    def remove(self, member: Member) -> None:
        """Take it out again."""
        for path in _libraries(member):
            self.paths[path] -= 1
        for module in member.facts.pkg_config:
            del self.modules[member.name, module.name]
        for name, version in _substitutes(member):
            self.substitutes[name].remove((member.name, version))
        for distribution in member.facts.python or ():
            self.distributions[_python_needs().canonical_name(distribution.name)].remove(
                _installed(member, distribution)
            )
        for minor in _pythons(member):
            del self.pythons[minor][member.name]
            if not self.pythons[minor]:
                del self.pythons[minor]

    @property
    def python_versions(self) -> Pythons:
        """The Pythons there are, as requirements of Python are judged by them."""
        versions = {
            minor: next(iter(whole.values())) if len(whole) == 1 else _whole_version(minor)
            for minor, whole in self.pythons.items()
        }
        found: Pythons = _python_needs().Pythons(versions)
        return found


def wanted(member: Member) -> Iterator[str]:
    """Give the keys of what a member asks for in these ways."""
    for module in member.facts.pkg_config:
        if module.libraries is not None:
            yield from (f"pkgconfig:{name}" for name in module.all_requires)
            yield from _linker_files(module)
    for distribution in member.facts.python or ():
        yield "python"
        yield from _python_needs().wanted_keys(distribution)
    if any(_TAGGED.fullmatch(path) for path, _ in member.facts.elf):
        yield "python"


def offered(member: Member) -> Iterator[str]:
    """Give the keys of what a member has for others."""
    yield from (f"pkgconfig:{module.name}" for module in member.facts.pkg_config)
    yield from (f"pkgconfig:{name}" for name, _ in _substitutes(member))
    yield from _libraries(member)
    yield from (f"python:{name}" for name in _distributions(member))
    if any(_pythons(member)):
        yield "python"


def asking(keys: Iterable[str], wanting: Mapping[str, AbstractSet[str]], members: Mapping[str, Member]) -> set[str]:
    """Return the members that ask for what answers to any of these keys, themselves or by an extra of another."""
    found: set[str] = set()
    ahead = list(keys)
    followed = set(ahead)
    while ahead:
        key = ahead.pop()
        names = wanting.get(key, frozenset())
        found |= names
        if key.startswith(("python:", "extra:")):
            further = {f"extra:{own}" for name in names for own in _distributions(members[name])} - followed
            followed |= further
            ahead += further
    return found


def prove_others(member: Member, around: Surroundings, label: Callable[[str], str]) -> Iterator[Problem]:
    """Give what is wrong with a member besides its ELF files."""
    if member.facts.dangling:
        unneeded = _only_for_a_loader(member)
        links = tuple((link.path, link.target) for link in member.facts.dangling if link not in unneeded)
        if links:
            yield DanglingLinks(member.label, links)
    for module in member.facts.pkg_config:
        if module.libraries is not None:
            yield from _prove_module(member, module, around, label)
    for distribution in member.facts.python or ():
        yield from _python_needs().prove_distribution(
            member, distribution, around.distributions, around.python_versions, label
        )
    yield from _prove_pythons(member, around, label)


def note_others(member: Member, around: Surroundings) -> Iterator[Note]:
    """Give what is worth knowing of a member besides its ELF files."""
    if member.facts.dangling and (links := _only_for_a_loader(member)):
        yield DanglingLibraryLinks(member.name, tuple((link.path, link.target) for link in links))
    for distribution in member.facts.python or ():
        yield from _python_needs().note_distribution(member, distribution, around.python_versions)


def _only_for_a_loader(member: Member) -> list[DanglingLink]:
    """Return the dangling links with the name of a library in a directory to which a search path of the member leads.

    They are nothing to a loader, which goes on; what needs a library of that name is told of by itself.
    """
    named = [link for link in member.facts.dangling or () if LIBRARY_NAME.fullmatch(link.path)]
    places = {place for each in member.facts.elf for place in own_places(member, each)} if named else ()
    directories = {each for place in places if (each := led_to(place, lambda *_: None)) is not None}
    return [
        link
        for link in named
        if (at := Spot.at(link.path)).root != "usr/lib"
        and (Place(at.root) in directories or Place(at.package or "", member.name) in directories)
    ]


def _prove_module(
    member: Member, module: PkgConfigModule, around: Surroundings, label: Callable[[str], str]
) -> Iterator[Problem]:
    for name in module.all_requires:
        there = around.capabilities.providers(f"pkgconfig:{name}") or around.substitutes.get(name)
        if not there and name not in _BUILT_IN:
            yield MissingModule(member.label, module.name, name)
    for wanted in module.versions:
        if other := _other_version(wanted, around):
            provider, version = other
            yield OtherModuleVersion(member.label, module.name, " ".join(wanted), label(provider), version)
    for unwanted in module.conflicts:
        if (found := _conflicting(module, unwanted, around)) is not None:
            provider, version = found
            words = " ".join(filter(None, unwanted))
            yield ConflictingModule(member.label, module.name, words, label(provider), version)
    yield from _prove_linking(member, module, around)


def _prove_linking(member: Member, module: PkgConfigModule, around: Surroundings) -> Iterator[Problem]:
    for name, paths in zip(module.libraries.names if module.libraries else (), _linker_paths(module), strict=True):
        if _are_missing(paths, around):
            yield MissingLinkerLibrary(member.label, module.name, name)
    for path in module.files:
        if _are_missing([root_directory(path)], around):
            yield MissingLinkerFile(member.label, module.name, path)


def _are_missing(paths: Collection[str], around: Surroundings) -> bool:
    """Tell whether none of these paths of the root is there; what lies at paths that are not kept is not judged."""
    return not any(around.paths.get(path) for path in paths) and all(map(_LIBRARY.fullmatch, paths))


def _conflicting(module: PkgConfigModule, unwanted: ModuleVersion, around: Surroundings) -> tuple[str, str] | None:
    """Return who has the module that another conflicts with, and in which version; None where there is no conflict.

    As pkgconf has it, that concerns what the module requires itself, and not for static linking alone.
    """
    if unwanted.name not in module.requires:
        return None
    for provider in around.capabilities.providers(f"pkgconfig:{unwanted.name}")[:1]:
        version = around.modules.get((provider, unwanted.name), "")
        if not unwanted.comparison or (version and fits(version, unwanted)):
            return provider, version
    return None


def _other_version(wanted: ModuleVersion, around: Surroundings) -> tuple[str, str] | None:
    """Return who has a module in none of the versions that are asked for, and in which; None where one fits.

    Who stands in for a module counts where it is not there itself; more than one version that is provided (`>= 2`) is
    not judged.
    """
    for provider in around.capabilities.providers(f"pkgconfig:{wanted.name}")[:1]:
        version = around.modules.get((provider, wanted.name), "")
        # A module that is only declared has none that is known.
        return (provider, version) if version and not fits(version, wanted) else None
    substitutes = around.substitutes.get(wanted.name, [])
    if any(each.comparison != "=" or fits(each.version, wanted) for _, each in substitutes):
        return None
    return next(((provider, each.version) for provider, each in sorted(substitutes)), None)


def _linker_paths(module: PkgConfigModule) -> list[tuple[str, ...]]:
    """Return for each library of a module the paths of the root where a linker looks for it."""
    if module.libraries is None:
        return []
    told = [package_directory(each) for each in module.libraries.directories if each.startswith("/")]
    directories = dict.fromkeys((*told, *_DIRECTORIES))
    return [
        tuple(f"usr/{directory}/{file}" for directory in directories for file in _linker_names(name))
        for name in module.libraries.names
    ]


def _linker_names(library: str) -> tuple[str, ...]:
    """Return the names of files that a linker looks for: `-l:libz.so.1` is for exactly this one (ld(1))."""
    return (library[1:],) if library.startswith(":") else (f"lib{library}.so", f"lib{library}.a")


def _linker_files(module: PkgConfigModule) -> Iterator[str]:
    yield from (path for paths in _linker_paths(module) for path in paths)
    yield from map(root_directory, module.files)


def _libraries(member: Member) -> Iterator[str]:
    return (path for path in member.links if (path.endswith(".a") or ".so" in path) and _LIBRARY.fullmatch(path))


def _substitutes(member: Member) -> Iterator[tuple[str, ModuleVersion]]:
    """Give the names of the modules in whose place a member's may stand; without a version pkgconf takes none."""
    modules = member.facts.pkg_config
    return (
        (capability.name, capability) for module in modules for capability in module.provides if capability.comparison
    )


def _prove_pythons(member: Member, around: Surroundings, label: Callable[[str], str]) -> Iterator[Problem]:
    """Give the directories of modules that no Python of the set looks into, and extensions of another one in them."""
    strays: dict[str, str] = {}
    for path in [each.path for each in member.facts.elf] + [
        distribution.path for distribution in member.facts.python or ()
    ]:
        directory = python_directory(path)
        minor = directory.removeprefix("lib/python3.")
        tagged = _TAGGED.fullmatch(posixpath.basename(path))
        if not directory or not minor.isdigit() or not (tagged or path.endswith(("METADATA", "-info", "PKG-INFO"))):
            continue
        if tagged and tagged[2] != minor:
            yield OtherPython(member.label, path, f"it is for Python 3.{tagged[2]}", f"3.{minor}")
        elif around.pythons and minor not in around.pythons:
            strays.setdefault(minor, path)
    strays |= _shared_strays(member, around)
    for minor, path in strays.items():
        newest = max(around.pythons, key=int)
        yield OtherPython(
            member.label, path, f"it is for Python 3.{minor}", f"3.{newest}", label(min(around.pythons[newest]))
        )


def _shared_strays(member: Member, around: Surroundings) -> dict[str, str]:
    """Return extensions where every Python 3 looks that are for none of the set, by the minor version they are for.

    A module may be there for several, as in Debian: one of these is enough.
    """
    modules: dict[str, dict[str, str]] = {}
    for path, _ in member.facts.elf:
        if python_directory(path) == "lib/python3" and (tagged := _TAGGED.fullmatch(path)):
            modules.setdefault(tagged[1], {})[tagged[2]] = path
    strays: dict[str, str] = {}
    for found in modules.values():
        if around.pythons and not found.keys() & around.pythons.keys():
            newest = max(found, key=int)
            strays.setdefault(newest, found[newest])
    return strays


def _pythons(member: Member) -> Iterator[str]:
    return (found[1] for capability in member.descriptor.provides if (found := _PYTHON.fullmatch(capability)))


def _installed(member: Member, one: PythonDistribution) -> Installed:
    installed: Installed = _python_needs().Installed(python_directory(one.path), one, member.name)
    return installed


def _distributions(member: Member) -> Iterator[str]:
    return (_python_needs().canonical_name(distribution.name) for distribution in member.facts.python or ())


def _whole_version(minor: str, member: Member | None = None) -> str:
    """Return the version of a Python, or where its package has another one what is newer than any of these."""
    known = member and re.match(rf"3\.{minor}\.[0-9]+", str(member.descriptor.version))
    return known[0] if known else f"3.{minor}.999"


def _python_needs() -> ModuleType:
    """Return what reads requirements of Python: only sets that have some pay for its import."""
    from farm.core.sets.needs import python_needs  # noqa: PLC0415  # takes a while to load

    return python_needs
