"""A mirror of a channel: complete, verified, updated incrementally, and for a reader as good as the original."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tuf.api.metadata import Metadata, Root

from farm.client.mirror.directory import MirrorError
from farm.client.mirror.mirror import Mirrored, MirrorSelection, mirror
from farm.client.repository.download import DownloadError
from farm.client.repository.host import Host
from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest
from farm.core.plan.plan import PlannedSource
from farm.core.plan.sbom import package_sbom
from farm.core.recipe.contents import RecipeContents
from farm.signing.evidence import ReleaseEvidence
from farm.store.blobs import BlobStore
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from farm.trust.ceremony.ceremony import found_repository
from farm.trust.keys.signers import read_signers, signed
from farm.trust.layout import blob_path
from farm.trust.metadata.repository import Repository
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.client.distribution import SmallDistribution
from tests.client.fetched_files import one_byte_altered
from tests.client.installing import install
from tests.client.range_server import RangeServer
from tests.client.web_server import serving
from tests.core.advisories.osv_documents import osv
from tests.core.plan.values import bare_plan
from tests.foreign.neighbours import Neighbours, announce
from tests.threats.killed import dies_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN = MirrorSelection()


@pytest.fixture
def server(distribution: SmallDistribution) -> Iterator[RangeServer]:
    announce(distribution, osv(package="say", fixed="1.1"))
    with RangeServer(distribution.public).running() as served:
        yield served


class Mirrorer:
    """A host that follows a repository, and mirrors it into a folder."""

    def __init__(self, distribution: SmallDistribution, address: str, folder: Path) -> None:
        assert distribution.founded is not None
        self.fingerprint = distribution.founded.fingerprint
        self.folder = folder
        self.place = folder / "mirror"
        self.host.subscriptions.subscribe(address, "edge", self.fingerprint)

    @property
    def host(self) -> Host:
        return Host(self.folder / "mirrorer", self.folder / "mirrorer/shared")

    def run(self, wanted: MirrorSelection = PLAIN, *, check: bool = False) -> Mirrored:
        return mirror(self.host, self.place, wanted, check=check)

    def reader(self, name: str = "reader") -> Host:
        """Return a host that knows only the mirror."""
        host = Host(self.folder / name, self.folder / name / "shared")
        host.subscriptions.subscribe(str(self.place), "edge", self.fingerprint)
        return host


@pytest.fixture
def neighbours(tmp_path: Path) -> Iterator[Neighbours]:
    found = Neighbours(tmp_path)
    with serving(found.first.public) as address:
        found.address = address
        found.second.package("web", {"bin/web": "#!/usr/bin/openssl\n"}, requires=("other.example/openssl",))
        yield found


@pytest.fixture
def mirrorer(distribution: SmallDistribution, server: RangeServer, tmp_path: Path) -> Mirrorer:
    return Mirrorer(distribution, server.address, tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def release(distribution: SmallDistribution, words: str) -> None:
    distribution.package("say", {"bin/say": f"\x7f{words}"}, version=f"1.{len(distribution.entries)}{len(words)}")
    distribution.publish()


def test_a_mirror_is_what_its_owner_has_published_and_can_be_followed(
    mirrorer: Mirrorer, distribution: SmallDistribution, tmp_path: Path
) -> None:
    made = mirrorer.run()
    assert [(released.number, released.packages) for released in made.releases] == [(1, 3)]
    published, mirrored = files(distribution.public), files(mirrorer.place)
    assert {name for name in mirrored if mirrored[name] != published.get(name)} == {"mirror.json", ".mirror.lock"}
    # The further evidence for the owner's signer is no part of a release.
    for_the_signer = blob_path(Digest.of(ReleaseEvidence().to_json()))
    assert {name for name in published if name.startswith("blobs/")} - mirrored.keys() == {for_the_signer}
    assert {"metadata/1.root.json", "metadata/timestamp.json"} <= mirrored.keys()

    shutil.rmtree(distribution.public)
    reader = mirrorer.reader()
    install(reader, tmp_path / "root", "greet")
    assert (tmp_path / "root/usr/bin/greet").exists()
    assert list(reader.subscriptions.metadata(reader.subscriptions.find()).advisories()) == ["osv.json", "reviews.json"]


def test_a_second_time_with_nothing_new_asks_for_a_few_files(mirrorer: Mirrorer, server: RangeServer) -> None:
    mirrorer.run()
    before = files(mirrorer.place)
    server.asked.clear()
    assert mirrorer.run().fetched == 0
    assert {path.split("/")[1] for path in server.asked} == {"metadata"}
    assert len(server.asked) <= 6
    assert files(mirrorer.place) == before


def test_only_what_changed_is_fetched_and_the_state_before_stays_for_who_reads_it(
    mirrorer: Mirrorer, distribution: SmallDistribution, server: RangeServer
) -> None:
    mirrorer.run()
    old = {name: pair[0].archive.digest for name, pair in distribution.entries.items()}
    release(distribution, "louder")
    server.asked.clear()
    mirrorer.run()
    new = distribution.entries["say"][0].archive.digest
    asked = {Digest.from_hex(path.replace("/", "")[-64:]) for path in server.asked if path.startswith("/blobs/")}
    assert new in asked
    assert not {old["greet"], old["alone"]} & asked
    store = BlobStore(mirrorer.place / "blobs")
    assert store.has(old["say"])
    mirrorer.run()
    assert not store.has(old["say"])
    assert all(store.has(digest) for digest in (new, old["greet"], old["alone"]))
    assert len(list((mirrorer.place / "targets").rglob("*release.json"))) <= 2


def test_earlier_releases_are_held_as_long_as_they_are_wanted(
    mirrorer: Mirrorer, distribution: SmallDistribution, tmp_path: Path
) -> None:
    first = distribution.entries["say"][0].archive.digest
    for words in ("two", "three!", "four!!!"):
        release(distribution, words)
    store = BlobStore(mirrorer.place / "blobs")
    assert [released.number for released in mirrorer.run(MirrorSelection(keep=2, numbers=(1,))).held] == [4, 3, 1]
    assert store.has(first)
    assert [released.number for released in mirrorer.run(MirrorSelection(keep=1, numbers=())).held] == [4]
    mirrorer.run()
    assert not store.has(first)
    with pytest.raises(MirrorError, match=r"dist.example.org/edge has no release 9"):
        mirrorer.run(MirrorSelection(numbers=(9,)))
    install(mirrorer.reader(), tmp_path / "root", "greet")


def test_what_the_signer_states_of_releases_comes_with_them_and_goes_with_them(
    mirrorer: Mirrorer, distribution: SmallDistribution
) -> None:
    def stated(folder: Path) -> dict[str, bytes]:
        return {name: content for name, content in files(folder).items() if name.startswith("summaries/")}

    mirrorer.run()
    (first,) = stated(distribution.public)
    assert stated(mirrorer.place) == stated(distribution.public)
    release(distribution, "second")
    (second,) = stated(distribution.public).keys() - {first}
    content = (distribution.public / second).read_bytes()
    (distribution.public / second).write_bytes((distribution.public / first).read_bytes())
    mirrorer.run()  # signed, but of another release
    assert set(stated(mirrorer.place)) == {first}
    (distribution.public / second).write_bytes(content)
    mirrorer.run()
    assert stated(mirrorer.place)[second] == content
    release(distribution, "the third")
    mirrorer.run()
    assert len(stated(mirrorer.place)) == 2
    assert first not in stated(mirrorer.place)


def test_a_root_that_was_pinned_later_comes_with_those_before_it(
    server: RangeServer, distribution: SmallDistribution, tmp_path: Path
) -> None:
    assert distribution.founded is not None
    metadata, held = distribution.public / "metadata", read_signers(distribution.founded.offline)
    root: Root = Metadata.from_bytes((metadata / "1.root.json").read_bytes()).signed
    root.version = 2
    content = signed(root, held.signing("root", root.roles["root"]))
    (metadata / "2.root.json").write_bytes(content)
    distribution.founded = replace(distribution.founded, fingerprint=Digest.of(content))
    mirrorer = Mirrorer(distribution, server.address, tmp_path)
    with (
        one_byte_altered(metadata / "1.root.json"),
        pytest.raises(UntrustedMetadataError, match=r"root 1 at .* does not lead to root 2"),
    ):
        mirrorer.run()
    mirrorer.run()
    for name in ("1.root.json", "2.root.json"):
        assert (mirrorer.place / "metadata" / name).read_bytes() == (metadata / name).read_bytes()
    assert mirrorer.reader().catalogue().release.number == 1


def test_channels_of_one_distribution_share_a_mirror(tmp_path: Path) -> None:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("say", {"bin/say": "\x7fnot elf"})
    keys = distribution.folder / "keys"
    distribution.founded = found_repository(
        distribution.public, keys, ["edge", "stable"], [distribution.builder.public_key], datetime.now(UTC)
    )
    stable = replace(distribution.publish(), channel="stable")
    distribution.keep(stable.to_json())
    signers = read_signers(distribution.founded.online)
    Repository(distribution.public).publish(stable, signers, datetime.now(UTC))
    mirrorer = Mirrorer(distribution, str(distribution.public), tmp_path)
    mirrorer.host.subscriptions.subscribe(str(distribution.public), "stable", mirrorer.fingerprint)
    made = mirrorer.run(MirrorSelection(channels=("edge", "dist.example.org/stable")))
    assert [released.channel for released in made.releases] == ["edge", "stable"]
    assert len(mirrorer.run().releases) == 2
    reader = mirrorer.reader()
    reader.subscriptions.subscribe(str(mirrorer.place), "stable", mirrorer.fingerprint)
    for channel in ("edge", "stable"):
        assert [package.name for package in reader.catalogue(channel).verified(["say"])] == ["say"]


def test_what_has_rotted_or_is_gone_comes_back_by_a_check(mirrorer: Mirrorer, distribution: SmallDistribution) -> None:
    mirrorer.run()
    entry = distribution.entries["greet"][0]
    rotten = mirrorer.place / distribution.blobs.path(entry.archive.digest).relative_to(distribution.public)
    whole = rotten.read_bytes()
    rotten.chmod(0o644)
    rotten.write_bytes(b"x" * len(whole))
    (mirrorer.place / distribution.blobs.path(entry.facts.digest).relative_to(distribution.public)).unlink()
    assert mirrorer.run().fetched == 0
    assert mirrorer.run(check=True).fetched == entry.archive.size + entry.facts.size
    assert rotten.read_bytes() == whole

    rotten.chmod(0o644)
    rotten.write_bytes(bytes(len(whole)))
    (mark,) = (path / "under-way" for path in (mirrorer.folder / "mirrorer/mirrors").iterdir())
    mark.write_text("of another boot: the power went while it was mirrored")
    mirrorer.run()
    assert rotten.read_bytes() == whole
    assert not mark.exists()


def test_an_owner_who_lies_changes_nothing_that_readers_see(
    mirrorer: Mirrorer, distribution: SmallDistribution, tmp_path: Path
) -> None:
    mirrorer.run()
    seen = (mirrorer.place / "metadata/timestamp.json").read_bytes()
    release(distribution, "louder")
    archive = distribution.blobs.path(distribution.entries["say"][0].archive.digest)
    with one_byte_altered(archive), pytest.raises(DownloadError, match="cannot fetch the blob of say: expected"):
        mirrorer.run()
    assert (mirrorer.place / "metadata/timestamp.json").read_bytes() == seen
    install(mirrorer.reader(), tmp_path / "root", "greet")
    mirrorer.run()
    assert mirrorer.reader("another").catalogue().release.number == 2


RECIPE = f"""\
name: say
version: 1.0
summary: Says it
license: MIT
source:
  - from-toolchain: libc6
  - file: glibc.orig.tar.xz
    sha256: {Digest.of(b"what Debian built libc6 from").hex}
    origins: [debian: glibc]
    source-of: [libc6]
