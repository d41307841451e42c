"""The head of a release, which is signed, and the entries of its packages. Pure values and their digests.

The head names the root of a tree of nodes (`index_node`), whose leaves name the entries: so a release that changes one
package adds one entry and the nodes on its path, and a client that looks for one package fetches no more than those.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.json_reader import InvalidRecordError, Record
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.trust.blob_limits import LARGEST
from farm.trust.index.imports import Import, check_imports

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = 2
LARGEST_NODE = 256 * 1024
LARGEST_ENTRY = 1024 * 1024
"""Bytes that a node, or the entry of a package, may have as blobs: what names a larger one is refused."""
_MOMENT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z")


class InvalidReleaseError(FarmError):
    """Bytes that should be a release, or a part of its index, are not, or contradict what points at them."""

    code = "invalid-release"


class OversizedError(InvalidReleaseError):
    """A release says that a blob is larger than any of its kind may be."""

    def __init__(self, package: str, kind: str, blob: BlobRef) -> None:
        super().__init__(
            f"the release says that the {kind} of {package} has {blob.size} bytes, and the most is {LARGEST[kind]}",
            remedy="Nothing of it was asked for. Tell the owner of the channel.",
        )
        self.kind = kind
        self.blob = blob


class NotASuccessorError(FarmError):
    """A release is older than one that was seen before, by its number or by its time."""

    code = "not-a-successor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEntry:
    """One package of a release.

    `needs` are the packages that meet its run-time requirements: own ones by short, foreign ones by full name.
    `provenance` is that of the build whose archive is published, `rebuilds` are those of other builders who came to the
    same package, sorted by digest; `sbom` is an SPDX document.
    """

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
    rebuilds: tuple[BlobRef, ...] = ()
    sbom: BlobRef | None = None
    tests: Digest | None = None

    @property
    def tested_by(self) -> Digest:
        """The recipe whose tests and waivers count."""
        return self.tests or self.recipe

    @property
    def recipes(self) -> tuple[Digest, ...]:
        """The recipe that it was built from, and the one whose tests ran where that is another."""
        return (self.recipe, self.tests) if self.tests else (self.recipe,)

    @property
    def blobs(self) -> tuple[BlobRef, ...]:
        """Every blob that the entry names."""
        return tuple(blob for _, blob in self.kinds)

    @property
    def kinds(self) -> Iterator[tuple[str, BlobRef]]:
        """Every blob that the entry names, by its kind as `blob_limits` knows it."""
        yield "archive", self.archive
        yield "descriptor", self.descriptor
        yield "manifest", self.manifest
        yield "facts", self.facts
        yield from (("provenance", blob) for blob in (self.provenance, *self.rebuilds))
        if self.sbom:
            yield "sbom", self.sbom

    def check_sizes(self) -> None:
        """Refuse a blob that is larger than one of its kind may be, before anybody asks for it.

        Raises `OversizedError`.
        """
        for kind, blob in self.kinds:
            if blob.size > LARGEST[kind]:
                raise OversizedError(f"{self.name} {self.version}-{self.revision}", kind, blob)

    def to_json(self) -> bytes:
        """Return the canonical JSON, which is a blob that the index names."""
        return canonical_json({"format": FORMAT, **self.to_dict()})

    @classmethod
    def from_json(cls, content: bytes) -> ReleaseEntry:
        """Read canonical JSON; raises `InvalidReleaseError`."""
        try:
            form = json.loads(content)
            entry = cls.from_dict({key: value for key, value in form.items() if key != "format"})
        except (ValueError, AttributeError, RecursionError, InvalidRecordError, InvalidDigestError) as error:
            raise InvalidReleaseError(f"this is not the entry of a package: {error}") from error
        if entry.to_json() != content:
            raise InvalidReleaseError(f"the entry of {entry.name} is not in canonical form")
        return entry

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        form = {
            "archive": self.archive.to_dict(),
            "descriptor": self.descriptor.to_dict(),
            "facts": self.facts.to_dict(),
            "manifest": self.manifest.to_dict(),
            "name": self.name,
            "needs": list(self.needs),
            "provenance": self.provenance.to_dict(),
            "rebuilds": [rebuild.to_dict() for rebuild in self.rebuilds],
            "recipe": self.recipe,
            "revision": self.revision,
            "sbom": self.sbom.to_dict() if self.sbom else None,
            "summary": self.summary,
            "version": self.version,
        }
        # Where the recipe that it was built from was tested, the entry is written as it was before there was this.
        return form | ({"tests": self.tests} if self.tests else {})

    @classmethod
    def from_dict(cls, value: Any) -> ReleaseEntry:
        """Read what `to_dict` gave; raises `InvalidRecordError`, `InvalidDigestError`."""
        record = Record({"tests": None, **value} if isinstance(value, dict) else value, "entry of a release")
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
            rebuilds=record.each("rebuilds", BlobRef.from_dict),
            sbom=record.read("sbom", lambda form: None if form is None else BlobRef.from_dict(form)),
            tests=record.read("tests", lambda form: None if form is None else Digest(form)),
        )
        record.end()
        entry.check_sizes()
        if list(entry.rebuilds) != sorted(set(entry.rebuilds), key=lambda blob: blob.digest):
            raise InvalidRecordError("entry of a release", "rebuilds", "is not sorted by digest, or names one twice")
        return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The signed head of a release: its number, the digest of its predecessor, and the root of its index.

    `released_at` is RFC 3339 in UTC to the second, `packages` how many there are. `imports` are what it takes of other
    distributions, sorted by their names; they are no part of the index.
    """

    distribution: str
    channel: str
    number: int
    previous: Digest | None
    released_at: str
    index: BlobRef
    packages: int
    imports: tuple[Import, ...] = ()

    def to_json(self) -> bytes:
        """Return the canonical JSON, which is what is signed as a TUF target."""
        form = {
            "channel": self.channel,
            "distribution": self.distribution,
            "format": FORMAT,
            "index": self.index.to_dict(),
            "number": self.number,
            "packages": self.packages,
            "previous": self.previous,
            "released-at": self.released_at,
        }
        # A release that takes nothing of others is written as it was before there were imports.
        return canonical_json(form | ({"imports": [pin.to_dict() for pin in self.imports]} if self.imports else {}))

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: the name of this release for ever."""
        return Digest.of(self.to_json())

    @property
    def package_set(self) -> Digest:
        """The name of the set of packages, whichever releases hold it: the digest of the index's root.

        With packages of other distributions, a digest over that root and theirs.
        """
        if not self.imports:
            return self.index.digest
        foreign = sorted(package.descriptor for pin in self.imports for package in pin.packages)
        return Digest.of_json({"imports": foreign, "index": self.index.digest})

    @classmethod
    def from_json(cls, content: bytes) -> Release:
        """Read canonical JSON; raises `InvalidReleaseError`."""
        try:
            form = json.loads(content)
            record = Record({"imports": [], **form} if isinstance(form, dict) else form, "release")
            _check_format(record.number("format"))
            previous = record.value("previous")
            release = cls(
                distribution=record.text("distribution"),
                channel=record.text("channel"),
                number=record.number("number", minimum=1),
                previous=None if previous is None else Digest(previous),
                released_at=record.text("released-at"),
                index=record.read("index", BlobRef.from_dict),
                packages=record.number("packages"),
                imports=record.each("imports", Import.from_dict),
            )
            record.end()
            check_imports(release.imports, release.distribution)
        except (ValueError, RecursionError, InvalidRecordError, InvalidDigestError) as error:
            raise InvalidReleaseError(f"this is not a release: {error}") from error
        if release.to_json() != content:
            raise InvalidReleaseError("the release is not in canonical form")
        if not _MOMENT.fullmatch(release.released_at):
            raise InvalidReleaseError(f"the release has {release.released_at!r:.40} for its time, not one in UTC")
        if release.index.size > LARGEST_NODE:
            raise InvalidReleaseError(f"the root of the release's index has more than {LARGEST_NODE} bytes")
        return release


def check_successor(previous: Release, new: Release) -> None:
    """Refuse a release that is older than one that was seen: its number and its time may not go back.

    The same release again is no older. Raises `NotASuccessorError`.
    """
    name = f"release {new.number} of {new.channel}"
    if new.number < previous.number:
        raise NotASuccessorError(
            f"{name} is older than release {previous.number}, which was seen before", remedy=_KEPT_BACK
        )
    if new.number == previous.number and new != previous:
        raise NotASuccessorError(f"{name} is another than the one that was seen before", remedy=_KEPT_BACK)
    if new.released_at < previous.released_at:
        raise NotASuccessorError(
            f"{name} is of {new.released_at}, and release {previous.number} before it of {previous.released_at}",
            remedy="Nothing was changed. Tell the owner of the channel: the clock of the publisher went back.",
        )


_KEPT_BACK = "Nothing was changed. Tell the owner of the channel; try another mirror."


def _check_format(number: int) -> None:
    if number < FORMAT:
        raise InvalidReleaseError(
            f"the release has format {number}, which nothing reads any more; this farm reads {FORMAT}",
            remedy="Its owner makes a new repository with `farm keys init`, and a release of what is built.",
        )
    if number > FORMAT:
        raise InvalidReleaseError(
            f"the release has format {number}, this farm reads {FORMAT}", remedy="Upgrade the farm."
        )
