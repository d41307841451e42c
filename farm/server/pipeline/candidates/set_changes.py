"""What changed from one package set to another, as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from farm.server.channels import releases
from farm.server.channels.candidates import Change
from farm.server.federation import imported
from farm.server.packages import packages
from farm.server.pipeline.candidates.release_contents import imports_of
from farm.trust.index.imports import imported_descriptors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel import Session

    from farm.core.names.digest import Digest
    from farm.server.tables.records import ImportedPackage, Package
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SetChange:
    """A package that is in one of two sets only, or in both as another build. `before` or `after` is None then.

    `atom` and `state` are those that a candidate's change has.
    """

    name: str
    before: Package | ImportedPackage | None
    after: Package | ImportedPackage | None
    atom: str = ""
    state: str = ""

    @property
    def kind(self) -> Literal["new", "gone", "version", "rebuilt"]:
        """`version` when version or revision differ, `rebuilt` when neither does and the files, or facts, do."""
        if self.before is None:
            return "new"
        if self.after is None:
            return "gone"
        same = (self.before.version, self.before.revision) == (self.after.version, self.after.revision)
        return "rebuilt" if same else "version"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        form = {"package": self.name, "change": self.kind, "before": _build(self.before), "after": _build(self.after)}
        return form | ({"atom": self.atom, "state": self.state} if self.state else {})


@dataclass(frozen=True, slots=True)
class SetChanges:
    """The changes by name: the first of them, and how many there are."""

    shown: Sequence[SetChange]
    count: int


def with_packages(session: Session, changes: Iterable[Change], *, limit: int | None = None) -> SetChanges:
    """Return changes by name with their packages, `limit` of them at most."""
    found = sorted(changes, key=lambda change: change.name)
    some = found[:limit]
    digests = {digest for change in some for digest in (change.before, change.after) if digest}
    known: dict[Digest, Package | ImportedPackage] = {
        **packages.by_digest(session, digests),
        **imported.packages_by_digest(session, digests),
    }

    def package(digest: Digest | None) -> Package | ImportedPackage | None:
        return known[digest] if digest else None

    shown = [
        SetChange(change.name, package(change.before), package(change.after), change.atom, change.state)
        for change in some
    ]
    return SetChanges(shown, len(found))


def between(unit: UnitOfWork, channel: str, old: int, new: int, *, limit: int | None = None) -> SetChanges:
    """Return what differs between two releases of a channel; costs what differs, not what they hold.

    What they have taken of other distributions is among it, by full names.
    """
    found = releases.release_difference(unit.session, channel, old, new)
    before, after = (_taken(unit, channel, number) for number in (old, new))
    for name in before.keys() | after.keys():
        if before.get(name) != after.get(name):
            found[name] = before.get(name), after.get(name)
    return with_packages(unit.session, (Change(name, *digests) for name, digests in found.items()), limit=limit)


def _taken(unit: UnitOfWork, channel: str, number: int) -> dict[str, Digest]:
    record = releases.release(unit.session, channel, number)
    return imported_descriptors(imports_of(unit, record)) if record else {}


def _build(package: Package | ImportedPackage | None) -> dict[str, Any] | None:
    return {"version": package.printed_version, "package": package.digest} if package else None
