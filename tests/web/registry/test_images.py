"""Which image a name gives: the one of `farm image build`, of the signed packages, made once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.server.pipeline.repository.next_release import make_release
from tests.foreign.neighbours import FIRST, Neighbours
from tests.refusing import refuses
from tests.web.registry.running import making, running_registry
from web.registry import image_cache, releases
from web.registry.budget import Bounds
from web.registry.image_lookup import Form
from web.registry.names import ImageName
from web.registry.releases import SignedReleases
from web.registry.tag_lists import TagLists

if TYPE_CHECKING:
    import pytest

    from farm.server.tables.session import Database
    from tests.client.distribution import SmallDistribution
    from tests.web.registry.running import RunningRegistry

GREET = ImageName("edge", ("greet",))
COMMAND = str(Path(sys.executable).parent / "farm")


def built(distribution: SmallDistribution, folder: Path, *sets: tuple[str, ...]) -> list[str]:
    """Return the digests that `farm image build` prints on another host."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "FARM_STATE": str(folder / "state"),
        "FARM_HOST": str(folder / "host"),
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
    }

    def run(*arguments: str) -> str:
        done = subprocess.run([COMMAND, *arguments], env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    assert distribution.founded is not None
    run("subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint)
    return [run("image", "build", *names, "--no-load").split()[0] for names in sets]


def files(folder: Path) -> dict[str, int]:
    """Every file that the registry keeps of images, and its time of modification."""
    kept = [path for name in ("blobs", "images", "known") for path in (folder / name).rglob("*")]
    return {str(path): path.stat().st_mtime_ns for path in kept if path.is_file()}


def test_it_is_the_image_of_image_build(
    registry: RunningRegistry, distribution: SmallDistribution, tmp_path: Path
) -> None:
    names = ("edge/greet", "edge/alone/greet/c_p_p")
    assert [registry.digest(name) for name in names] == built(
        distribution, tmp_path, ("greet",), ("greet", "c++", "alone")
    )


def test_what_was_pulled_before_is_given_without_making_or_writing_anything(
    registry: RunningRegistry, distribution: SmallDistribution, tmp_path: Path
) -> None:
    digest = registry.digest("edge/greet/alone")
    before = files(registry.folder)
    # Only signatures are read: the descriptions of packages no longer exist.
    for entry, _ in distribution.entries.values():
        for blob in (entry.descriptor, entry.manifest, entry.facts):
            distribution.blobs.delete(blob.digest)
    assert registry.digest("edge/alone/greet") == digest
    assert registry.digest("edge/alone/greet", "1") == digest
    assert files(registry.folder) == before
    assert registry.refused("edge/say/manifests/latest")[:2] == (500, "UNKNOWN")


def test_of_a_set_that_stays_for_years_the_newest_releases_are_named(
    distribution: SmallDistribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_cache, "_MOST_RELEASES", 2)
    images = making(distribution, tmp_path / "registry")
    for _ in range(3):
        digest = images.tagged(GREET, "latest")
        distribution.publish()
    assert images.tagged(GREET, "1") == digest
    record = images.cache.image(digest)
    assert record is not None
    assert [release.number for release in record.record.releases] == [2, 3]
    said = {referrer.annotations.get("farm.releases") for referrer in record.referrers}
    assert said == {None, f"{distribution.domain}/edge@2", f"{distribution.domain}/edge@3"}


def test_what_is_kept_and_damaged_or_of_another_version_is_made_again(
    distribution: SmallDistribution, tmp_path: Path
) -> None:
    images = making(distribution, tmp_path / "registry")
    digest = images.tagged(GREET, "latest")
    for harm in ("", "{", '{"format":0}', "\0" * 9, "\udc80"):
        for place in ("images", "known"):
            for path in (images.cache.folder / place).iterdir():
                path.write_text(harm, errors="surrogateescape")
            assert images.tagged(GREET, "latest") == digest
            assert images.cache.image(digest) is not None


def test_an_image_of_before_is_made_again_for_who_pinned_its_digest(
    distribution: SmallDistribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = making(distribution, tmp_path / "registry")
    with monkeypatch.context() as before:  # older versions of farm had only one form, and made requests without it
        before.setattr("web.registry.image_lookup.Form", partial(Form, described=False))
        old = images.tagged(GREET, "1")
    assert images.pinned(old)
    new = images.tagged(GREET, "1")
    assert new != old
    record = images.cache.record(old)
    assert record is not None
    images.cache.blobs.delete(record.image.config.digest)
    found = images.pinned(old)
    assert found is not None
    assert found.image == record.image
    assert images.tagged(GREET, "1") == new


def test_a_set_that_is_too_large_is_refused(distribution: SmallDistribution, tmp_path: Path) -> None:
    images = making(distribution, tmp_path / "registry", Bounds(content=50_000))
    assert images.tagged(GREET, "latest")
    with refuses("registry-too-large", match="edge/alone and what they need"):
        images.tagged(ImageName("edge", ("alone",)), "latest")
    assert not images.cache.blobs.has(distribution.entries["alone"][0].archive.digest)


def test_a_list_of_tags_is_looked_up_once_for_all_its_pages(distribution: SmallDistribution, tmp_path: Path) -> None:
    for _ in range(3):
        distribution.publish()
    tags = TagLists(SignedReleases(distribution.public, tmp_path), Bounds(a_minute=1))
    first, more = tags.page(GREET, "", 4)
    pages = [first]
    while more:
        page, more = tags.page(GREET, pages[-1][-1], 4)
        pages.append(page)
    assert [len(page) for page in pages] == [4, 4, 2]
    with refuses("registry-too-many"):
        tags.page(ImageName("edge", ("say",)), "", 4)


def test_packages_of_another_distribution_are_not_handed_on_nor_fetched(tmp_path: Path) -> None:
    neighbours = Neighbours(tmp_path)
    neighbours.address = "http://127.0.0.1:1"  # where nothing listens
    neighbours.second.package("web", {"bin/web": "#!/usr/bin/openssl\n"}, requires=(f"{FIRST}/openssl",))
    neighbours.second.package("alone", {"share/alone": "x"})
    neighbours.publish("openssl", "say")
    images = making(neighbours.second, tmp_path / "registry")
    for _ in range(2):
        with refuses("registry-foreign-packages", match=f"holds packages of {FIRST}"):
            images.tagged(ImageName("edge", ("web",)), "latest")
    with refuses("registry-name-unknown"):
        images.tagged(ImageName("edge", ("openssl",)), "latest")
    assert images.tagged(ImageName("edge", ("alone",)), "latest")


def test_of_many_packages_near_names_are_found_among_those_of_the_first_letter(
    distribution: SmallDistribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releases, "_FEW", 1)
    images = making(distribution, tmp_path / "registry")
    for name, near in (("gret", "Did you mean greet?"), ("xreet", "")):
        with refuses("registry-name-unknown") as caught:
            images.tagged(ImageName("edge", (name,)), "latest")
        assert caught.value.remedy == near


def test_the_same_set_in_another_release_is_the_same_image_with_both_beside_it(
    registry: RunningRegistry, distribution: SmallDistribution
) -> None:
    digest = registry.digest("edge/greet")
    first = registry.ask(f"edge/greet/referrers/{digest}").json()["manifests"]
    distribution.package("other", {"share/other": "x"})
    distribution.publish()
    made = [file for file in files(registry.folder) if "/blobs/" in file]
    assert registry.digest("edge/greet") == digest
    both = registry.ask(f"edge/greet/referrers/{digest}").json()["manifests"]
    assert {referrer["digest"] for referrer in first} < {referrer["digest"] for referrer in both}
    releases = {referrer["annotations"].get("farm.releases") for referrer in both}
    assert {f"{distribution.domain}/edge@1", f"{distribution.domain}/edge@2"} <= releases
    # Nothing of the image itself was written again.
    assert {file: files(registry.folder)[file] for file in made}.keys() == set(made)


def test_an_older_release_stays_to_be_had_by_its_number_and_by_digest(
    registry: RunningRegistry, distribution: SmallDistribution
) -> None:
    old = registry.digest("edge/greet")
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "new"}, version="1.1")
    distribution.publish()
    new = registry.digest("edge/greet")
    assert new != old
    assert (registry.digest("edge/greet", "1"), registry.digest("edge/greet", "2")) == (old, new)
    assert registry.ask(f"edge/greet/manifests/{old}").status_code == 200
    # An older one that nobody requested while it was the newest is made as well.
    assert registry.digest("edge/say", "1") != registry.digest("edge/say", "2")


def test_a_digest_is_given_again_after_the_blobs_were_removed(
    registry: RunningRegistry, distribution: SmallDistribution
) -> None:
    for tag in ("latest", "latest-plain"):
        digest = registry.digest("edge/greet", tag)
        layers = {layer["digest"] for layer in registry.manifest("edge/greet", tag)["layers"]}
        shutil.rmtree(registry.folder / "blobs")
        assert registry.digest("edge/greet", digest) == digest
        for layer in layers:
            assert Digest.of(registry.ask(f"edge/greet/blobs/{layer}").content) == layer


def test_the_layers_of_the_plain_image_are_what_the_configuration_says(registry: RunningRegistry) -> None:
    plain, packed = registry.manifest("edge/greet", "1-plain"), registry.manifest("edge/greet", "1")
    assert plain["config"] == packed["config"]
    config = registry.ask(f"edge/greet/blobs/{plain['config']['digest']}").json()
    assert [layer["digest"] for layer in plain["layers"]] == config["rootfs"]["diff_ids"]
    assert {layer["mediaType"] for layer in plain["layers"]} == {"application/vnd.oci.image.layer.v1.tar"}
    for layer in plain["layers"]:
        content = registry.ask(f"edge/greet/blobs/{layer['digest']}").content
        assert (Digest.of(content), len(content)) == (layer["digest"], layer["size"])


def test_a_release_that_nobody_signed_is_not_there(registry: RunningRegistry, distribution: SmallDistribution) -> None:
    signed = registry.digest("edge/greet")
    distribution.package("secret", {"share/secret": "not out yet"})
    entry = distribution.entries["secret"][0]
    assert distribution.released is not None
    # Everything except the signature is in the published directory already.
    release, index = make_release(
        distribution.released,
        [entry],
        [],
        distribution=distribution.domain,
        channel="edge",
        now=datetime(2026, 1, 2, tzinfo=UTC),
        read=distribution.read,
    )
    for content in (*index, release.to_json()):
        distribution.keep(content)
    assert registry.refused("edge/secret/manifests/latest")[1] == "NAME_UNKNOWN"
    assert registry.refused("edge/greet/manifests/2")[1] == "MANIFEST_UNKNOWN"
    assert registry.refused("edge/secret/tags/list")[1] == "NAME_UNKNOWN"
    assert registry.refused(f"edge/greet/manifests/{release.digest}")[1] == "MANIFEST_UNKNOWN"
    assert registry.refused(f"edge/greet/blobs/{entry.archive.digest}")[1] == "BLOB_UNKNOWN"
    assert registry.digest("edge/greet") == signed
    distribution.publish()
    assert registry.ask("edge/secret/manifests/2").status_code == 200


def test_the_farms_own_blobs_are_not_given_out(registry: RunningRegistry) -> None:
    registry.digest("edge/greet")
    private = registry.folder.parent / "blobs" / "sha256" / "ab"
    private.mkdir(parents=True)
    (private / ("0" * 62)).write_text("a log")
    assert registry.refused(f"edge/greet/blobs/sha256:ab{'0' * 62}")[1] == "BLOB_UNKNOWN"


def test_metadata_that_does_not_verify_stops_names_and_not_digests(
    registry: RunningRegistry, distribution: SmallDistribution
) -> None:
    digest = registry.digest("edge/greet")
    timestamp = distribution.public / "metadata" / "timestamp.json"
    whole = timestamp.read_bytes()
    timestamp.write_bytes(whole.replace(b'"sig":"', b'"sig":"00'))
    assert registry.refused("edge/greet/manifests/latest")[:2] == (503, "UNAVAILABLE")
    assert registry.refused("edge/greet/tags/list")[:2] == (503, "UNAVAILABLE")
    assert registry.ask(f"edge/greet/manifests/{digest}").status_code == 200
    timestamp.write_bytes(whole)
    assert registry.digest("edge/greet") == digest


def test_another_process_gives_what_the_first_one_made(
    registry: RunningRegistry, database: Database, distribution: SmallDistribution
) -> None:
    digest = registry.digest("edge/greet")
    before = files(registry.folder)
    with running_registry(database, registry.folder.parent, distribution.public) as other:
        assert other.digest("edge/greet") == digest
        assert other.ask(f"edge/greet/referrers/{digest}").json()["manifests"]
    assert files(registry.folder) == before
