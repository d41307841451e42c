"""The index of a release: one small document → shards by digest → descriptors. Pure values and their digests.

A package's entry lies in the shard that the digest of its name picks, so a release that changes one package
changes one shard, and a client that looks for one package fetches one shard.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.errors import FarmError
from farm.names import Digest, InvalidDigestError, canonical_json
from farm.plan import BlobRef, InvalidRecordError
from farm.plan.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT = 1
ENTRIES_PER_SHARD = 64
"""What the number of shards aims at: a shard of 64 entries has some 50 kB, and 100,000 packages make 2,048 of them."""


class InvalidReleaseError(FarmError):
    """Bytes that should be a release or a shard of one are not, or contradict what points at them."""

    code = "invalid-release"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEntry:
    """One package of a release. `needs` are the packages (short names) that meet its run-time requirements."""

    name: str
    version: str
    revision: int
    summary: str
    descriptor: BlobRef
    archive: BlobRef
    manifest: BlobRef
    facts: BlobRef
    provenance: BlobRef
    recipe: Digest
    needs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as the shard's canonical JSON spells it."""
        return {
            "archive": self.archive.to_dict(),
            "descriptor": self.descriptor.to_dict(),
            "facts": self.facts.to_dict(),
            "manifest": self.manifest.to_dict(),
            "name": self.name,
            "needs": list(self.needs),
            "provenance": self.provenance.to_dict(),
            "recipe": self.recipe,
            "revision": self.revision,
            "summary": self.summary,
            "version": self.version,
        }

    @classmethod
    def from_dict(cls, value: Any) -> ReleaseEntry:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record(value, "entry of a release")
        entry = cls(
            name=record.text("name"),
            version=record.text("version"),
            revision=record.number("revision", minimum=1),
            summary=record.text("summary"),
            descriptor=BlobRef.from_dict(record.value("descriptor")),
            archive=BlobRef.from_dict(record.value("archive")),
            manifest=BlobRef.from_dict(record.value("manifest")),
            facts=BlobRef.from_dict(record.value("facts")),
            provenance=BlobRef.from_dict(record.value("provenance")),
            recipe=record.digest("recipe"),
            needs=record.texts("needs"),
        )
        record.end()
        return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The signed head of a release: its number, the digest of its predecessor, and its shards in order.

    `released_at` is RFC 3339 in UTC to the second, `package_set` what `farm.compat.set_digest` says.
    """

    distribution: str
    channel: str
    number: int
    previous: Digest | None
    released_at: str
    package_set: Digest
    shards: tuple[BlobRef, ...]

    def to_json(self) -> bytes:
        """Return the canonical JSON, which is what is signed as a TUF target."""
        return canonical_json(
            {
                "channel": self.channel,
                "distribution": self.distribution,
                "format": FORMAT,
                "number": self.number,
                "package-set": self.package_set,
                "previous": self.previous,
                "released-at": self.released_at,
                "shards": [shard.to_dict() for shard in self.shards],
            }
        )

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: the name of this release for ever."""
        return Digest.of(self.to_json())

    @classmethod
    def from_json(cls, content: bytes) -> Release:
        """Read canonical JSON; raises `InvalidReleaseError`."""
        try:
            record = Record(json.loads(content), "release")
            if (number := record.number("format")) != FORMAT:
                raise InvalidReleaseError(
                    f"the release has format {number}, this farm reads {FORMAT}", remedy="Upgrade the farm."
                )
            previous = record.value("previous")
            release = cls(
                distribution=record.text("distribution"),
                channel=record.text("channel"),
                number=record.number("number", minimum=1),
                previous=None if previous is None else Digest(previous),
                released_at=record.text("released-at"),
                package_set=record.digest("package-set"),
                shards=record.each("shards", BlobRef.from_dict),
            )
            record.end()
        except (ValueError, InvalidRecordError, InvalidDigestError) as error:
            raise InvalidReleaseError(f"this is not a release: {error}") from error
        if release.to_json() != content:
            raise InvalidReleaseError("the release is not in canonical form")
        return release

    def shard_of(self, name: str) -> BlobRef:
        """Return the shard in which the package of this short name stands, if it is there at all."""
        return self.shards[shard_number(name, len(self.shards))]


def shard_number(name: str, count: int) -> int:
    """Return which of `count` shards (a power of two) holds the package: the leading bits of the name's digest."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") * count >> 32


def shard_count(packages: int) -> int:
    """Return the number of shards for so many packages: a power of two, so that growing splits shards in half."""
    return 1 << max(0, (packages // ENTRIES_PER_SHARD).bit_length())


def index_shards(entries: Iterable[ReleaseEntry]) -> tuple[bytes, ...]:
    """Return the shards of these packages, in order: canonical JSON that depends on nothing but the entries."""
    ordered = sorted(entries, key=lambda entry: entry.name)
    count = shard_count(len(ordered))
    by_shard: Mapping[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in ordered:
        by_shard[shard_number(entry.name, count)].append(entry.to_dict())
    return tuple(canonical_json({"entries": by_shard[n], "format": FORMAT}) for n in range(count))


def read_shard(content: bytes) -> dict[str, ReleaseEntry]:
    """Read a shard into its entries by short name; raises `InvalidReleaseError`."""
    try:
        record = Record(json.loads(content), "shard of a release")
        if record.number("format") != FORMAT:
            raise InvalidReleaseError("the shard has another format than this farm reads", remedy="Upgrade the farm.")
        entries = record.each("entries", ReleaseEntry.from_dict)
        record.end()
    except (ValueError, InvalidRecordError, InvalidDigestError) as error:
        raise InvalidReleaseError(f"this is not a shard of a release: {error}") from error
    by_name = {entry.name: entry for entry in entries}
    if len(by_name) != len(entries):
        raise InvalidReleaseError("the shard names a package twice")
    return by_name
