"""Every change in a root or an image is reported with its path, and a repaired file is as it was signed."""

from __future__ import annotations

import gzip
import json
import os
import secrets
import shutil
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from farm.client.audit.verification_image import verify_image
from farm.client.audit.verification_root import repair_root, verify_root
from farm.client.image.known_image import open_image
from farm.client.root.generations import Root
from farm.container.image_store import EngineImages, ImageStore, saved_digests
from farm.container.sandbox import connect
from farm.oci.image_archive import image_archive
from tests.client.images import build, subscribe
from tests.client.installing import install
from tests.client.layouts import blob, compress, layout, put, retold
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.client.findings.verification import Verification
    from farm.client.repository.host import Host
    from tests.client.distribution import SmallDistribution


@pytest.fixture
def follower(host: Host, distribution: SmallDistribution) -> Host:
    subscribe(host, distribution)
    return host


@pytest.fixture
def root(follower: Host, tmp_path: Path) -> Path:
    install(follower, tmp_path / "root", "greet", "alone")
    return tmp_path / "root"


def at(root: Path, name: str) -> Path:
    """The directory of a package."""
    return next(path for path in (root / "packages").iterdir() if path.name.startswith(f"{name}-"))


def faults_of(found: Verification, root: Path) -> list[tuple[str, str, str]]:
    return [(fault.what, fault.of.rpartition("/")[2], shorter(root, fault.path)) for fault in found.faults]


def shorter(root: Path, path: str) -> str:
    """A path without the digest in the package's directory name."""
    parts = path.split("/")
    return "/".join([parts[0], parts[1].partition("-")[0], *parts[2:]]) if parts[0] == "packages" else path


def write(path: Path, content: str) -> None:
    """Change the file in place, as a process that has it open would: also for the cache that shares it."""
    path.chmod(0o644)
    with path.open("r+") as file:
        file.write(content)


def longer(path: Path) -> None:
    with path.open("a") as file:
        file.write("!")