toolchain: c
steps: []
"""


def with_sources(distribution: SmallDistribution) -> tuple[Digest, ...]:
    """Publish `say` with a source, a recipe of one file and its toolchain's lock; return their digests."""
    original = distribution.keep(b"what Debian built libc6 from").digest
    tarball, recipe = distribution.keep(b"the tarball").digest, distribution.keep(RECIPE.encode()).digest
    contents = RecipeContents(recipe, {})
    entry, member = distribution.entries["say"]
    plan = bare_plan("say", sources=(PlannedSource("say.tar.gz", tarball), PlannedSource("lost", Digest.of(b"lost"))))
    run = BuildRun(distribution.builder.public_key.keyid, "1", "then", "now", Digest.of(b"log"), {})
    statement = build_statement(plan, contents.digest, [(member.descriptor, entry.archive.digest)], (), run)
    provenance = distribution.keep(sign_statement(statement, distribution.builder))
    recorded = distribution.keep(contents.to_json()).digest
    lock = distribution.keep(b"libc6 2.41-1 amd64 ...").digest
    content = package_sbom(
        member.descriptor, plan, archive=entry.archive.digest, manifest=Manifest.of(()), addresses={}, lock=lock
    )
    sbom = distribution.keep(content)
    distribution.entries["say"] = replace(entry, recipe=recorded, provenance=provenance, sbom=sbom), member
    distribution.publish(checked=False)
    return tarball, recipe, recorded, lock, original


