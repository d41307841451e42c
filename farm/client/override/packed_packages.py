"""Packages that were packed on this host from the user's directories, and sets of a release together with them.

`STATE/packed/<distribution>/<name>.json` names the blobs of each, so that `farm gc` keeps them. They are known by their
full names, belong to no channel, and do not change a release's own set.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.client.override.local_builds import open_built_here
from farm.client.override.overrides import BuiltHere
from farm.client.repository.placed_packages import placed_package
from farm.core.names.package_name import InvalidPackageNameError, PackageName
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.prover import prove
from farm.errors import FarmError, in_lines
from farm.store.durable_file import replace_file
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.core.sets.findings.problem import Problem


class OwnPackageError(FarmError):
    """A package that was packed here is missing or damaged, or its record is."""

    code = "own-package"


class _PackedHere(BuiltHere, record="record of a package", constants={"format": 1}):
    """The content of the record of a package."""


class OwnPackages:
    """The packages of one host by their full names (`mine.example.org/app`)."""

    def __init__(self, host: Host) -> None:
        self._blobs = host.blobs
        self._folder = host.state / "packed"

    def all(self) -> dict[str, BuiltHere]:
        """Return all packages, sorted by name. Raises `OwnPackageError` for a damaged record."""
        found = sorted(self._folder.glob("*/*.json"))
        return {f"{path.parent.name}/{path.name.removesuffix('.json')}": _read(path) for path in found}

    def holds(self, name: str) -> bool:
        """Return whether there is a package of this full name."""
        try:
            return "/" in name and self._file(PackageName.parse(name)).exists()
        except InvalidPackageNameError:
            return False

    def find(self, name: PackageName) -> BuiltHere | None:
        """Find the package of a name, None where there is none. Raises `OwnPackageError`."""
        path = self._file(name)
        return _read(path) if path.exists() else None

    def keep(self, name: PackageName, built: BuiltHere) -> None:
        """Record a package whose blobs are in the store; replaces an earlier one of its name."""
        replace_file(self._file(name), _PackedHere(built.entry, built.place).to_json())

    def forget(self, name: PackageName) -> None:
        """Remove a package; images that hold it keep it. Raises `OwnPackageError` where there is none."""
        if self.find(name) is None:
            there = ", ".join(self.all()) or "none"
            raise OwnPackageError(f"no package {name} was packed here", remedy=f"There are {there}.")
        self._file(name).unlink()

    def open(self, name: str) -> VerifiedPackage:
        """Return a package by its full name, verified by its digests, as a set records it. Raises `OwnPackageError`."""
        built = _read(self._file(PackageName.parse(name)))
        try:
            package = open_built_here(self._blobs, built, is_imported=True)
        except (MissingBlobError, CorruptBlobError) as error:
            raise OwnPackageError(
                f"{name} is incomplete: {error.message}",
                remedy=f"Pack it again: `farm pack {built.place} --name {name} --version {built.entry.version}`.",
            ) from error
        return replace(package, placed=placed_package(package.descriptor))

    def _file(self, name: PackageName) -> Path:
        return self._folder / name.distribution / f"{name.short}.json"


def without_own(host: Host, names: Iterable[str]) -> tuple[str, ...]:
    """Return those of these names that have to come from a release: all except packages that were packed here."""
    own = OwnPackages(host)
    return tuple(name for name in names if not own.holds(name))


def with_own_packages(host: Host, catalogue: Catalogue) -> Catalogue:
    """Return a release whose sets may also name packages that were packed on this host."""
    own = OwnPackages(host)

    def verified(_plain: Catalogue, names: Iterable[str]) -> tuple[VerifiedPackage, ...]:
        asked = set(names)
        mine = sorted(name for name in asked if own.holds(name))
        released = catalogue.verified(sorted(asked - set(mine)))
        if not mine:
            return released
        added = tuple(own.open(name) for name in mine)
        _prove(released, added)
        return (*released, *added)

    return catalogue.overridden(verified)


def _prove(released: Sequence[VerifiedPackage], added: Sequence[VerifiedPackage]) -> None:
    """Check that a set holds with these packages as well as without. Raises `own-package-problem`."""
    before = {problem.message for problem in _problems(released)}
    found = [problem.message for problem in _problems((*released, *added)) if problem.message not in before]
    if found:
        raise FarmError(
            f"{' and '.join(package.name for package in added)} cannot go in:{in_lines(found)}",
            remedy="Name what has it under `packages` too: `farm why --reverse LIBRARY` says which package that is.",
            code="own-package-problem",
        )


def _problems(packages: Iterable[VerifiedPackage]) -> Sequence[Problem]:
    return prove(PackageSet.of(package.member for package in packages)).problems


def _read(path: Path) -> BuiltHere:
    remedy = "Remove it and pack again."
    return _PackedHere.read_json(path.read_bytes(), lambda why: OwnPackageError(f"{path}: {why}", remedy=remedy))
