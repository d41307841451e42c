"""A set of packages as it was installed, run or put into an image: what a generation, an image and a lock file record.

The record says which packages a set has, which releases they come from, and which of them replace others. Pure values.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

from farm.core.names.digest import Digest
from farm.core.names.form import Form, InvalidRecordError, Minimum
from farm.core.names.package_name import InvalidPackageNameError, PackageName
from farm.core.names.printed_version import FIRST_BUILD, printed_version
from farm.core.names.version import InvalidVersionError, Version
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping


_PACKAGE = "package of a set"
_CHANNEL = re.compile(r"[a-z0-9.-]+/[a-z0-9][a-z0-9+.-]*")
_STORE = re.compile(r"[A-Za-z0-9.+~-]+")


class InvalidSetRecordError(FarmError):
    """A text is not the record of a set."""

    code = "invalid-set-record"


@dataclass(frozen=True, slots=True, order=True)
class ReleaseRef(Form, record="release"):
    """One release of a channel. `release` is the digest of its signed head, which identifies it permanently."""

    distribution: str
    channel: str
    number: Annotated[int, Minimum(1)]
    release: Digest

    def __str__(self) -> str:
        return f"{self.distribution}/{self.channel}@{self.number}"

    @property
    def subscription(self) -> str:
        """The channel as subscriptions name it."""
        return f"{self.distribution}/{self.channel}"

    def check(self) -> None:
        """Check that it names a channel; raises `InvalidRecordError`."""
        _check_channel("release", self.subscription)


@dataclass(frozen=True, slots=True)
class BrokenGuarantees(Form, record="broken guarantees of an override"):
    """What does not hold in a set because a package replaces `instead_of` (`openssl 3.5.3-1`), another build.

    `dependents` need it, directly or not, and were not tested with it; `problems` are what the proof found wrong
    because of it, in words; `copies` are packages that still hold code of other builds, linked in when they were built.
    `made_for` is the package for which the user made the override, if the channel has another one now.
    """

    instead_of: str
    dependents: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    made_for: str = ""


@dataclass(frozen=True, slots=True)
class PlacedPackage(Form, record=_PACKAGE, keys={"broken": "void"}, omitted={"broken"}, outside={"build"}):
    """A package of a set: its full name, version and revision, descriptor, and directory under `/packages`.

    `channel` is the subscription (`dist.example.org/edge`) whose release brought it; empty for a local build. Of an
    override, `stands_for` is the descriptor of the package that it replaces, `why` the reason that the user gave, and
    `broken` the guarantees of the release that it breaks.
    `build` is the build number of its provenance. Readers of older versions would refuse it in the record, so that it
    is kept beside it, as `SetRecord.builds`.
    """

    name: PackageName
    version: str
    revision: Annotated[int, Minimum(1)]
    descriptor: Digest
    store: str
    channel: str = ""
    stands_for: Digest | None = None
    why: str = ""
    broken: BrokenGuarantees | None = None
    build: int = field(default=FIRST_BUILD, compare=False)

    @property
    def is_override(self) -> bool:
        """Whether it replaces another package."""
        return self.stands_for is not None or bool(self.why)

    @property
    def full_version(self) -> str:
        """Version, revision and build number, as people see them: `1.7.1-1`."""
        return printed_version(self.version, self.revision, self.build)

    def check(self) -> None:
        """Check version, directory and channel. Raises `InvalidRecordError`, `InvalidVersionError`."""
        Version(self.version)
        # Paths are made of the directory. That it is the one of the descriptor is checked when the set is verified.
        if not self.store.startswith(f"{self.name.short}-") or not _STORE.fullmatch(self.store):
            raise InvalidRecordError(_PACKAGE, "store", f"is {self.store!r:.100}, not a directory of {self.name.short}")
        if self.channel:
            _check_channel(_PACKAGE, self.channel)


@dataclass(frozen=True, slots=True)
class SetRecord(Form, record="record of a set", constants={"format": 1}):
    """The packages of a set, sorted by name, the names asked for, and the releases that the packages come from.

    `asked` are the names as the user gave them, sorted; the other packages are there because these need them.
    """

    asked: tuple[str, ...]
    packages: tuple[PlacedPackage, ...]
    releases: tuple[ReleaseRef, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked", tuple(sorted(set(self.asked))))
        object.__setattr__(self, "packages", tuple(sorted(self.packages, key=attrgetter("name"))))
        object.__setattr__(self, "releases", tuple(sorted(set(self.releases))))

    @property
    def digest(self) -> Digest:
        """The digest over its descriptors, which names the set, independent of what was asked for and of releases."""
        return Digest.of_json([[str(package.name), package.descriptor] for package in self.packages])

    @property
    def builds(self) -> dict[str, int]:
        """The build numbers above the first, which are shown, by full name."""
        return {str(package.name): package.build for package in self.packages if package.build != FIRST_BUILD}

    def with_builds(self, builds: Mapping[str, int]) -> SetRecord:
        """Return the same set with these build numbers, by full name."""
        numbered = (replace(package, build=builds.get(str(package.name), FIRST_BUILD)) for package in self.packages)
        return replace(self, packages=tuple(numbered))

    @property
    def overrides(self) -> tuple[PlacedPackage, ...]:
        """The packages that replace others."""
        return tuple(package for package in self.packages if package.is_override)

    def package(self, name: str) -> PlacedPackage | None:
        """Return the package of a full name, or of a short one that only one package has."""
        found = [package for package in self.packages if name in (str(package.name), package.name.short)]
        exact = [package for package in found if name == str(package.name)] or found
        return exact[0] if len(exact) == 1 else None

    @classmethod
    def from_json(cls, content: bytes) -> SetRecord:
        """Read what `to_json` gave, in any spelling of JSON; raises `InvalidSetRecordError`."""
        try:
            return cls.read_json(content, InvalidSetRecordError)
        except (InvalidPackageNameError, InvalidVersionError) as error:
            raise InvalidSetRecordError(f"this is not a valid record of a set: {error}") from error

    def check(self) -> None:
        """Check that the requested names are valid, and that no package is listed twice.

        Raises `InvalidRecordError`, `InvalidPackageNameError`.
        """
        for name in self.asked:
            PackageName.parse(name, within="any.example")
        times = Counter(str(package.name) for package in self.packages)
        if twice := sorted(name for name, number in times.items() if number > 1):
            raise InvalidRecordError("record of a set", "packages", f"has {', '.join(twice)} more than once")


def read_builds(value: Any) -> dict[str, int]:
    """Read the build numbers kept beside a record; anything else is left out, as they are only shown."""
    named = value.items() if isinstance(value, dict) else ()
    return {str(name): number for name, number in named if type(number) is int and number > FIRST_BUILD}


def _check_channel(record: str, channel: str) -> None:
    if not _CHANNEL.fullmatch(channel):
        raise InvalidRecordError(record, "channel", f"is {channel!r:.100}, not a distribution and channel")


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package that differs between two sets: `old` is None for a new one, `new` for one that is gone."""

    name: str
    old: PlacedPackage | None
    new: PlacedPackage | None

    def __str__(self) -> str:
        """Return it in words: `jq 1.7.1-1 → 1.7.1-2`."""
        versions = [package.full_version for package in (self.old, self.new) if package]
        if len(versions) == 1:
            return f"{self.name} {versions[0]}, {'gone' if self.old else 'new'}"
        if versions[0] == versions[1]:
            return f"{self.name} {versions[0]}, another build"
        return f"{self.name} {' → '.join(versions)}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.name, "old": _side(self.old), "new": _side(self.new)}


def changes(old: SetRecord | None, new: SetRecord) -> tuple[PackageChange, ...]:
    """Return the packages that differ between two sets, sorted by name."""
    before = {str(package.name): package for package in old.packages} if old else {}
    after = {str(package.name): package for package in new.packages}
    found = ((name, before.get(name), after.get(name)) for name in sorted(before.keys() | after.keys()))
    return tuple(
        PackageChange(_shown_name(name, old or new), was, now)
        for name, was, now in found
        if was is None or now is None or was.descriptor != now.descriptor
    )


def _shown_name(name: str, record: SetRecord) -> str:
    """Return the short name of a package of the distribution that the set comes from, the full name of others."""
    own = {release.distribution for release in record.releases}
    distribution, _, short = name.rpartition("/")
    return short if own == {distribution} else name


def _side(package: PlacedPackage | None) -> dict[str, str] | None:
    return {"version": package.full_version, "descriptor": package.descriptor} if package else None
