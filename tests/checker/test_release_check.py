"""The checker's own check of a release: what it refuses, and how little it reads of what was signed before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner
from zstandard import ZstdCompressor

from farm.checker.builds.release_check import check_release
from farm.checker.reading.change import ReleaseChange
from farm.checker.reading.published_identities import PublishedRecord
from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.archive_reader import STORE_ROOT
from farm.core.fileset.manifest import File, Manifest
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.server.pipeline.repository.next_release import make_release
from farm.store.errors import MissingBlobError, UndecodableArchiveError
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.attestation.provenance import ProvenanceError
from farm.trust.index.node import Leaf, listing_of, write_node
from farm.trust.index.release_index import InvalidReleaseError, Release, ReleaseEntry
from farm.trust.metadata.builders import AllowedBuilders
from tests.client.distribution import DISTRIBUTION, SmallDistribution
from tests.trust.index_entries import NOW, THEIRS, imported

if TYPE_CHECKING:
    from pathlib import Path


class Signer:
    """Packages in a store, releases of them, and the check that a signer makes of each."""

    def __init__(self, folder: Path) -> None:
        self.packages = SmallDistribution(folder)
        self.packages.package("greet", {"share/greet/word": "hello"})
        self.packages.package("say", {"bin/say": "say"})
        self.builders = AllowedBuilders([self.packages.builder.public_key], {})
        self.published = PublishedRecord(folder / "record")

    def entry(self, name: str, **changes: Any) -> ReleaseEntry:
        return replace(self.packages.entries[name][0], **changes)

    def release(
        self, *put: ReleaseEntry, after: Release | None = None, remove: tuple[str, ...] = (), domain: str = DISTRIBUTION
    ) -> Release:
        release, index = make_release(
            after, put, remove, distribution=domain, channel="edge", now=NOW, read=self.packages.read
        )
        for blob in index:
            self.packages.keep(blob)
        return release

    def check(self, release: Release, after: Release | None = None) -> list[str]:
        change = ReleaseChange.of(release, after, self.packages.blobs)
        check_release(change, self.packages.blobs, self.builders, self.published)
        return [entry.name for entry in change.put]


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


def test_a_first_release_is_looked_at_as_a_whole_and_a_second_where_it_differs(signer: Signer) -> None:
    first = signer.release(signer.entry("greet", needs=("say",)), signer.entry("say"))
    assert signer.check(first) == ["greet", "say"]
    signer.packages.package("say", {"bin/say": "louder"}, version="2.0")
    second = signer.release(signer.entry("say"), after=first)
    assert signer.check(second, first) == ["say"]
    assert signer.check(second, second) == []


def test_what_was_signed_before_is_not_read_again(signer: Signer) -> None:
    for number in range(100):
        signer.packages.package(f"p{number}", {"share/p/number": str(number)})
    first = signer.release(*(entry for entry, _ in signer.packages.entries.values()))
    signer.packages.package("say", {"bin/say": "louder"}, version="2.0")
    second = signer.release(signer.entry("say"), after=first)
    for name in ("p1", "p2", "greet"):
        for blob in signer.entry(name).blobs:
            signer.packages.blobs.delete(blob.digest)
    assert signer.check(second, first) == ["say"]
    with pytest.raises(MissingBlobError):
        signer.check(second)


def test_a_number_of_packages_that_is_not_true_is_refused(signer: Signer) -> None:
    release = signer.release(signer.entry("say"))
    with pytest.raises(RefusedReleaseError, match="says it has 2 packages, its index 1"):
        signer.check(replace(release, packages=2))


def test_a_name_of_another_namespace_is_refused(signer: Signer) -> None:
    with pytest.raises(RefusedReleaseError, match=r"dist.example.org/say lies in another namespace than other.example"):
        signer.check(signer.release(signer.entry("say"), domain="other.example"))


def test_an_entry_that_describes_another_package_is_refused(signer: Signer) -> None:
    wrong: tuple[dict[str, Any], ...] = ({"name": "shout"}, {"version": "3.0"}, {"revision": 2})
    for changes in wrong:
        with pytest.raises(RefusedReleaseError, match="describes"):
            signer.check(signer.release(replace(signer.entry("say"), **changes)))


@pytest.mark.parametrize("part", ["archive", "manifest", "facts", "descriptor", "provenance"])
def test_a_size_that_is_not_true_is_refused(signer: Signer, part: str) -> None:
    blob = getattr(signer.entry("say"), part)
    wrong = signer.entry("say", **{part: BlobRef(blob.digest, blob.size + 1)})
    with pytest.raises(RefusedReleaseError, match=r"bytes, and the release names"):
        signer.check(signer.release(wrong))


@pytest.mark.parametrize("part", ["archive", "manifest", "facts", "descriptor", "provenance"])
def test_a_blob_that_is_not_there_is_refused(signer: Signer, part: str) -> None:
    release = signer.release(signer.entry("say"))
    signer.packages.blobs.delete(getattr(signer.entry("say"), part).digest)
    with pytest.raises(MissingBlobError):
        signer.check(release)


def test_an_sbom_that_is_not_there_is_refused(signer: Signer) -> None:
    sbom = signer.packages.keep(b"{}")
    assert signer.check(signer.release(signer.entry("say", sbom=sbom))) == ["say"]
    with pytest.raises(MissingBlobError):
        signer.check(signer.release(signer.entry("say", sbom=BlobRef(Digest.of(b"gone"), 4))))


def test_facts_of_another_package_are_refused(signer: Signer) -> None:
    with pytest.raises(RefusedReleaseError, match="manifest or facts"):
        signer.check(signer.release(signer.entry("say", manifest=signer.entry("greet").manifest)))


def test_an_archive_of_something_else_is_refused(signer: Signer) -> None:
    with pytest.raises(
        RefusedReleaseError, match=r"the archive of dist.example.org/say does not hold what its descriptor names"
    ):
        signer.check(signer.release(signer.entry("say", archive=signer.entry("greet").archive)))
    rubbish = signer.packages.keep(b"rubbish")
    with pytest.raises(UndecodableArchiveError):
        signer.check(signer.release(signer.entry("say", archive=rubbish)))


def test_an_archive_that_was_not_made_of_its_manifest_is_refused_although_its_digest_is_signed(signer: Signer) -> None:
    """Its worker signs the digest of the archive, and a manifest that omits a file of the archive."""
    entry, member = signer.packages.entries["say"]
    content = {"bin/say": b"say", "etc/ld.so.preload": b"/usr/lib/evil.so"}
    files = [File(path, len(inside), Digest.of(inside), path == "bin/say") for path, inside in content.items()]
    writer = ArchiveWriter(f"{STORE_ROOT}/{member.descriptor.store_path}")
    archive = b"".join(writer.archive(Manifest.of(files), lambda file: (content[file.path],)))
    descriptor = replace(member.descriptor, diff_id=Digest.of(archive))
    blob = signer.packages.keep(ZstdCompressor().compress(archive))
    forged = replace(
        entry,
        descriptor=signer.packages.keep(descriptor.to_json()),
        archive=blob,
        provenance=signer.packages.provenance(descriptor, blob, signer.packages.builder, entry.recipe),
    )
    with pytest.raises(
        RefusedReleaseError, match=r"the archive of dist.example.org/say does not hold what its descriptor names"
    ):
        signer.check(signer.release(forged))


def test_a_provenance_of_another_package_is_refused(signer: Signer) -> None:
    with pytest.raises(ProvenanceError, match="is about other packages"):
        signer.check(signer.release(signer.entry("say", provenance=signer.entry("greet").provenance)))


def test_a_need_that_is_not_in_the_release_is_refused(signer: Signer) -> None:
    with pytest.raises(RefusedReleaseError, match="greet needs say, which is not in the release"):
        signer.check(signer.release(signer.entry("greet", needs=("say",))))


def test_what_a_package_of_others_needs_must_be_in_the_release_too(signer: Signer) -> None:
    own = signer.release(signer.entry("say"))

    def check(**needs: tuple[str, ...]) -> list[str]:
        return signer.check(replace(own, imports=(imported(**needs),)))

    assert check(codec=("say", f"{THEIRS}/tables"), tables=()) == ["say"]
    with pytest.raises(RefusedReleaseError, match=rf"{THEIRS}/codec needs greet, which is not in the release"):
        check(codec=("greet",))
    with pytest.raises(RefusedReleaseError, match=rf"{THEIRS}/codec needs {THEIRS}/tables, which is not in the"):
        check(codec=(f"{THEIRS}/tables",))


def test_an_index_that_is_not_in_its_one_form_is_refused(signer: Signer) -> None:
    listings = [
        listing_of(entry, signer.packages.keep(entry.to_json())) for entry in map(signer.entry, ("say", "greet"))
    ]
    forged = signer.packages.keep(write_node(Leaf("", tuple(listings))))
    with pytest.raises(InvalidReleaseError, match="not sorted"):
        signer.check(replace(signer.release(signer.entry("say")), index=forged, packages=2))


class TestRebuilds:
    @pytest.fixture
    def another(self, signer: Signer) -> CryptoSigner:
        another = CryptoSigner.generate_ed25519()
        signer.builders = AllowedBuilders([signer.packages.builder.public_key, another.public_key], {"edge": 2})
        return another

    def test_a_package_that_too_few_have_built_is_refused(self, signer: Signer, another: CryptoSigner) -> None:
        with pytest.raises(ProvenanceError, match="edge requires 2 builders of the same package, and there is 1"):
            signer.check(signer.release(signer.entry("say")))
        assert signer.check(
            signer.release(signer.entry("say", rebuilds=(signer.packages.rebuilt("say", another),)))
        ) == ["say"]

    def test_no_builder_counts_twice(self, signer: Signer, another: CryptoSigner) -> None:
        again = signer.packages.rebuilt("say", signer.packages.builder)
        with pytest.raises(RefusedReleaseError, match=r"two provenances of .*say are by the builder"):
            signer.check(signer.release(signer.entry("say", rebuilds=(again,))))
        both = tuple(sorted((again, signer.packages.rebuilt("say", another)), key=lambda blob: blob.digest))
        with pytest.raises(RefusedReleaseError, match=r"two provenances of .*say are by the builder"):
            signer.check(signer.release(signer.entry("say", rebuilds=both)))

    def test_every_rebuild_must_be_by_an_allowed_builder_and_of_this_package(
        self, signer: Signer, another: CryptoSigner
    ) -> None:
        signer.builders.rebuilds.clear()  # none is required, and those that exist must be right
        stranger = signer.packages.rebuilt("say", CryptoSigner.generate_ed25519())
        with pytest.raises(InvalidEnvelopeError, match="no allowed key"):
            signer.check(signer.release(signer.entry("say", rebuilds=(stranger,))))
        with pytest.raises(ProvenanceError, match="is about other packages"):
            signer.check(signer.release(signer.entry("say", rebuilds=(signer.packages.rebuilt("greet", another),))))
