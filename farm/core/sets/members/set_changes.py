"""What makes one set of packages of another, package by package. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from farm.core.sets.members.set_record import PlacedPackage, SetRecord


@dataclass(frozen=True, slots=True)
class PackageChange:
    """One package that is not as it was: `old` is None for one that came in, `new` for one that went."""

    name: str
    old: PlacedPackage | None
    new: PlacedPackage | None

    def __str__(self) -> str:
        """Return it in words: `jq 1.7.1-1 → 1.7.1-2`."""
        if self.old is None:
            return f"{self.name} {_version(self.new)}, new"
        if self.new is None:
            return f"{self.name} {_version(self.old)}, gone"
        if self.old.full_version == self.new.full_version:
            return f"{self.name} {self.new.full_version}, another build"
        return f"{self.name} {self.old.full_version} → {self.new.full_version}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "name": self.name,
            "old": _side(self.old),
            "new": _side(self.new),
        }


def changes(old: SetRecord | None, new: SetRecord) -> tuple[PackageChange, ...]:
    """Return the packages that two sets do not have alike, sorted by name."""
    before = {str(package.name): package for package in old.packages} if old else {}
    after = {str(package.name): package for package in new.packages}
    found = ((name, before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys()))
    return tuple(PackageChange(_called(name, old or new), was, now) for name, was, now in found if _differ(was, now))


def _differ(one: PlacedPackage | None, other: PlacedPackage | None) -> bool:
    return one is None or other is None or one.descriptor != other.descriptor


def _called(name: str, record: SetRecord) -> str:
    """Return a package's short name where it is of the distribution that the set is of, else the full one."""
    own = {release.distribution for release in record.releases}
    distribution, _, short = name.rpartition("/")
    return short if own == {distribution} else name


def _version(package: PlacedPackage | None) -> str:
    return package.full_version if package else ""


def _side(package: PlacedPackage | None) -> dict[str, str] | None:
    return {"version": package.full_version, "descriptor": package.descriptor} if package else None
