"""What a subscriber fetches of a release, and how many builders it requires."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.client.repository.catalogue import Catalogue
from farm.client.repository.download import Downloads
from farm.client.repository.readers import DirectoryReader
from farm.client.repository.subscriptions import SubscriptionError
from farm.store.blobs import BlobStore
from farm.trust.attestation.provenance import ProvenanceError
from farm.trust.metadata.builders import AllowedBuilders
from tests.client.distribution import SmallDistribution
from tests.client.images import subscribe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.client.repository.host import Host
    from farm.trust.index.release_index import Release


@dataclass
class CountingReader:
    """Reads the repository from its directory, and counts requests."""

    directory: DirectoryReader
    asked: Counter[str] = field(default_factory=Counter)

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        self.asked[path] += 1
        return self.directory.stream(path, offset)


@dataclass
class Subscriber:
    """Catalogues of one host, whose store is kept from release to release."""

    distribution: SmallDistribution
    folder: Path
    reader: CountingReader
    rebuilds: dict[str, int] = field(default_factory=dict)
    more_builders: tuple[CryptoSigner, ...] = ()

    def catalogue(self, release: Release | None = None) -> Catalogue:
        keys = [signer.public_key for signer in (self.distribution.builder, *self.more_builders)]
        downloads = Downloads(self.reader, BlobStore(self.folder))
        release = release or self.distribution.released
        assert release
        return Catalogue(release, lambda: AllowedBuilders(keys, self.rebuilds), downloads)

    def fetched(self) -> int:
        """Return how many blobs were read since the last call; none was read twice."""
        assert set(self.reader.asked.values()) <= {1}
        count = len(self.reader.asked)
        self.reader.asked.clear()
        return count


@pytest.fixture
def subscriber(tmp_path: Path) -> Subscriber:
    distribution = SmallDistribution(tmp_path / "distribution")
    for number in range(40):
        distribution.package(f"package{number}", {"share/number": str(number)})
    distribution.publish(checked=False)
    return Subscriber(distribution, tmp_path / "store", CountingReader(DirectoryReader(distribution.public)))


def test_one_package_costs_its_path_and_the_next_release_what_changed_of_it(subscriber: Subscriber) -> None:
    subscriber.catalogue().entry("package7")
    assert subscriber.fetched() == 3  # root, leaf, entry
    subscriber.catalogue().entry("package7")
    assert subscriber.fetched() == 0

    assert len(list(subscriber.catalogue().listings())) == 40
    subscriber.fetched()
    subscriber.distribution.package("package7", {"share/number": "seven"}, version="2.0")
    subscriber.distribution.publish(checked=False)
    changed = {
        listing.name: listing.version for listing in subscriber.catalogue().listings() if listing.version != "1.0"
    }
    assert changed == {"package7": "2.0"}
    assert subscriber.fetched() == 2  # root, leaf
    subscriber.catalogue().entry("package7")
    assert subscriber.fetched() == 1


def test_a_search_fetches_no_entries_and_all_entries_are_a_blob_each(subscriber: Subscriber) -> None:
    names = {listing.name for listing in subscriber.catalogue().listings()}
    nodes = subscriber.fetched()
    assert nodes < 20
    assert {entry.name for entry in subscriber.catalogue().entries()} == names
    assert subscriber.fetched() == 40


def test_a_release_of_before_is_read_from_what_is_here(subscriber: Subscriber) -> None:
    first = subscriber.distribution.released
    list(subscriber.catalogue().entries())
    subscriber.distribution.package("package7", {"share/number": "seven"}, version="2.0")
    subscriber.distribution.publish(checked=False)
    list(subscriber.catalogue().entries())
    subscriber.fetched()
    assert subscriber.catalogue(first).entry("package7").version == "1.0"
    assert subscriber.fetched() == 0


def test_a_search_does_not_wait_for_the_disk_and_what_a_power_cut_broke_is_fetched_again(
    subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert subscriber.distribution.released
    subscriber.catalogue().downloads.read(subscriber.distribution.released.index, "index")
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    list(subscriber.catalogue().listings())
    nodes = subscriber.fetched()
    folders = {path.parent for path in subscriber.folder.glob("sha256/*/*")}
    assert len(flushed) <= 2 * len(folders)  # the new ones, and their parents
    for path in subscriber.folder.glob("sha256/*/*"):
        path.chmod(0o644)
        path.write_bytes(b"")
    assert len(list(subscriber.catalogue().listings())) == 40
    assert subscriber.fetched() == nodes


class TestRebuilds:
    @pytest.fixture
    def another(self, subscriber: Subscriber) -> CryptoSigner:
        another = CryptoSigner.generate_ed25519()
        subscriber.more_builders = (another,)
        subscriber.rebuilds = {"edge": 2}
        return another

    def rebuilt(self, subscriber: Subscriber, *builders: CryptoSigner) -> Catalogue:
        distribution = subscriber.distribution
        entry, member = distribution.entries["package7"]
        blobs = {distribution.rebuilt("package7", builder) for builder in builders}
        rebuilds = tuple(sorted(blobs, key=lambda blob: blob.digest))
        distribution.entries["package7"] = (replace(entry, rebuilds=rebuilds), member)
        distribution.publish(checked=False)
        return subscriber.catalogue()

    def test_a_package_that_too_few_have_built_is_refused(self, subscriber: Subscriber, another: CryptoSigner) -> None:
        with pytest.raises(ProvenanceError, match="edge requires 2 builders of the same package, and there is 1"):
            subscriber.catalogue().verified(["package7"])
        (package,) = self.rebuilt(subscriber, another).verified(["package7"])
        assert package.entry.name == "package7"

    def test_what_another_channel_asks_for_is_not_asked_of_this_one(self, subscriber: Subscriber) -> None:
        subscriber.rebuilds = {"stable": 2}
        subscriber.catalogue().verified(["package7"])

    @pytest.mark.usefixtures("another")
    def test_no_builder_counts_twice(self, subscriber: Subscriber) -> None:
        with pytest.raises(ProvenanceError, match="there is 1"):
            self.rebuilt(subscriber, subscriber.distribution.builder).verified(["package7"])

    def test_a_stranger_does_not_count_and_does_not_harm(self, subscriber: Subscriber, another: CryptoSigner) -> None:
        stranger = CryptoSigner.generate_ed25519()
        with pytest.raises(ProvenanceError, match="there is 1"):
            self.rebuilt(subscriber, stranger).verified(["package7"])
        self.rebuilt(subscriber, stranger, another).verified(["package7"])

    def test_rebuilds_that_nobody_asks_for_are_not_fetched(self, subscriber: Subscriber, another: CryptoSigner) -> None:
        catalogue = self.rebuilt(subscriber, another)
        subscriber.rebuilds.clear()
        subscriber.catalogue().verified(["package7"])
        here = catalogue.downloads.store
        assert not any(here.has(blob.digest) for blob in catalogue.entry("package7").rebuilds)


@pytest.mark.parametrize("content", ["", '{"distribution": "dist', "[]", '{"channel": "edge"}'])
def test_a_damaged_record_of_a_subscription_is_named(distribution: SmallDistribution, host: Host, content: str) -> None:
    subscribe(host, distribution)
    (record,) = (host.state / "subscriptions").rglob("subscription.json")
    record.write_text(content)
    with pytest.raises(SubscriptionError, match="is damaged") as raised:
        host.catalogue()
    assert str(record.parent) in raised.value.remedy
