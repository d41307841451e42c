"""The overrides of a host: which packages replace those of a channel, where, and why.

`STATE/overrides/<scope>.json` holds the overrides of one scope: the whole host, one root, or one image file. It names
the blobs of packages that were built here, so that `farm gc` keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from farm.core.names.digest import Digest
from farm.core.names.form import Form, InvalidRecordError
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.trust.index.release_index import ReleaseEntry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class OverrideError(FarmError):
    """An override cannot be made, found or used as requested."""

    code = "override"


@dataclass(frozen=True, slots=True)
class OverrideScope:
    """Where an override applies: `kind` is host, root or image-file; `path` is absolute, empty for the host."""

    kind: str = "host"
    path: str = ""

    @classmethod
    def of(cls, kind: Literal["root", "image-file"], path: Path) -> OverrideScope:
        """Return the scope of a root or an image file."""
        return cls(kind, str(path.resolve()))

    def __str__(self) -> str:
        return self.path or "this host"

    def file(self, folder: Path) -> Path:
        """Return the path of the file with its overrides."""
        return folder / (f"{self.kind}-{Digest.of(self.path.encode()).hex}.json" if self.path else "host.json")


@dataclass(frozen=True, slots=True)
class BuiltHere(Form, record="local build"):
    """A package that was built on this host: its blobs, as a release would name them, and the recipe's directory."""

    entry: ReleaseEntry
    place: str

    def __str__(self) -> str:
        return f"{self.entry.name} {self.entry.version}-{self.entry.revision}, built from {self.place}"


@dataclass(frozen=True, slots=True)
class ChannelPackage(Form, record="package of another channel"):
    """The package of another subscription, in the version of its newest release."""

    channel: str
    package: str

    def __str__(self) -> str:
        return f"{self.package} of {self.channel}"


@dataclass(frozen=True, slots=True)
class Override(Form, record="override"):
    """A replacement of `package` of `channel`. `made_for` and `stands_for` are that package when it was made.

    The replacement is `built`, or else `of_channel`.
    """

    package: str
    channel: str
    why: str
    made_for: str
    stands_for: Digest
    built: BuiltHere | None = None
    of_channel: ChannelPackage | None = None

    @property
    def source(self) -> BuiltHere | ChannelPackage:
        """The replacement."""
        source = self.built or self.of_channel
        assert source is not None  # noqa: S101  (checked where it is read)
        return source

    @property
    def full_name(self) -> str:
        """The package's name with its distribution."""
        return self.package if "/" in self.package else f"{self.channel.partition('/')[0]}/{self.package}"

    def check(self) -> None:
        """Check that there is a replacement. Raises `InvalidRecordError`."""
        if not (self.built or self.of_channel):
            raise InvalidRecordError("override", "built", "says nothing, and neither does 'of-channel'")


@dataclass(frozen=True, slots=True)
class _ScopeFile(Form, record="record of overrides", constants={"format": 1}):
    """The content of a file: the overrides of one scope."""

    kind: str
    path: str
    overrides: tuple[Override, ...]


class Overrides:
    """The overrides of one host's state."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "overrides"

    def of(self, scope: OverrideScope) -> tuple[Override, ...]:
        """Return only the overrides of a scope, sorted. Raises `OverrideError` for a damaged record."""
        path = scope.file(self._folder)
        return _read(path).overrides if path.exists() else ()

    def all(self) -> tuple[tuple[OverrideScope, Override], ...]:
        """Return all overrides with their scopes: those of the host first."""
        files = sorted(self._folder.glob("*.json"), key=lambda path: (path.name != "host.json", path.name))
        return tuple(
            (OverrideScope(found.kind, found.path), override)
            for found in map(_read, files)
            for override in found.overrides
        )

    def for_channel(self, channel: str, scopes: Iterable[OverrideScope]) -> tuple[Override, ...]:
        """Return the overrides for a set of a channel: those of `scopes` take precedence over the host's."""
        found: dict[str, Override] = {}
        for scope in (OverrideScope(), *scopes):
            found |= {override.package: override for override in self.of(scope) if override.channel == channel}
        return tuple(found[name] for name in sorted(found))

    def add(self, scope: OverrideScope, override: Override) -> None:
        """Add an override; it replaces another one for the same package."""
        replaced = (override.channel, override.package)
        kept = [other for other in self.of(scope) if (other.channel, other.package) != replaced]
        self._write(scope, [*kept, override])

    def remove(self, scope: OverrideScope, package: str, channel: str = "") -> Override:
        """Remove the override of a package, by its short or full name; `channel` where several channels have one.

        Raises `OverrideError` where there is none.
        """
        own = self.of(scope)
        found = [
            override
            for override in own
            if package in (override.package, override.full_name) and channel in ("", override.channel)
        ]
        if len(found) != 1:
            there = ", ".join(f"{override.package} of {override.channel}" for override in own)
            trouble = "there is no override of" if not found else "overrides of several channels stand in for"
            raise OverrideError(
                f"{trouble} {package} for {scope}",
                remedy=f"Overridden there: {there}." if own else "Nothing is overridden there.",
            )
        self._write(scope, [override for override in own if override != found[0]])
        return found[0]

    def _write(self, scope: OverrideScope, overrides: list[Override]) -> None:
        path = scope.file(self._folder)
        if not overrides:
            path.unlink(missing_ok=True)
            return
        ordered = sorted(overrides, key=lambda override: (override.channel, override.package))
        replace_file(path, _ScopeFile(scope.kind, scope.path, tuple(ordered)).to_json())


def _read(path: Path) -> _ScopeFile:
    # Continuing without it would silently remove a replacement that the user made on purpose.
    remedy = "Remove the file, and add the overrides again."
    return _ScopeFile.read_json(path.read_bytes(), lambda why: OverrideError(f"{path}: {why}", remedy=remedy))
