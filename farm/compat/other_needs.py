"""What files ask for that no linker knows of: links, pkg-config modules, Python distributions.

Each looks at one member, with what others have in `Surroundings`. `wanted` are the keys by which a member is found
again when others change; `offered` are those that a member answers to.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion
from packaging.version import Version as PythonVersion

from farm.compat.linked_file import package_directory
from farm.compat.problem import (
    DanglingLinks,
    MissingDistribution,
    MissingLinkerLibrary,
    MissingModule,
    OtherPython,
    Problem,
)
from farm.package.python_facts import python_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packaging.markers import Marker

    from farm.compat.capability_index import CapabilityIndex
    from farm.compat.member import Member
    from farm.package import PkgConfigModule, PythonDistribution

_LIBRARY = re.compile(r"usr/(?:.+/)?lib[^/]+\.(?:so|a)")
_TAGGED = re.compile(r".+\.cpython-3(\d+)[a-z]*(?:-[^/]*)?\.so")
_PYTHON = re.compile(r"command:python3\.(\d+)")
# Where a linker looks without being told.
_DIRECTORIES = ("lib",)


class Installed(NamedTuple):
    """A Python distribution that some member has: in which directory of modules, and of which version."""

    directory: str
    version: str
    owner: str


class Surroundings:
    """What the members of a set offer to these needs. Mutable, as the indexes are."""

    def __init__(self, capabilities: CapabilityIndex) -> None:
        self.capabilities = capabilities
        self.paths: dict[str, int] = {}
        self.distributions: dict[str, list[Installed]] = {}
        self.pythons: dict[str, str] = {}

    def add(self, member: Member) -> None:
        """Take a member in."""
        for path in _libraries(member):
            self.paths[path] = self.paths.get(path, 0) + 1
        for each in member.facts.python or ():
            self.distributions.setdefault(canonicalize_name(each.name), []).append(_installed(member, each))
        for minor in _pythons(member):
            self.pythons[minor] = member.name

    def remove(self, member: Member) -> None:
        """Take it out again."""
        for path in _libraries(member):
            self.paths[path] -= 1
        for each in member.facts.python or ():
            self.distributions[canonicalize_name(each.name)].remove(_installed(member, each))
        for minor in _pythons(member):
            if self.pythons.get(minor) == member.name:
                del self.pythons[minor]


def wanted(member: Member) -> Iterator[str]:
    """Give the keys of what a member asks for in these ways."""
    for module in member.facts.pkg_config:
        if module.libraries is not None:
            yield from (f"pkgconfig:{name}" for name in (*module.requires, *module.requires_private))
            yield from (path for paths in _linker_paths(module) for path in paths)
    for each in member.facts.python or ():
        yield "python"
        yield from (f"python:{canonicalize_name(need.name)}" for need in _requirements(each))
    if any(_TAGGED.fullmatch(path) for path, _ in member.facts.elf):
        yield "python"


def offered(member: Member) -> Iterator[str]:
    """Give the keys of what a member has for others."""
    yield from (f"pkgconfig:{module.name}" for module in member.facts.pkg_config)
    yield from _libraries(member)
    for each in member.facts.python or ():
        yield f"python:{canonicalize_name(each.name)}"
    if any(_pythons(member)):
        yield "python"


def prove_others(member: Member, around: Surroundings, label: Callable[[str], str]) -> Iterator[Problem]:
    """Give what is wrong with a member besides its ELF files."""
    if member.facts.dangling:
        yield DanglingLinks(member.label, tuple((link.path, link.target) for link in member.facts.dangling))
    for module in member.facts.pkg_config:
        if module.libraries is not None:
            yield from _prove_module(member, module, around)
    for each in member.facts.python or ():
        yield from _prove_distribution(member, each, around, label)
    yield from _prove_pythons(member, around, label)


def _prove_module(member: Member, module: PkgConfigModule, around: Surroundings) -> Iterator[Problem]:
    for name in (*module.requires, *module.requires_private):
        if not around.capabilities.providers(f"pkgconfig:{name}"):
            yield MissingModule(member.label, module.name, name)
    for name, paths in zip(module.libraries.names if module.libraries else (), _linker_paths(module), strict=True):
        if not any(around.paths.get(path) for path in paths):
            yield MissingLinkerLibrary(member.label, module.name, name)


def _linker_paths(module: PkgConfigModule) -> list[tuple[str, ...]]:
    """Return for each library of a module the paths of the root where a linker looks for it."""
    if module.libraries is None:
        return []
    told = [package_directory(each) for each in module.libraries.directories if each.startswith("/")]
    directories = dict.fromkeys((*told, *_DIRECTORIES))
    return [
        tuple(f"usr/{directory}/lib{name}.{end}" for directory in directories for end in ("so", "a"))
        for name in module.libraries.names
    ]


def _libraries(member: Member) -> Iterator[str]:
    return (path for path in member.links if path.endswith((".so", ".a")) and _LIBRARY.fullmatch(path))


def _prove_distribution(
    member: Member, one: PythonDistribution, around: Surroundings, label: Callable[[str], str]
) -> Iterator[Problem]:
    directory = python_directory(one.path)
    python = directory.removeprefix("lib/python")
    try:
        if one.requires_python and "." in python and not SpecifierSet(one.requires_python).contains(f"{python}.999"):
            yield OtherPython(member.label, one.path, f"{one.name} wants Python {one.requires_python}", python)
    except InvalidSpecifier:
        pass  # pip takes no notice of it either
    for need in _requirements(one):
        if need.marker is not None and not _holds(need.marker, python):
            continue
        there = [each for each in around.distributions.get(canonicalize_name(need.name), ())
                 if each.directory == directory]  # fmt: skip
        if not any(_fits(need, each.version) for each in there):
            has = f"{need.name} {there[0].version} of {label(there[0].owner)}" if there else ""
            yield MissingDistribution(member.label, one.name, _spelt(need), has)


def _prove_pythons(member: Member, around: Surroundings, label: Callable[[str], str]) -> Iterator[Problem]:
    """Give the directories of modules that no Python of the set looks into, and extensions of another one in them."""
    strays: dict[str, str] = {}
    for path in [each.path for each in member.facts.elf] + [each.path for each in member.facts.python or ()]:
        directory = python_directory(path)
        minor = directory.removeprefix("lib/python3.")
        tagged = _TAGGED.fullmatch(posixpath.basename(path))
        if not directory or not minor.isdigit() or not (tagged or path.endswith(("METADATA", "-info", "PKG-INFO"))):
            continue
        if tagged and tagged[1] != minor:
            yield OtherPython(member.label, path, f"it is for Python 3.{tagged[1]}", f"3.{minor}")
        elif around.pythons and minor not in around.pythons:
            strays.setdefault(minor, path)
    for minor, path in strays.items():
        newest = max(around.pythons, key=int)
        yield OtherPython(
            member.label, path, f"it is for Python 3.{minor}", f"3.{newest}", label(around.pythons[newest])
        )


def _pythons(member: Member) -> Iterator[str]:
    return (found[1] for each in member.descriptor.provides if (found := _PYTHON.fullmatch(each)))


def _installed(member: Member, one: PythonDistribution) -> Installed:
    return Installed(python_directory(one.path), one.version, member.name)


def _requirements(one: PythonDistribution) -> Iterator[Requirement]:
    for line in one.requires:
        try:
            yield Requirement(line)
        except InvalidRequirement:
            continue  # of a time before the grammar


def _holds(marker: Marker, python: str) -> bool:
    """Tell whether a marker holds for an installation without extras, on the farm's one system."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.999",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "extra": "",
    }
    return marker.evaluate(environment)


def _fits(need: Requirement, version: str) -> bool:
    try:
        return need.specifier.contains(PythonVersion(version), prereleases=True)
    except InvalidVersion:
        return not need.specifier


def _spelt(need: Requirement) -> str:
    return f"{need.name}{need.specifier}"
