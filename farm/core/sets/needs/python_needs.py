"""The requirements of installed Python distributions (PEP 508) on those in the same directory."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion
from packaging.version import Version as PythonVersion

from farm.core.package.python_facts import python_directory
from farm.core.sets.findings.need_problem import MissingDistribution, MissingForExtra, OtherPython, UnknownPython

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from packaging.markers import Marker

    from farm.core.package.python_facts import PythonDistribution
    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member

# The variables of markers that depend on the version of Python, and those that depend on the running kernel.
_BY_VERSION = ("python_version", "python_full_version", "implementation_version")
_BY_KERNEL = ("platform_release", "platform_version")


class Installed(NamedTuple):
    """A Python distribution of the member `owner`, in a directory of modules."""

    directory: str
    distribution: PythonDistribution
    owner: str


class _Interpreter(NamedTuple):
    """What a marker is evaluated for: a version of Python, empty if unknown, and a machine (`uname -m`)."""

    version: str
    machine: str


def _python_of(directory: str, pythons: Mapping[str, str]) -> str:
    """Return the version of the Python that uses a directory of modules; empty if it is not known.

    `pythons` are those of a set: for each minor version (`13`) the full one, or `3.13.999` for any of them.
    """
    minor = directory.removeprefix("lib/python3").removeprefix(".")
    if not minor and len(pythons) == 1:
        return next(iter(pythons.values()))
    return pythons.get(minor, f"3.{minor}.999") if minor.isdigit() else ""


def wanted_keys(distribution: PythonDistribution) -> Iterator[str]:
    """Yield the keys of all that a distribution may require, extras included: `python:NAME`, `extra:NAME`."""
    for need in _requirements(distribution):
        yield f"python:{canonicalize_name(need.name)}"
        if need.extras:
            yield f"extra:{canonicalize_name(need.name)}"


def prove_distribution(
    member: Member,
    distribution: PythonDistribution,
    installed: Mapping[str, Sequence[Installed]],
    pythons: Mapping[str, str],
    label: Callable[[str], str],
) -> Iterator[Problem]:
    """Yield what a distribution requires and its Python lacks; `installed` are all distributions, by canonical name."""
    directory = python_directory(distribution.path)
    python = _Interpreter(_python_of(directory, pythons), member.descriptor.platform.machine)
    if python.version and not _wants(distribution, python.version):
        why = f"{distribution.name} requires Python {distribution.requires_python}"
        yield OtherPython(member.label, distribution.path, why, _minor(python.version))
    seen: set[tuple[str, str]] = set()
    for need in _requirements(distribution):
        if not _holds(need.marker, python):
            continue
        there, fit = _found(need, directory, installed)
        if fit is None:
            yield MissingDistribution(member.label, distribution.name, _spelt(need), _instead(need, there, label))
        for owner, lacking, others in _lacking_for_extras(need, fit, installed, python, seen):
            through = f"{need.name}[{','.join(sorted(need.extras))}]"
            has = _instead(lacking, others, label)
            yield MissingForExtra(member.label, distribution.name, through, label(owner), _spelt(lacking), has)


def note_distribution(
    member: Member, distribution: PythonDistribution, pythons: Mapping[str, str]
) -> Iterator[UnknownPython]:
    """Yield the note that requirements of a distribution are not judged, because its Python is not known."""
    by_version = distribution.requires_python or any(
        need.marker is not None and _goes_by(_BY_VERSION, need.marker) for need in _requirements(distribution)
    )
    if by_version and not _python_of(python_directory(distribution.path), pythons):
        versions = tuple(f"3.{minor}" for minor in sorted(pythons, key=int))
        yield UnknownPython(member.name, distribution.name, versions)


def _lacking_for_extras(
    need: Requirement,
    fit: Installed | None,
    installed: Mapping[str, Sequence[Installed]],
    python: _Interpreter,
    seen: set[tuple[str, str]],
) -> Iterator[tuple[str, Requirement, Sequence[Installed]]]:
    """Yield the unmet requirements of a requirement's extras: the owner, the requirement, and what there is instead.

    An extra may require further extras, also of its own distribution: `seen` are those that were followed.
    """
    for extra in sorted(map(canonicalize_name, need.extras)):
        name = canonicalize_name(need.name)
        if fit is None or (name, extra) in seen:
            continue
        seen.add((name, extra))
        for further in _requirements(fit.distribution):
            # What is required without the extra is reported for its own distribution, except for further extras.
            if not _holds(further.marker, python, extra):
                continue
            there, found = _found(further, fit.directory, installed)
            if found is None and not _holds(further.marker, python):
                yield fit.owner, further, there
            yield from _lacking_for_extras(further, found, installed, python, seen)


def _found(
    need: Requirement, directory: str, installed: Mapping[str, Sequence[Installed]]
) -> tuple[Sequence[Installed], Installed | None]:
    """Return the distributions of a requirement's name in a directory, and the first one that fits."""
    there = [found for found in installed.get(canonicalize_name(need.name), ()) if found.directory == directory]
    return there, next((found for found in there if _fits(need, found.distribution.version)), None)


def _instead(need: Requirement, there: Sequence[Installed], label: Callable[[str], str]) -> str:
    return f"{need.name} {there[0].distribution.version} of {label(there[0].owner)}" if there else ""


def _requirements(distribution: PythonDistribution) -> Iterator[Requirement]:
    return (need for line in distribution.requires if (need := _requirement(line)) is not None)


@lru_cache(maxsize=4096)
def _requirement(line: str) -> Requirement | None:
    try:
        return Requirement(line)
    except InvalidRequirement:
        return None  # older than the grammar


def _wants(distribution: PythonDistribution, python: str) -> bool:
    wanted = distribution.requires_python
    try:
        return not wanted or SpecifierSet(wanted).contains(python, prereleases=True)
    except InvalidSpecifier:
        return True  # pip ignores it too


def _goes_by(variables: tuple[str, ...], marker: Marker) -> bool:
    return any(name in str(marker) for name in variables)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _holds(marker: Marker | None, python: _Interpreter, extra: str = "") -> bool:
    """Return whether a marker holds on the farm's only system, for an installation with this extra, or without any.

    A marker that depends on an unknown version of Python does not hold: nothing is required then, and a note says so.
    Nor does one that depends on the kernel, which no set has: so every judge gets the same result.
    """
    if marker is None:
        return True
    if (not python.version and _goes_by(_BY_VERSION, marker)) or _goes_by(_BY_KERNEL, marker):
        return False
    environment = {
        "python_version": _minor(python.version),
        "python_full_version": python.version,
        "implementation_version": python.version,
        "platform_machine": python.machine,
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "extra": extra,
    }
    try:
        return marker.evaluate(environment)
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return False


def _fits(need: Requirement, version: str) -> bool:
    try:
        return need.specifier.contains(PythonVersion(version), prereleases=True)
    except InvalidVersion:
        return not need.specifier


def _spelt(need: Requirement) -> str:
    return f"{need.name}{need.specifier}"
