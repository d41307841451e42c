"""Two real distributions, each with its own keys and repository; the second imports packages of the first."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.core.advisories.osv import read_osv
from farm.core.advisories.reviews import Review
from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest
from farm.core.sets.members.member import Member
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import needs_of
from farm.signing.sign import publish_advisories, publish_reviews
from farm.trust.index.advisory_index import AdvisoryIndex, ListedAdvisory
from farm.trust.index.imports import Import, ImportedPackage
from farm.trust.index.review_list import ReviewList
from farm.trust.keys.signers import read_signers
from tests.checker.checked_signing import ChecksHere, pinned
from tests.client.distribution import SmallDistribution
from tests.core.advisories.osv_documents import osv

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from farm.trust.index.release_index import Release

FIRST, SECOND = "other.example", "dist.example.org"


class Neighbours:
    """`first` is served at `address`. `second` imports what `imported` names; its own packages are added to it."""

    def __init__(self, folder: Path) -> None:
        self.first = SmallDistribution(folder / "first", domain=FIRST)
        self.second = SmallDistribution(folder / "second", domain=SECOND)
        self.address = ""
        self.first.package(
            "openssl", {"bin/openssl": "#!/usr/bin/say\n", "share/openssl/version": "3.0\n"}, version="3.0"
        )
        self.first.package("say", {"bin/say": "\x7fnot elf"})
        self.first.package("unused", {"share/unused/file": "x"})
        self.first.publish()

    def foreign(self, names: Iterable[str]) -> list[Member]:
        """Packages of the first as members of the second's set."""
        found = []
        for name in names:
            entry, member = self.first.entries[name]
            for blob in (entry.descriptor, entry.facts, entry.manifest):  # as a farm stores them for its signer
                self.second.keep(self.first.read(blob))
            manifest = Manifest.from_json(self.first.read(entry.manifest))
            found.append(Member.of(member.descriptor, member.facts, manifest, imported=True))
        return found

    def pin(self, names: Iterable[str], **changes: object) -> Import:
        """The newest release of the first, with packages of it, as the second pins it."""
        assert self.first.released is not None
        assert self.first.founded is not None
        members = self.foreign(names)
        needs = needs_of(PackageSet.of([*(member for _, member in self.second.entries.values()), *members]))
        pin = Import(
            distribution=FIRST,
            channel="edge",
            number=self.first.released.number,
            release=self.first.released.digest,
            root=Digest(self.first.founded.fingerprint),
            address=self.address,
            packages=tuple(
                ImportedPackage(member.descriptor.name.short, member.descriptor.digest, needs[member.name])
                for member in sorted(members, key=lambda member: member.name)
            ),
        )
        return replace(pin, **changes)  # type: ignore[arg-type]  # fields of an import, by name

    def publish(self, *names: str, checked: bool = True, **changes: object) -> Release:
        """Publish the second with these packages of the first."""
        imports = (self.pin(names, **changes),) if names else ()
        return self.second.publish(checked=checked, imports=imports, foreign=self.foreign(names))


def announce(there: SmallDistribution, *documents: bytes, statements: bytes = b"") -> None:
    """Let a distribution publish its list of advisories, each about one package of its own, signed."""
    assert there.founded is not None
    found = [(read_osv(document, there.domain), there.keep(document)) for document in documents]
    listed = [ListedAdvisory(advisory.id, blob, advisory.packages) for advisory, blob in found]
    blob = there.keep(statements) if statements else None
    index = AdvisoryIndex(there.domain, tuple(sorted(listed)), blob)
    repository = pinned(there.public)
    publish_advisories(repository, read_signers(there.founded.online), ChecksHere(repository), index.to_json())


def review(there: SmallDistribution, *packages: str, at: datetime | None = None) -> None:
    """Let a distribution sign a review that covers these packages, and no others."""
    assert there.founded is not None
    at = (at or datetime.now(UTC)).replace(microsecond=0)
    stated = tuple(Review(package, "https://tracker.example.net/", at) for package in sorted(packages))
    repository, content = pinned(there.public), ReviewList(there.domain, stated).to_json()
    publish_reviews(repository, read_signers(there.founded.online), ChecksHere(repository), content)


def theirs(package: str, *, fixed: str, **members: Any) -> bytes:
    return osv(package=package, fixed=fixed, **members).replace(b"dist.example.org", FIRST.encode())


def their_own_web() -> bytes:
    """An advisory of the first about a `web` of its own, and a full name of the second; its `say` is fixed."""
    bad = {"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]}
    mended = {"versions": ["0.9-1"]}
    affected = [
        {"package": {"ecosystem": FIRST, "name": name}, **said}
        for name, said in (("say", mended), ("web", bad), (f"{SECOND}/web", bad))
    ]
    return osv(affected=affected)