def test_sources_come_along_unless_they_are_not_wanted(mirrorer: Mirrorer, distribution: SmallDistribution) -> None:
    sources = with_sources(distribution)
    store = BlobStore(mirrorer.place / "blobs")
    assert mirrorer.run(MirrorSelection(sources=False)).missing_sources == 0
    assert not any(store.has(source) for source in sources)
    assert mirrorer.run().fetched == 0
    assert mirrorer.run(MirrorSelection(sources=True)).missing_sources == 2  # the lost one; and no recipe of the others
    assert all(store.has(source) for source in sources)
    release(distribution, "louder")
    mirrorer.run()
    assert all(store.has(source) for source in sources)
    mirrorer.run()
    assert not store.has(sources[0])


def test_another_directory_is_not_written_to(mirrorer: Mirrorer, tmp_path: Path) -> None:
    mirrorer.place.mkdir()
    (mirrorer.place / "mine").write_text("x")
    with pytest.raises(MirrorError, match="holds something that is not a mirror"):
        mirrorer.run()
    assert (mirrorer.place / "mine").read_text() == "x"


def test_what_is_taken_of_others_is_mirrored_too(neighbours: Neighbours, tmp_path: Path) -> None:
    neighbours.publish("openssl", "say")
    mirrorer = Mirrorer(neighbours.second, str(neighbours.second.public), tmp_path)
    made = mirrorer.run()
    assert [(str(pin), len(pin.packages)) for pin in made.imports] == [("release 1 of other.example/edge", 2)]
    theirs = BlobStore(mirrorer.place / "imports/other.example/blobs")
    unused, openssl = (neighbours.first.entries[name][0].archive.digest for name in ("unused", "openssl"))
    assert (theirs.has(openssl), theirs.has(unused)) == (True, False)

    for folder in (neighbours.first.public, neighbours.second.public):
        folder.rename(folder.with_name("away"))
    warnings: list[str] = []
    reader = Host(tmp_path / "reader", tmp_path / "shared", warnings.append)
    reader.subscriptions.subscribe(str(mirrorer.place), "edge", mirrorer.fingerprint)
    install(reader, tmp_path / "root", "web")
    assert (tmp_path / "root/usr/share/openssl/version").read_text() == "3.0\n"
    place = f"{mirrorer.place}/imports/other.example"
    assert warnings == [f"{neighbours.address} cannot be reached: asked the mirror {place} what is newest"]


