"""A set of packages as it was installed, run or put into an image: what a generation, an image and a lock file record.

Whoever holds the record can say which packages there are, of which releases they are, and which of them stand in for
others. Pure values.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.json_reader import InvalidRecordError, Record
from farm.core.names.package_name import InvalidPackageNameError, PackageName
from farm.core.names.printed_version import FIRST_BUILD, printed_version
from farm.core.names.version import InvalidVersionError, Version
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping


FORMAT = 1
_WHAT = "record of a set"
_PACKAGE = "package of a set"
_CHANNEL = re.compile(r"[a-z0-9.-]+/[a-z0-9][a-z0-9+.-]*")
_STORE = re.compile(r"[A-Za-z0-9.+~-]+")


class InvalidSetRecordError(FarmError):
    """A text that should be the record of a set is none."""

    code = "invalid-set-record"


@dataclass(frozen=True, slots=True, order=True)
class ReleaseRef:
    """One release of a channel. `release` is the digest of its signed head: the release itself, for ever."""

    distribution: str
    channel: str
    number: int
    release: Digest

    def __str__(self) -> str:
        return f"{self.distribution}/{self.channel}@{self.number}"

    @property
    def subscription(self) -> str:
        """The channel as subscriptions know it."""
        return f"{self.distribution}/{self.channel}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "channel": self.channel,
            "distribution": self.distribution,
            "number": self.number,
            "release": self.release,
        }

    @classmethod
    def from_dict(cls, value: Any) -> ReleaseRef:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "release")
        ref = cls(
            record.text("distribution"),
            record.text("channel"),
            record.number("number", minimum=1),
            record.digest("release"),
        )
        record.end()
        if not _CHANNEL.fullmatch(ref.subscription):
            raise InvalidRecordError("release", "channel", f"is {ref.subscription!r:.100}, no distribution and channel")
        return ref


@dataclass(frozen=True, slots=True)
class BrokenGuarantees:
    """What does not hold in a set because a package stands in for `instead_of` (`openssl 3.5.3-1`), another build.

    `dependents` need it, directly or not, and were not tested with it; `problems` are what the proof found wrong
    because of it, in words; `copies` are packages that hold code of other builds still, linked in when they were built.
    `made_for` is the package for which the user made the override, where the channel has another by now.
    """

    instead_of: str
    dependents: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    made_for: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "copies": list(self.copies),
            "dependents": list(self.dependents),
            "instead-of": self.instead_of,
            "made-for": self.made_for,
            "problems": list(self.problems),
        }

    @classmethod
    def from_dict(cls, value: Any) -> BrokenGuarantees:
        """Read what `to_dict` gave; raises `InvalidRecordError`."""
        record = Record(value, "what an override voids")
        void = cls(
            instead_of=record.text("instead-of"),
            dependents=record.texts("dependents"),
            problems=record.texts("problems"),
            copies=record.texts("copies"),
            made_for=record.text("made-for"),
        )
        record.end()
        return void


@dataclass(frozen=True, slots=True)
class PlacedPackage:
    """A package of a set: its full name, version and revision, descriptor, and directory under `/packages`.

    `channel` is the subscription (`dist.example.org/edge`) whose release brought it; empty for a local build.
    `stands_for` is the descriptor of the package that the others were released with, `why` what the user said: set when
    the package is an override, and then the release's guarantees do not hold for it. `void` says which do not.
    `build` is the build number that its provenance names. It is no part of the record, whose readers of before would
    refuse it: whoever keeps a record keeps `SetRecord.builds` beside it.
    """

    name: PackageName
    version: str
    revision: int
    descriptor: Digest
    store: str
    channel: str = ""
    stands_for: Digest | None = None
    why: str = ""
    void: BrokenGuarantees | None = None
    build: int = field(default=FIRST_BUILD, compare=False)

    @property
    def is_override(self) -> bool:
        """Whether it stands in for another package."""
        return self.stands_for is not None or bool(self.why)

    @property
    def full_version(self) -> str:
        """Version, revision and build number, as people see them: `1.7.1-1`."""
        return printed_version(self.version, self.revision, self.build)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        form = {
            "channel": self.channel,
            "descriptor": self.descriptor,
            "name": str(self.name),
            "revision": self.revision,
            "stands-for": self.stands_for,
            "store": self.store,
            "version": self.version,
            "why": self.why,
        }
        # Only of overrides, so that all other records, and with them images, are spelt as ever.
        return form | ({"void": self.void.to_dict()} if self.void else {})

    @classmethod
    def from_dict(cls, value: Any) -> PlacedPackage:
        """Read what `to_dict` gave.

        Raises `InvalidRecordError`, `InvalidDigestError`, `InvalidPackageNameError`, `InvalidVersionError`.
        """
        record = Record(value, _PACKAGE)
        package = cls(
            name=PackageName.parse(record.text("name")),
            version=Version(record.text("version")).text,
            revision=record.number("revision", minimum=1),
            descriptor=record.digest("descriptor"),
            store=record.text("store"),
            channel=record.text("channel"),
            stands_for=record.read("stands-for", lambda text: None if text is None else Digest(text)),
            why=record.text("why"),
            void=record.read("void", BrokenGuarantees.from_dict) if "void" in value else None,
        )
        record.end()
        # Paths are made of it. That it is what the descriptor says, who verifies the set looks at.
        if not package.store.startswith(f"{package.name.short}-") or not _STORE.fullmatch(package.store):
            raise InvalidRecordError(
                _PACKAGE, "store", f"is {package.store!r:.100}, no directory of {package.name.short}"
            )
        if package.channel and not _CHANNEL.fullmatch(package.channel):
            raise InvalidRecordError(_PACKAGE, "channel", f"is {package.channel!r:.100}, no distribution and channel")
        return package


@dataclass(frozen=True, slots=True)
class SetRecord:
    """The packages of a set, sorted by name, what was asked for, and the releases that they are of.

    `asked` are the names as the user gave them, sorted; all else came in because these need it.
    """

    asked: tuple[str, ...]
    packages: tuple[PlacedPackage, ...]
    releases: tuple[ReleaseRef, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "asked", tuple(sorted(set(self.asked))))
        object.__setattr__(self, "packages", tuple(sorted(self.packages, key=lambda each: each.name)))
        object.__setattr__(self, "releases", tuple(sorted(set(self.releases))))

    @property
    def digest(self) -> Digest:
        """The name of the set, whatever was asked for and whichever releases hold it: a digest over its descriptors."""
        return Digest.of_json([[str(package.name), package.descriptor] for package in self.packages])

    @property
    def builds(self) -> dict[str, int]:
        """The build numbers that are to be shown, by full name: those above the first."""
        return {str(package.name): package.build for package in self.packages if package.build != FIRST_BUILD}

    def with_builds(self, builds: Mapping[str, int]) -> SetRecord:
        """Return the same set with these build numbers, by full name."""
        numbered = (replace(package, build=builds.get(str(package.name), FIRST_BUILD)) for package in self.packages)
        return replace(self, packages=tuple(numbered))

    @property
    def overrides(self) -> tuple[PlacedPackage, ...]:
        """The packages that stand in for others."""
        return tuple(package for package in self.packages if package.is_override)

    def package(self, name: str) -> PlacedPackage | None:
        """Return the package of a full name, or of a short one that only one package has."""
        found = [each for each in self.packages if name in (str(each.name), each.name.short)]
        exact = [each for each in found if name == str(each.name)] or found
        return exact[0] if len(exact) == 1 else None

    def to_json(self) -> bytes:
        """Return the canonical JSON."""
        return canonical_json(
            {
                "asked": list(self.asked),
                "format": FORMAT,
                "packages": [package.to_dict() for package in self.packages],
                "releases": [release.to_dict() for release in self.releases],
            }
        )

    @classmethod
    def from_json(cls, content: bytes) -> SetRecord:
        """Read what `to_json` gave, in any spelling of JSON; raises `InvalidSetRecordError`."""
        try:
            record = Record(json.loads(content), _WHAT)
            if (found := record.value("format")) != FORMAT:
                raise InvalidSetRecordError(
                    f"this {_WHAT} has format {found!r:.100}, this farm reads format {FORMAT}",
                    remedy="Upgrade the farm.",
                )
            read = cls(
                asked=record.texts("asked"),
                packages=record.each("packages", PlacedPackage.from_dict),
                releases=record.each("releases", ReleaseRef.from_dict),
            )
            record.end()
            _check_names(read)
        except (
            ValueError,
            InvalidRecordError,
            InvalidDigestError,
            InvalidPackageNameError,
            InvalidVersionError,
        ) as error:
            raise InvalidSetRecordError(f"this is no {_WHAT}: {error}") from error
        return read


def read_builds(value: Any) -> dict[str, int]:
    """Read build numbers that were kept beside a record: what is no number is left out, as it is only shown."""
    named = value.items() if isinstance(value, dict) else ()
    return {str(name): number for name, number in named if type(number) is int and number > FIRST_BUILD}


def _check_names(record: SetRecord) -> None:
    """See that what was asked for are names, and that no package is there twice.

    Raises `InvalidRecordError`, `InvalidPackageNameError`.
    """
    for name in record.asked:
        PackageName.parse(name, within="any.example")
    times = Counter(str(package.name) for package in record.packages)
    if twice := sorted(name for name, number in times.items() if number > 1):
        raise InvalidRecordError(_WHAT, "packages", f"has {', '.join(twice)} more than once")


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
