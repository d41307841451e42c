"""What releases hold and how they differ, for people and programs; imported packages included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from farm.core.names.printed_version import FIRST_BUILD
from farm.server.channels import differences, releases
from farm.server.channels.candidates import Change
from farm.server.federation import imported
from farm.server.packages import packages
from farm.store.errors import MissingBlobError
from farm.trust.index.imports import imported_descriptors
from farm.trust.index.release_index import Release

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session

    from farm.core.names.digest import Digest
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.tables.records import ImportedPackageRecord, Package
    from farm.server.transaction.unit_of_work import UnitOfWork
    from farm.trust.index.imports import Import


@dataclass(frozen=True, slots=True)
class ReleaseImport:
    """What a release imports from one other distribution, packages sorted by name."""

    pin: Import
    packages: tuple[ImportedPackageRecord, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values; `release` is the pinned release's digest, `root` the fingerprint of root metadata."""
        names = ("distribution", "channel", "number", "release", "root", "address")
        pinned = {name: getattr(self.pin, name) for name in names}
        return {**pinned, "packages": [package_to_dict(package) for package in self.packages]}


def package_to_dict(package: Package | ImportedPackageRecord) -> dict[str, Any]:
    """Return a package in the form that lists of a release use."""
    named = {"name": package.name, "version": package.version, "revision": package.revision, "package": package.digest}
    return {**named, **build_to_dict(package)}


def build_to_dict(package: Package | ImportedPackageRecord) -> dict[str, int]:
    """Return the build number of a package; empty for a first build, whose number is not shown."""
    return {"build": package.build} if package.build != FIRST_BUILD else {}


def imports_of(unit: UnitOfWork, record: ReleaseRecord) -> tuple[Import, ...]:
    """Return the imports that the signed head of a release names; none for a release older than that field."""
    try:
        return Release.from_json(unit.blobs.read(record.digest)).imports
    except MissingBlobError:
        return ()


def imported_packages(unit: UnitOfWork, record: ReleaseRecord) -> tuple[ReleaseImport, ...]:
    """Return the imports of a release, by distribution."""
    imports = imports_of(unit, record)
    known = imported.packages_by_digest(unit.session, imported_descriptors(imports).values())
    return tuple(
        ReleaseImport(pin, tuple(known[package.descriptor] for package in pin.packages if package.descriptor in known))
        for pin in imports
    )


@dataclass(frozen=True, slots=True)
class SetChange:
    """A package that is in one of two sets only, or in both as different builds. `before` or `after` may be None.

    `atom` and `state` are those of a candidate's change.
    """

    name: str
    before: Package | ImportedPackageRecord | None
    after: Package | ImportedPackageRecord | None
    atom: str = ""
    state: str = ""

    @property
    def kind(self) -> Literal["new", "gone", "version", "rebuilt"]:
        """`version` if version or revision differ; `rebuilt` if neither does but the files or facts do."""
        if self.before is None:
            return "new"
        if self.after is None:
            return "gone"
        same = (self.before.version, self.before.revision) == (self.after.version, self.after.revision)
        return "rebuilt" if same else "version"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        form = {
            "package": self.name,
            "change": self.kind,
            "before": _version_to_dict(self.before),
            "after": _version_to_dict(self.after),
        }
        return form | ({"atom": self.atom, "state": self.state} if self.state else {})


@dataclass(frozen=True, slots=True)
class SetChanges:
    """The first changes by name, and the number of all changes."""

    shown: Sequence[SetChange]
    count: int


def with_packages(session: Session, changes: Iterable[Change], *, limit: int | None = None) -> SetChanges:
    """Return changes by name with their packages, at most `limit` of them."""
    found = sorted(changes, key=lambda change: change.name)
    some = found[:limit]
    digests = {digest for change in some for digest in (change.before, change.after) if digest}
    known: dict[Digest, Package | ImportedPackageRecord] = {
        **packages.by_digest(session, digests),
        **imported.packages_by_digest(session, digests),
    }

    def package(digest: Digest | None) -> Package | ImportedPackageRecord | None:
        return known[digest] if digest else None

    shown = [
        SetChange(change.name, package(change.before), package(change.after), change.atom, change.state)
        for change in some
    ]
    return SetChanges(shown, len(found))


def between(unit: UnitOfWork, channel: str, old: int, new: int, *, limit: int | None = None) -> SetChanges:
    """Return the differences between two releases of a channel; the cost is that of the differences, not of the sets.

    Imported packages are included, by full name.
    """
    found = releases.release_difference(unit.session, channel, old, new)
    found |= differences.between(_taken(unit, channel, old), _taken(unit, channel, new))
    return with_packages(unit.session, (Change(name, *digests) for name, digests in found.items()), limit=limit)


def _taken(unit: UnitOfWork, channel: str, number: int) -> dict[str, Digest]:
    record = releases.release(unit.session, channel, number)
    return imported_descriptors(imports_of(unit, record)) if record else {}


def _version_to_dict(package: Package | ImportedPackageRecord | None) -> dict[str, Any] | None:
    return {"version": package.printed_version, "package": package.digest} if package else None