def test_what_is_taken_of_others_goes_when_no_release_takes_it(neighbours: Neighbours, tmp_path: Path) -> None:
    neighbours.publish("openssl", "say")
    mirrorer = Mirrorer(neighbours.second, str(neighbours.second.public), tmp_path)
    mirrorer.run()
    neighbours.first.package("openssl", {"bin/openssl": "\x7fnot elf"}, version="3.1")
    neighbours.first.publish()
    neighbours.publish("openssl")
    old, theirs = mirrorer.place / "imports/other.example", BlobStore(mirrorer.place / "imports/other.example/blobs")
    say = neighbours.first.entries["say"][0].archive.digest
    mirrorer.run()
    assert theirs.has(say)
    mirrorer.run()
    assert not theirs.has(say)
    assert theirs.has(neighbours.first.entries["openssl"][0].archive.digest)
    neighbours.second.entries.pop("web")
    neighbours.second.package("alone", {"share/alone": "x"})
    neighbours.publish()
    mirrorer.run()
    assert old.exists()
    mirrorer.run()
    assert not old.exists()


def test_when_others_cannot_be_reached_what_is_new_waits_and_what_is_there_stays(
    neighbours: Neighbours, tmp_path: Path
) -> None:
    neighbours.publish("openssl", "say")
    mirrorer = Mirrorer(neighbours.second, str(neighbours.second.public), tmp_path)
    away = neighbours.first.public.with_name("away")
    neighbours.first.public.rename(away)
    with pytest.raises(MirrorError, match=f"other.example, from which packages are imported, .*{neighbours.address}"):
        mirrorer.run()
    assert not (mirrorer.place / "metadata").exists()
    away.rename(neighbours.first.public)
    assert mirrorer.run().stale == ()
    neighbours.second.package("new", {"share/new": "x"})
    neighbours.publish("openssl", "say")
    neighbours.first.public.rename(away)
    made = mirrorer.run()
    assert ([released.number for released in made.releases], len(made.stale)) == ([2], 1)
    assert made.stale[0].startswith(f"other.example at {neighbours.address}: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_full_disk_and_one_that_is_read_only_are_named(mirrorer: Mirrorer, distribution: SmallDistribution) -> None:
    distribution.package("alone", {"share/alone/file": random.Random(1).randbytes(3_000_000)}, version="2.0")
    distribution.publish()
    mirrorer.place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mirrorer.place], check=True)
    try:
        with pytest.raises(OSError, match="No space left") as caught:
            mirrorer.run()
        assert str(caught.value.filename).startswith(str(mirrorer.place))
        assert not (mirrorer.place / "metadata").exists()
        subprocess.run(["mount", "-o", "remount,size=20m", mirrorer.place], check=True)
        mirrorer.run()
        subprocess.run(["mount", "-o", "remount,ro", mirrorer.place], check=True)
        with pytest.raises(MirrorError, match=f"{mirrorer.place} cannot be written to: Read-only file system"):
            mirrorer.run()
        assert mirrorer.reader().catalogue().release.number == 2
    finally:
        subprocess.run(["umount", mirrorer.place], check=True)