def other_kind(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/shadow")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGE: dict[str, tuple[Callable[[Path], object], tuple[str, str, str]]] = {
    "a byte": (
        lambda root: write(at(root, "say") / "etc/say.conf", "LOUD\n"),
        ("altered", "say", "packages/say/etc/say.conf"),
    ),
    "longer": (
        lambda root: longer(at(root, "alone") / "share/alone/file"),
        ("altered", "alone", "packages/alone/share/alone/file"),
    ),
    "gone": (lambda root: (at(root, "greet") / "bin/greet").unlink(), ("missing", "greet", "packages/greet/bin/greet")),
    "a directory gone": (
        lambda root: shutil.rmtree(at(root, "greet") / "share/greet"),
        ("missing", "greet", "packages/greet/share/greet"),
    ),
    "a package gone": (lambda root: shutil.rmtree(at(root, "greet")), ("missing", "greet", "packages/greet")),
    "added": (lambda root: (at(root, "say") / "bin/sh").touch(), ("added", "say", "packages/say/bin/sh")),
    "no program any more": (
        lambda root: (at(root, "greet") / "bin/greet").chmod(0o644),
        ("altered", "greet", "packages/greet/bin/greet"),
    ),
    "runs as root": (
        lambda root: (at(root, "greet") / "bin/greet").chmod(0o4755),
        ("altered", "greet", "packages/greet/bin/greet"),
    ),
    "a link in its place": (
        lambda root: other_kind(at(root, "say") / "etc/say.conf"),
        ("altered", "say", "packages/say/etc/say.conf"),
    ),
    "a fifo in its place": (
        lambda root: fifo(at(root, "say") / "etc/say.conf"),
        ("altered", "say", "packages/say/etc/say.conf"),
    ),
    "a link elsewhere": (
        lambda root: other_kind(root / ".farm/generations/1/usr/bin/say"),
        ("altered", "links", ".farm/generations/1/usr/bin/say"),
    ),
    "a link gone": (
        lambda root: (root / ".farm/generations/1/usr/bin/say").unlink(),
        ("missing", "links", ".farm/generations/1/usr/bin/say"),
    ),
    "a link added": (
        lambda root: (root / ".farm/generations/1/usr/bin/sh").symlink_to("say"),
        ("added", "links", ".farm/generations/1/usr/bin/sh"),
    ),
    "the top link": (lambda root: other_kind(root / "usr"), ("altered", "links", "usr")),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_told_with_its_place_and_mended(follower: Host, root: Path, damage: str) -> None:
    before = verify_root(follower, root)
    assert (before.faults, before.packages) == ((), 3)
    hurt, expected = DAMAGE[damage]
    hurt(root)
    found = verify_root(follower, root)
    assert faults_of(found, root) == [expected]
    repair_root(follower, root, found)
    assert verify_root(follower, root).faults == ()
    assert (root / "usr/bin/greet").read_text() == "#!/usr/bin/say\n"
    assert (root / "etc/say.conf").read_text() == "loud\n"


def test_what_is_shared_with_the_cache_is_mended_there_too(follower: Host, root: Path, tmp_path: Path) -> None:
    place = at(root, "say") / "etc/say.conf"
    if not place.samefile(follower.cache.path(at(root, "say").name) / "etc/say.conf"):
        pytest.skip("this file system shares no files between root and cache")
    write(place, "LOUD\n")
    found = verify_root(follower, root)
    repair_root(follower, root, found)
    install(follower, tmp_path / "second", "say")
    assert (tmp_path / "second/etc/say.conf").read_text() == "loud\n"
    assert [generation.number for generation in Root(root).generations()] == [1]


def test_an_archive_that_rotted_too_is_fetched_anew(
    follower: Host, root: Path, distribution: SmallDistribution
) -> None:
    write(at(root, "say") / "etc/say.conf", "LOUD\n")
    archive = follower.blobs.path(distribution.entries["say"][0].archive.digest)
    archive.chmod(0o644)
    archive.write_bytes(archive.read_bytes()[:-1] + b"?")
    repair_root(follower, root, verify_root(follower, root))
    assert (root / "etc/say.conf").read_text() == "loud\n"


def test_a_build_of_an_earlier_release_is_well_and_is_mended_as_that_build(
    follower: Host, root: Path, distribution: SmallDistribution
) -> None:
    distribution.package("say", {"bin/say": "louder", "etc/say.conf": "LOUDER\n"}, version="1.1")
    distribution.publish()
    assert verify_root(follower, root).faults == ()
    write(at(root, "say") / "etc/say.conf", "LOUD\n")
    found = verify_root(follower, root)
    repair_root(follower, root, found)
    assert (root / "etc/say.conf").read_text() == "loud\n"


def record(root: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Change what is recorded of `say`."""
    path = root / ".farm/current/generation.json"
    form = json.loads(path.read_text())
    change(next(package for package in form["set"]["packages"] if package["name"].endswith("/say")))
    path.write_text(json.dumps(form))


def test_a_record_that_lies_about_a_version_is_told(follower: Host, root: Path) -> None:
    record(root, lambda placed: placed.update(version="9.9"))
    found = verify_root(follower, root)
    assert faults_of(found, root) == [("altered", "record", "")]
    assert "recorded as dist.example.org/say 9.9-1, and described as dist.example.org/say 1.0-1" in found.faults[0].how
    with refuses("cannot-mend", match="the record of what is installed"):
        repair_root(follower, root, found)


def test_a_build_that_no_release_holds_is_told_and_not_mended(
    follower: Host, root: Path, distribution: SmallDistribution
) -> None:
    """Somebody has put a package there, with descriptor, record and all."""
    distribution.package("say", {"bin/say": "evil", "etc/say.conf": "loud\n"}, version="1.0")
    entry, member = distribution.entries["say"]
    for blob_ref in (entry.descriptor, entry.manifest, entry.facts):
        follower.blobs.put_bytes(distribution.read(blob_ref))
    store = member.descriptor.store_path
    shutil.copytree(at(root, "say"), root / "packages" / store)
    write(root / "packages" / store / "bin/say", "evil")
    os.truncate(root / "packages" / store / "bin/say", 4)
    (root / "packages" / store / "bin/say").chmod(0o755)
    record(root, lambda placed: placed.update(descriptor=str(member.descriptor.digest), store=store))
    found = verify_root(follower, root)
    assert ("unsigned", "say", "") in faults_of(found, root)
    with refuses("cannot-mend", match="no signed release has this build"):
        repair_root(follower, root, found)


def test_what_the_user_put_there_is_named_and_compared_with_itself(follower: Host, root: Path) -> None:
    record(root, lambda placed: placed.update(why="my own", channel=""))
    found = verify_root(follower, root)
    assert (found.faults, found.unsigned) == ((), ("dist.example.org/say 1.0-1",))
    longer(at(root, "say") / "etc/say.conf")
    found = verify_root(follower, root)
    assert faults_of(found, root) == [("altered", "say", "packages/say/etc/say.conf")]
    with refuses("cannot-mend"):
        repair_root(follower, root, found)


def image_faults(host: Host, name: str | Path) -> list[tuple[str, str]]:
    found = verify_image(host, open_image(str(name), host, None), None, None)
    return [(fault.what, fault.of.partition("-")[0]) for fault in found.faults]


def test_every_layer_of_a_layout_is_read(follower: Host, tmp_path: Path) -> None:
    directory = layout(follower, tmp_path)
    assert image_faults(follower, directory) == []
    known = open_image(str(directory), follower, None)
    assert known.image is not None
    for layer in known.image.layers:
        blob = directory / "blobs/sha256" / layer.blob.digest.hex
        content = blob.read_bytes()
        blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert image_faults(follower, directory) == [("altered", layer.holds.partition("-")[0])]
        blob.unlink()
        assert image_faults(follower, directory) == [("missing", layer.holds.partition("-")[0])]
        blob.write_bytes(content)


def test_layers_that_another_tool_compressed_are_judged_by_what_is_in_them(follower: Host, tmp_path: Path) -> None:
    directory = layout(follower, tmp_path)
    compress(directory)
    assert image_faults(follower, directory) == []

    def exchange(_config: Any, manifest: Any) -> None:
        manifest["layers"][0] |= put(directory, gzip.compress(b"another"))
        manifest["layers"][1] |= put(directory, b"no gzip")

    retold(directory, exchange)
    assert [what for what, _ in image_faults(follower, directory)] == ["altered", "altered"]


def test_links_that_were_changed_with_all_digests_put_right_are_told(follower: Host, tmp_path: Path) -> None:
    """Changing a layer and every digest above it makes another image, not the image of these packages."""
    directory = layout(follower, tmp_path)
    known = open_image(str(directory), follower, None)
    assert known.image is not None
    (links,) = [layer for layer in known.image.layers if layer.holds == "links"]
    changed = put(directory, blob(directory, links.blob.digest).replace(b"usr/bin/say", b"usr/bin/sax"))["digest"]

    def change(config: Any, manifest: Any) -> None:
        ids = config["rootfs"]["diff_ids"]
        config["rootfs"]["diff_ids"] = [changed if diff_id == links.diff_id else diff_id for diff_id in ids]
        for layer in manifest["layers"]:
            layer["digest"] = changed if layer["digest"] == links.blob.digest else layer["digest"]

    retold(directory, change)
    assert image_faults(follower, directory) == [("altered", "links")]


def test_a_label_that_names_another_package_is_told(follower: Host, tmp_path: Path) -> None:
    directory = layout(follower, tmp_path)

    def change(config: Any, _manifest: Any) -> None:
        labels = config["config"]["Labels"]
        labels["farm.record"] = labels["farm.record"].replace('"version":"1.0"', '"version":"1.9"', 1)

    retold(directory, change)
    assert image_faults(follower, directory) == [("altered", "record")]


def test_a_setting_beside_the_packages_is_told(follower: Host, tmp_path: Path) -> None:
    directory = layout(follower, tmp_path)
    retold(directory, lambda config, _manifest: config.update(created="2001-01-01T00:00:00Z"))
    assert image_faults(follower, directory) == [("altered", "record")]


def test_an_image_of_the_host_is_read_from_its_store(follower: Host) -> None:
    image = build(follower, "greet", name="api:1")
    assert image_faults(follower, "api:1") == []
    blob = follower.blobs.path(image.image.layers[0].blob.digest)
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes() + b"more")
    assert image_faults(follower, "api:1") == [("altered", image.image.layers[0].holds.partition("-")[0])]


@pytest.mark.docker
def test_an_image_is_read_out_of_docker(follower: Host, tmp_path: Path) -> None:
    client, name = connect(os.environ.get("DOCKER_HOST", "")), f"farm-test/{secrets.token_hex(6)}:1"
    image = build(follower, "greet", name=name)
    archive = partial(image_archive, image.image, follower.blobs, reference=name)
    ImageStore(client).load(image.image, archive, reference=name)
    try:
        engine_images, read = EngineImages(client), list[int]()
        known = open_image(name, follower, engine_images)
        found = verify_image(follower, known, engine_images, partial(saved_digests, client))
        assert found.faults == ()
        digests, why = saved_digests(client, name, read.append)
        assert why == ""
        assert sum(read) > 0
        assert {layer.diff_id for layer in image.image.layers} <= digests
        if shutil.which("skopeo"):
            copied = f"oci:{tmp_path}/copied:1"
            subprocess.run(["skopeo", "copy", "--quiet", f"docker-daemon:{name}", copied], check=True)
            assert image_faults(follower, tmp_path / "copied") == []

        def without(name: str, seen: Callable[[int], None]) -> object:
            del name, seen
            return digests - {image.image.layers[0].diff_id}, "integrity check failed"

        (fault,) = verify_image(follower, known, engine_images, without).faults  # type: ignore[arg-type]
        assert fault.of == image.image.layers[0].holds
        assert "integrity check failed" in fault.how
    finally:
        client.remove_image(name, force=True)
