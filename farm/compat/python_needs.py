"""What installed Python distributions require of others (PEP 508), of those that lie beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion
from packaging.version import Version as PythonVersion

from farm.compat.problem import MissingDistribution, OtherPython, Problem
from farm.package.python_facts import python_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from packaging.markers import Marker

    from farm.compat.member import Member
    from farm.package import PythonDistribution


class Installed(NamedTuple):
    """A Python distribution that some member has: in which directory of modules, and of which version."""

    directory: str
    version: str
    owner: str


def canonical_name(name: str) -> str:
    """Return the one spelling of a distribution's name."""
    return canonicalize_name(name)


def required_names(one: PythonDistribution) -> Iterator[str]:
    """Give the names of all that a distribution may require, extras included."""
    return (canonicalize_name(need.name) for need in _requirements(one))


def prove_distribution(
    member: Member,
    one: PythonDistribution,
    installed: Mapping[str, Sequence[Installed]],
    label: Callable[[str], str],
) -> Iterator[Problem]:
    """Give what a distribution requires that is not there for its Python; `installed` are all, by canonical name."""
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
        there = [each for each in installed.get(canonicalize_name(need.name), ())
                 if each.directory == directory]  # fmt: skip
        if not any(_fits(need, each.version) for each in there):
            has = f"{need.name} {there[0].version} of {label(there[0].owner)}" if there else ""
            yield MissingDistribution(member.label, one.name, _spelt(need), has)


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
