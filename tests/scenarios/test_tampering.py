"""Bytes that differ from what was signed or stored: subscribers and builders notice, name them, and change nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from farm.trust.index.tree import IndexTree
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.client.distribution import SmallDistribution

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.scenarios.farm import Farm


@pytest.fixture
def published(tmp_path: Path) -> SmallDistribution:
    distribution = SmallDistribution(tmp_path / "published")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n", "share/greet/words/hello": "hello\n"})
    distribution.package("say", {"bin/say": "\x7fnot elf", "etc/say.conf": "loud\n"})
    distribution.package("alone", {"share/alone/file": "alone\n"})
    distribution.publish()
    return distribution


class Subscriber:
    """A host that has installed `alone` from release 1, when release 2 is published."""

    def __init__(self, farm: Farm, distribution: SmallDistribution) -> None:
        self.farm = farm
        self.distribution = distribution
        self.root = farm.root / "root"
        assert distribution.founded is not None
        self.farm.run(
            "subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint
        ).done()
        self.farm.run("install", "alone", "--root", "root").done()
        distribution.package("say", {"bin/say": "louder", "etc/say.conf": "loud\n"}, version="1.1")
        distribution.publish()

    def refused(self, case: str) -> None:
        said = self.farm.run("install", "greet", "--root", "root").refused(case)
        assert " help: " in said.message
        assert (self.root / ".farm" / "current").readlink().name == "1"
        assert (self.root / "usr/share/alone/file").read_text() == "alone\n"
        assert not (self.root / "usr/bin/greet").exists()

    def installs(self) -> None:
        self.farm.run("install", "greet", "--root", "root").done()
        assert (self.root / "usr/bin/greet").read_text() == "#!/usr/bin/say\n"


@pytest.fixture
def subscriber(tree: Farm, published: SmallDistribution) -> Subscriber:
    return Subscriber(tree.numbering_digests(), published)


def blob(part: str) -> Callable[[SmallDistribution], Path]:
    def find(distribution: SmallDistribution) -> Path:
        return distribution.blobs.path(getattr(distribution.entries["greet"][0], part).digest)

    return find


def node(distribution: SmallDistribution) -> Path:
    assert distribution.released is not None
    return distribution.blobs.path(distribution.released.index.digest)


def entry(distribution: SmallDistribution) -> Path:
    assert distribution.released is not None
    listing = IndexTree(distribution.read, distribution.released.index).listing("greet")
    assert listing is not None
    return distribution.blobs.path(listing.entry.digest)


def release(distribution: SmallDistribution) -> Path:
    assert distribution.released is not None
    name = f"{distribution.released.digest.hex}.release.json"
    return distribution.public / "targets" / "channels" / "edge" / name


def metadata(role: str) -> Callable[[SmallDistribution], Path]:
    return lambda distribution: max((distribution.public / "metadata").glob(f"*{role}.json"))


PARTS = {
    "archive": blob("archive"),
    "descriptor": blob("descriptor"),
    "manifest": blob("manifest"),
    "facts": blob("facts"),
    "provenance": blob("provenance"),
    "node": node,
    "entry": entry,
    "release": release,
    "channel-role": metadata("edge"),
    "snapshot": metadata("snapshot"),
    "timestamp": metadata("timestamp"),
}


@pytest.mark.parametrize("part", PARTS)
def test_one_altered_byte_stops_an_install_by_name(subscriber: Subscriber, part: str) -> None:
    path = PARTS[part](subscriber.distribution)
    whole = path.read_bytes()
    place = whole.index(b'"expires"') + 12 if path.parent.name == "metadata" else len(whole) // 2
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    subscriber.refused(f"tampered-{part}")
    path.write_bytes(whole)
    subscriber.installs()


def test_metadata_that_is_no_metadata_is_named(subscriber: Subscriber) -> None:
    PARTS["timestamp"](subscriber.distribution).write_text("<html>It works!</html>")
    subscriber.refused("garbage-for-a-timestamp")


def test_a_blob_that_the_mirror_lacks_is_named(subscriber: Subscriber) -> None:
    PARTS["archive"](subscriber.distribution).unlink()
    subscriber.refused("mirror-lacks-the-archive")


def test_a_mirror_that_went_away_is_named(subscriber: Subscriber) -> None:
    subscriber.distribution.public.rename(subscriber.farm.root / "elsewhere")
    subscriber.refused("mirror-went-away")


def test_an_expired_timestamp_stops_what_is_new_and_keeps_what_is_there(subscriber: Subscriber) -> None:
    assert subscriber.distribution.founded is not None
    signers = read_signers(subscriber.distribution.founded.online)
    Repository(subscriber.distribution.public).refresh_timestamp(signers, datetime(2026, 1, 1, tzinfo=UTC))
    subscriber.refused("expired-timestamp")


def test_the_wrong_fingerprint_subscribes_to_nothing(tree: Farm, published: SmallDistribution) -> None:
    wrong = "sha256:" + "0" * 64
    tree.numbering_digests().run("subscribe", str(published.public), "edge", "--fingerprint", wrong).refused(
        "wrong-fingerprint"
    )
    tree.run("search").refused("not-subscribed")


def test_what_a_channel_does_not_have_is_named_with_its_neighbours(subscriber: Subscriber) -> None:
    subscriber.farm.run("install", "gret", "--root", "root").refused("unknown-package")
    subscriber.farm.run("info", "gret").refused("unknown-package")
    subscriber.farm.run("search", "--channel", "stable").refused("unknown-channel")
    assert subscriber.farm.json("search")[0]["name"] == "alone"


def test_a_root_that_holds_something_else_is_left_alone(subscriber: Subscriber) -> None:
    (subscriber.farm.root / "other" / "usr").mkdir(parents=True)
    subscriber.farm.run("install", "alone", "--root", "other").refused("not-our-root")
    assert [path.name for path in (subscriber.farm.root / "other").iterdir()] == ["usr"]


def test_a_blob_that_rotted_on_this_host_is_fetched_again(subscriber: Subscriber) -> None:
    for part in ("archive", "manifest", "descriptor"):
        digest = getattr(subscriber.distribution.entries["greet"][0], part).digest
        whole = subscriber.distribution.blobs.path(digest).read_bytes()
        here = subscriber.farm.blob(digest)
        here.parent.mkdir(parents=True, exist_ok=True)
        here.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    subscriber.installs()


@pytest.mark.docker
@pytest.mark.toolchain
class TestInTheStoreOfABuilder:
    def test_a_corrupt_archive_is_named_with_its_file_and_mended_by_building_again(self, farm: Farm) -> None:
        farm.numbering_digests().recipe("user", "build-needs: [good]")
        (package,) = farm.json("build", "good")["packages"]
        archive = farm.blob(package["archive"]["digest"])
        whole = archive.read_bytes()
        archive.unlink()
        archive.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        before = farm.snapshot()
        farm.run("build", "user").refused("corrupt-archive-in-the-store")
        assert farm.snapshot() == before
        archive.unlink()
        assert "built good" in farm.run("build", "user").done().message
        assert archive.read_bytes() == whole

    def test_a_corrupt_manifest_is_named_with_its_file_and_mended_by_building_again(self, farm: Farm) -> None:
        farm.numbering_digests().recipe("other", "build-needs: [good]")
        (package,) = farm.json("build", "good")["packages"]
        manifest = farm.blob(package["manifest"]["digest"])
        whole = manifest.read_bytes()
        manifest.unlink()
        manifest.write_bytes(whole.replace(b"good", b"evil"))
        farm.run("build", "other").refused("corrupt-manifest-in-the-store")
        manifest.unlink()
        assert "built good" in farm.run("build", "other").done().message
        assert manifest.read_bytes() == whole
