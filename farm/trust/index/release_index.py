"""The head of a release, which is signed, and the entries of its packages. Pure values and their digests.

The head names the root of a tree of nodes (`farm.trust.index.node`), whose leaves name the entries: so a release that
changes one package adds one entry and the nodes on its path, and a client that looks for one package fetches no more
than those.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.form import Form, InvalidRecordError, Minimum
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.trust.blob_limits import LARGEST
from farm.trust.index.imports import Import, check_imports

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = 2
LARGEST_NODE = 256 * 1024
LARGEST_ENTRY = 1024 * 1024
"""The most bytes of the blob of a node, or of an entry."""
_MOMENT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z")


class InvalidReleaseError(FarmError):
    """A release or a part of its index cannot be read, or contradicts what names it."""

    code = "invalid-release"


class NotASuccessorError(FarmError):
    """A release is older than one that was seen before, by its number or by its time."""

    code = "not-a-successor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEntry(Form, record="entry of a release", omitted={"tests"}):
    """One package of a release.

    `needs` are the packages that meet its run-time requirements: own ones by short, imported ones by full name.
    `provenance` is that of the build whose archive is published, `rebuilds` are those of other builders of the same
    package, sorted by digest; `sbom` is an SPDX document.
    """

    name: str
    version: str
    revision: Annotated[int, Minimum(1)]
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
        """The recipe that it was built from, and the one whose tests ran if that is another."""
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
        """Refuse a blob that is larger than its kind allows, before it is fetched.

        Raises `InvalidReleaseError`.
        """
        for kind, blob in self.kinds:
            if blob.size > LARGEST[kind]:
                raise InvalidReleaseError(
                    f"the {kind} of {self.name} {self.version}-{self.revision} has {blob.size} bytes, and the most is "
                    f"{LARGEST[kind]}",
                    remedy="Nothing of it was fetched. Tell the owner of the channel.",
                )

    def to_json(self) -> bytes:
        """Return the canonical JSON, which is a blob that the index names: the form, with its format."""
        return canonical_json({"format": FORMAT, **self.to_dict()})

    @classmethod
    def from_json(cls, content: bytes) -> ReleaseEntry:
        """Read canonical JSON; raises `InvalidReleaseError`."""
        try:
            form = json.loads(content)
            entry = cls.from_dict({key: value for key, value in form.items() if key != "format"})
        except (ValueError, AttributeError, RecursionError, InvalidRecordError, InvalidDigestError) as error:
            raise InvalidReleaseError(f"this is not a valid entry of a release: {error}") from error
        if entry.to_json() != content:
            raise InvalidReleaseError(f"the entry of {entry.name} is not in canonical form")
        return entry

    def check(self) -> None:
        """Refuse blobs that are too large, and rebuilds in another order.

        Raises `InvalidReleaseError`, `InvalidRecordError`.
        """
        self.check_sizes()
        if list(self.rebuilds) != sorted(set(self.rebuilds), key=lambda blob: blob.digest):
            raise InvalidRecordError("entry of a release", "rebuilds", "is not sorted by digest, or names one twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Form, record="release", omitted={"imports"}, constants={"format": FORMAT}):
    """The signed head of a release: its number, the digest of its predecessor, and the root of its index.

    `released_at` is RFC 3339 in UTC to the second, `packages` the number of packages. `imports` are from other
    distributions, sorted by their names; they are not part of the index.
    """

    distribution: str
    channel: str
    number: Annotated[int, Minimum(1)]
    previous: Digest | None
    released_at: str
    index: BlobRef
    packages: int
    imports: tuple[Import, ...] = ()

    def __str__(self) -> str:
        return f"release {self.number} of {self.subscription}"

    @property
    def subscription(self) -> str:
        """The channel as subscriptions name it."""
        return f"{self.distribution}/{self.channel}"

    @property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: the permanent name of this release."""
        return Digest.of(self.to_json())

    @property
    def package_set(self) -> Digest:
        """The identity of the set of packages, in whichever release: the digest of the index's root.

        With packages of other distributions, a digest over that root and theirs.
        """
        if not self.imports:
            return self.index.digest
        imported = sorted(package.descriptor for pin in self.imports for package in pin.packages)
        return Digest.of_json({"imports": imported, "index": self.index.digest})

    @classmethod
    def from_json(cls, content: bytes) -> Release:
        """Read canonical JSON, which is what is signed as a TUF target. Raises `InvalidReleaseError`."""
        _check_format(content)
        return cls.read_json(content, InvalidReleaseError, canonical=True)

    def check(self) -> None:
        """Refuse imports that contradict each other, another form of time, and too large a root of the index.

        Raises `InvalidRecordError`.
        """
        check_imports(self.imports, self.distribution)
        if not _MOMENT.fullmatch(self.released_at):
            raise InvalidRecordError("release", "released-at", f"is {self.released_at!r:.40}, not a time in UTC")
        if self.index.size > LARGEST_NODE:
            raise InvalidRecordError("release", "index", f"has a root of more than {LARGEST_NODE} bytes")


def check_successor(previous: Release, new: Release) -> None:
    """Refuse a release that is older than one that was seen: its number and its time may not go back.

    The same release again is not older. Raises `NotASuccessorError`.
    """
    name = f"release {new.number} of {new.channel}"
    if new.number < previous.number:
        raise NotASuccessorError(
            f"{name} is older than release {previous.number}, which was seen before", remedy=_KEPT_BACK
        )
    if new.number == previous.number and new != previous:
        raise NotASuccessorError(f"{name} differs from the one that was seen before", remedy=_KEPT_BACK)
    if new.released_at < previous.released_at:
        raise NotASuccessorError(
            f"{name} was made at {new.released_at}, and release {previous.number} before it at {previous.released_at}",
            remedy="Nothing was changed. Tell the owner of the channel: the clock of the publisher went back.",
        )


_KEPT_BACK = "Nothing was changed. Tell the owner of the channel; try another mirror."


def _check_format(content: bytes) -> None:
    """Refuse a release of an earlier format: then it is not this farm that has to be upgraded."""
    try:
        number = json.loads(content)["format"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return  # the reader reports what is wrong
    if isinstance(number, int) and number < FORMAT:
        raise InvalidReleaseError(
            f"the release has format {number}, which nothing reads any more; this farm reads {FORMAT}",
            remedy="Its owner makes a new repository with `farm keys init`, and a release of what is built.",
        )
