"""The overrides of a host: which packages replace those of a channel, where, and why.

`STATE/overrides/<scope>.json` holds the overrides of one scope: the whole host, one root, or one image file. It names
the blobs of packages that were built here, so that `farm gc` keeps them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.json_reader import InvalidRecordError, Record
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.trust.index.release_index import ReleaseEntry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FORMAT = 1
_WHAT = "record of overrides"


class OverrideError(FarmError):
    """An override cannot be made, found or used as requested."""

    code = "override"


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an override applies: `kind` is host, root or image-file; `path` is absolute, empty for the host."""

    kind: str = "host"
    path: str = ""

    @classmethod
    def of_root(cls, root: Path) -> Scope:
        """Return the scope of a root."""
        return cls("root", str(root.resolve()))

    @classmethod
    def of_image_file(cls, file: Path) -> Scope:
        """Return the scope of an image file."""
        return cls("image-file", str(file.resolve()))

    def __str__(self) -> str:
        return self.path or "this host"

    def file(self, folder: Path) -> Path:
        """Return the path of the file with its overrides."""
        return folder / (f"{self.kind}-{Digest.of(self.path.encode()).hex}.json" if self.path else "host.json")


@dataclass(frozen=True, slots=True)
class BuiltHere:
    """A package that was built on this host: its blobs, as a release would name them, and the recipe's directory."""

    entry: ReleaseEntry
    place: str

    def __str__(self) -> str:
        return f"{self.entry.name} {self.entry.version}-{self.entry.revision}, built from {self.place}"


@dataclass(frozen=True, slots=True)
class OfChannel:
    """The package of another subscription, in the version of its newest release."""

    channel: str
    package: str

    def __str__(self) -> str:
        return f"{self.package} of {self.channel}"


@dataclass(frozen=True, slots=True)
class Override:
    """`source` replaces `package` of `channel`. `made_for` and `stands_for` are that package when it was made."""

    package: str
    channel: str
    source: BuiltHere | OfChannel
    why: str
    made_for: str
    stands_for: Digest

    @property
    def full_name(self) -> str:
        """The package's name with its distribution."""
        return self.package if "/" in self.package else f"{self.channel.partition('/')[0]}/{self.package}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        built = self.source if isinstance(self.source, BuiltHere) else None
        other = self.source if isinstance(self.source, OfChannel) else None
        return {
            "built": {"entry": built.entry.to_dict(), "place": built.place} if built else None,
            "channel": self.channel,
            "made-for": self.made_for,
            "of-channel": {"channel": other.channel, "package": other.package} if other else None,
            "package": self.package,
            "stands-for": self.stands_for,
            "why": self.why,
        }

    @classmethod
    def from_dict(cls, value: Any) -> Override:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "override")
        built = record.read(
            "built", lambda form: form and BuiltHere(ReleaseEntry.from_dict(form["entry"]), form["place"])
        )
        other = record.read("of-channel", lambda form: form and OfChannel(form["channel"], form["package"]))
        if not (built or other):
            raise InvalidRecordError("override", "built", "says nothing, and neither does 'of-channel'")
        override = cls(
            package=record.text("package"),
            channel=record.text("channel"),
            source=built or other,
            why=record.text("why"),
            made_for=record.text("made-for"),
            stands_for=record.digest("stands-for"),
        )
        record.end()
        return override


class Overrides:
    """The overrides of one host's state."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "overrides"

    def of(self, scope: Scope) -> tuple[Override, ...]:
        """Return only the overrides of a scope, sorted. Raises `OverrideError` for a damaged record."""
        path = scope.file(self._folder)
        return _read(path)[1] if path.exists() else ()

    def all(self) -> tuple[tuple[Scope, Override], ...]:
        """Return all overrides with their scopes: those of the host first."""
        files = sorted(self._folder.glob("*.json"), key=lambda path: (path.name != "host.json", path.name))
        return tuple((scope, override) for scope, found in map(_read, files) for override in found)

    def constraint(self, channel: str, scopes: Iterable[Scope]) -> tuple[Override, ...]:
        """Return the overrides for a set of a channel: those of `scopes` take precedence over the host's."""
        found: dict[str, Override] = {}
        for scope in (Scope(), *scopes):
            found |= {override.package: override for override in self.of(scope) if override.channel == channel}
        return tuple(found[name] for name in sorted(found))

    def add(self, scope: Scope, override: Override) -> None:
        """Add an override; it replaces another one for the same package."""
        kept = [each for each in self.of(scope) if (each.channel, each.package) != (override.channel, override.package)]
        self._write(scope, [*kept, override])

    def remove(self, scope: Scope, package: str, channel: str = "") -> Override:
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
            there = ", ".join(f"{override.package} of {override.channel}" for override in own) or "nothing"
            trouble = "there is no override of" if not found else "overrides of several channels stand in for"
            raise OverrideError(f"{trouble} {package} for {scope}", remedy=f"Overridden there: {there}.")
        self._write(scope, [override for override in own if override != found[0]])
        return found[0]

    def _write(self, scope: Scope, overrides: list[Override]) -> None:
        path = scope.file(self._folder)
        if not overrides:
            path.unlink(missing_ok=True)
            return
        ordered = sorted(overrides, key=lambda each: (each.channel, each.package))
        form = {"kind": scope.kind, "path": scope.path, "overrides": [override.to_dict() for override in ordered]}
        replace_file(path, canonical_json({"format": FORMAT, **form}))


def _read(path: Path) -> tuple[Scope, tuple[Override, ...]]:
    try:
        record = Record(json.loads(path.read_bytes()), _WHAT)
        if record.number("format") != FORMAT:
            raise InvalidRecordError(_WHAT, "format", "is not one that this farm reads")
        scope = Scope(record.text("kind"), record.text("path"))
        overrides = record.each("overrides", Override.from_dict)
        record.end()
    except (ValueError, InvalidRecordError, InvalidDigestError) as error:
        # Continuing without it would silently remove a replacement that the user made on purpose.
        raise OverrideError(
            f"{path} is not a {_WHAT}: {error}", remedy="Remove the file, and add the overrides anew."
        ) from error
    return scope, overrides