def test_a_reader_who_polls_meanwhile_is_never_refused(
    mirrorer: Mirrorer, distribution: SmallDistribution, tmp_path: Path
) -> None:
    mirrorer.run()
    stop, seen = threading.Event(), []

    def poll(address: str) -> None:
        reader = Host(tmp_path / "reader", tmp_path / "shared")
        reader.subscriptions.subscribe(address, "edge", mirrorer.fingerprint)
        while not stop.is_set():
            (package,) = reader.catalogue().verified(["say"])
            package.downloads.ensure(package.entry.archive, "archive")
            seen.append(package.entry.version)

    with serving(mirrorer.place) as address, ThreadPoolExecutor() as pool:
        polling = pool.submit(poll, address)
        for words in ("two", "three!", "four!!!"):
            release(distribution, words)
            mirrorer.run()
            known = len(seen)
            while len(seen) < known + 2 and not polling.done():
                stop.wait(0.01)
        stop.set()
        polling.result()
    assert len(dict.fromkeys(seen)) == 4


def test_killed_at_any_instant_readers_see_a_whole_state(
    mirrorer: Mirrorer, distribution: SmallDistribution, tmp_path: Path
) -> None:
    mirrorer.run()
    release(distribution, "louder")
    shutil.copytree(tmp_path / "mirror", tmp_path / "first")
    shutil.copytree(tmp_path / "mirrorer", tmp_path / "before")
    names = frozenset({"os.rename", "os.remove", "os.link"})
    touch, seen = -2, set()
    killed = True
    while killed:
        touch += 3
        for place, kept in ((mirrorer.place, "first"), (tmp_path / "mirrorer", "before")):
            shutil.rmtree(place)
            shutil.copytree(tmp_path / kept, place)
        killed = dies_at(touch, mirrorer.run, str(mirrorer.place), touches=names)
        catalogue = mirrorer.reader(f"reader-{touch}").catalogue()
        seen.add(catalogue.release.number)
        for package in catalogue.verified(["greet", "alone"]):
            package.downloads.ensure(package.entry.archive, "archive")
        if touch % 5 == 0 or not killed:
            mirrorer.run()
            assert mirrorer.reader(f"again-{touch}").catalogue().release.number == 2
    assert seen == {1, 2}
    assert touch > 10
