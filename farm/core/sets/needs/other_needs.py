"""Needs of files that no dynamic linker knows: links, pkg-config modules, modules of Python.

Each check looks at one member, with what the others have in `SetProviders`. `wanted` are the keys of what a member
needs, by which it is found when others change; `offered` are the keys of what a member has.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from farm.core.names.reachable import reachable
from farm.core.package.python_facts import python_directory
from farm.core.sets.findings.need_problem import (
    OtherPython,
)
from farm.core.sets.findings.note import DanglingLibraryLinks, Note
from farm.core.sets.findings.problem import (
    DanglingLinks,
    Problem,
)
from farm.core.sets.linking.linked_file import FoundPlace, own_places
from farm.core.sets.members.member import LIBRARY_NAME
from farm.core.sets.members.search_path import Place, place_behind_links
from farm.core.sets.needs.pkg_config_needs import ModuleIndex, offered_modules, prove_modules, wanted_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from types import ModuleType

    from farm.core.package.facts import DanglingLink
    from farm.core.sets.members.capability_index import CapabilityIndex
    from farm.core.sets.members.member import Member
    from farm.core.sets.needs.python_needs import Installed

_TAGGED = re.compile(r"(.+)\.cpython-3(\d+)[a-z]*(?:-[^/]*)?\.so")
_PYTHON = re.compile(r"command:python3\.(\d+)")


class SetProviders:
    """What the members of a set offer to these needs. Mutable, as the indexes are."""

    def __init__(self, capabilities: CapabilityIndex) -> None:
        self.modules = ModuleIndex(capabilities)
        self.distributions: defaultdict[str, list[Installed]] = defaultdict(list)
        self.pythons: defaultdict[str, dict[str, str]] = defaultdict(dict)
        """For each minor version of Python the members that have it, with the full version as far as it is known."""

    def add(self, member: Member) -> None:
        """Add a member."""
        self.modules.add(member)
        for name, installed in _installed(member):
            self.distributions[name].append(installed)
        for minor in _pythons(member):
            self.pythons[minor][member.name] = _full_version(minor, member)

    def remove(self, member: Member) -> None:
        """Remove a member."""
        self.modules.remove(member)
        for name, installed in _installed(member):
            self.distributions[name].remove(installed)
        for minor in _pythons(member):
            del self.pythons[minor][member.name]
            if not self.pythons[minor]:
                del self.pythons[minor]

    @property
    def python_versions(self) -> Mapping[str, str]:
        """The full versions of the set's Pythons by minor version: requirements of distributions depend on them."""
        return {
            minor: next(iter(full.values())) if len(full) == 1 else _full_version(minor)
            for minor, full in self.pythons.items()
        }


def wanted(member: Member) -> Iterator[str]:
    """Yield the keys of what a member needs in these ways."""
    yield from wanted_modules(member)
    for distribution in member.facts.python or ():
        yield "python"
        yield from _python_needs().wanted_keys(distribution)
    if any(_TAGGED.fullmatch(path) for path, _ in member.facts.elf):
        yield "python"


def offered(member: Member) -> Iterator[str]:
    """Yield the keys of what a member has for others."""
    yield from offered_modules(member)
    yield from (f"python:{name}" for name, _ in _installed(member))
    if any(_pythons(member)):
        yield "python"


def needing(keys: Iterable[str], wanting: Mapping[str, AbstractSet[str]], members: Mapping[str, Member]) -> set[str]:
    """Return the members that need something with one of these keys, themselves or through an extra of another."""

    def extras(key: str) -> Iterator[str]:
        for name in wanting.get(key, ()) if key.startswith(("python:", "extra:")) else ():
            yield from (f"extra:{distribution}" for distribution, _ in _installed(members[name]))

    return {name for key in reachable(keys, extras) for name in wanting.get(key, ())}


def prove_others(member: Member, around: SetProviders, label: Callable[[str], str]) -> Iterator[Problem]:
    """Yield what is wrong with a member besides its ELF files."""
    if member.facts.dangling:
        unneeded = _only_for_a_loader(member)
        links = tuple((link.path, link.target) for link in member.facts.dangling if link not in unneeded)
        if links:
            yield DanglingLinks(member.label, links)
    yield from prove_modules(member, around.modules, label)
    for distribution in member.facts.python or ():
        yield from _python_needs().prove_distribution(
            member, distribution, around.distributions, around.python_versions, label
        )
    yield from _prove_pythons(member, around, label)


def note_others(member: Member, around: SetProviders) -> Iterator[Note]:
    """Yield what is worth knowing about a member besides its ELF files."""
    if member.facts.dangling and (links := _only_for_a_loader(member)):
        yield DanglingLibraryLinks(member.name, tuple((link.path, link.target) for link in links))
    for distribution in member.facts.python or ():
        yield from _python_needs().note_distribution(member, distribution, around.python_versions)


def _only_for_a_loader(member: Member) -> list[DanglingLink]:
    """Return the dangling links named like libraries in a directory of a search path of the member.

    A loader skips them; a file that needs a library of that name is reported by itself.
    """
    named = [link for link in member.facts.dangling or () if LIBRARY_NAME.fullmatch(link.path)]
    places = {place for file in member.facts.elf for place in own_places(member, file)} if named else ()
    directories = {place_behind_links(place, lambda *_: None) for place in places}
    return [
        link
        for link in named
        if (at := FoundPlace.at(link.path)).root != "usr/lib"
        and (Place(at.root) in directories or Place(at.package or "", member.name) in directories)
    ]


def _prove_pythons(member: Member, around: SetProviders, label: Callable[[str], str]) -> Iterator[Problem]:
    """Yield directories of modules into which no Python of the set looks, and extensions for another Python in them."""
    strays: dict[str, str] = {}
    paths = [file.path for file in member.facts.elf]
    paths += [distribution.path for distribution in member.facts.python or ()]
    for path in paths:
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


def _shared_strays(member: Member, around: SetProviders) -> dict[str, str]:
    """Return extensions where every Python 3 looks that are for none of the set, by their minor version.

    A module may be there for several Pythons, as in Debian: one of them is enough.
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


def _installed(member: Member) -> Iterator[tuple[str, Installed]]:
    """Yield the Python distributions of a member, with their canonical names."""
    for distribution in member.facts.python or ():
        needs = _python_needs()
        directory = python_directory(distribution.path)
        yield needs.canonicalize_name(distribution.name), needs.Installed(directory, distribution, member.name)


def _full_version(minor: str, member: Member | None = None) -> str:
    """Return the version of a Python; if it is not known, one that is newer than all of its minor version."""
    known = member and re.match(rf"3\.{minor}\.[0-9]+", str(member.descriptor.version))
    return known[0] if known else f"3.{minor}.999"


def _python_needs() -> ModuleType:
    """Return the module that reads requirements of Python: only sets that have some pay for its import."""
    from farm.core.sets.needs import python_needs  # noqa: PLC0415  # takes a while to load

    return python_needs
