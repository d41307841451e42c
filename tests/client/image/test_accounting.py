"""What an image claims about itself is trusted only as far as its layers confirm it."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import tarfile
from functools import partial
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import pytest

from farm.client.image.accounting import unaccounted, unattributed
from farm.client.image.known_image import open_image
from farm.client.image.making import record_in
from farm.client.image.package_set import PackageDescriptions
from farm.client.image.replacement import UpdateRequest, replace_builds
from farm.container.image_store import EngineImages, ImageStore
from farm.container.sandbox import connect
from farm.core.sets.members.set_record import SetRecord
from farm.oci.image_archive import image_archive
from tests.client.images import build, subscribe
from tests.client.layouts import add_layer, layout, put, retold
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.client.image.records import ImageRecord
    from farm.client.image.replacement import ImageUpdate
    from farm.client.repository.host import Host
    from tests.client.distribution import SmallDistribution


@pytest.fixture
def follower(host: Host, distribution: SmallDistribution) -> Host:
    subscribe(host, distribution)
    return host


def faults_of(host: Host, name: str | Path, engine: EngineImages | None = None) -> list[tuple[str, str]]:
    image, described = open_image(str(name), host, engine), PackageDescriptions(host)
    faults = unaccounted(host, image, described, described.parts(image), engine)
    return [(fault.what, fault.of.partition("-")[0]) for fault in faults]


def tar(path: str, content: bytes = b"mine") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(path)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize("said", ["COPY jq /usr/bin/jq2", "own files", "a package of the image"])
def test_a_layer_on_top_is_nobodys_whatever_it_is_called(follower: Host, tmp_path: Path, said: str) -> None:
    directory = layout(follower, tmp_path)
    known = open_image(str(directory), follower, None)
    assert faults_of(follower, directory) == []
    add_layer(
        directory, tar("usr/bin/jq2"), created_by=known.layers[0][1] if said == "a package of the image" else said
    )
    assert [what for what, _ in faults_of(follower, directory)] == ["added"]


def test_without_a_history_no_layer_is_taken_for_the_makers_own(follower: Host, tmp_path: Path) -> None:
    directory = layout(follower, tmp_path)
    retold(directory, lambda config, _manifest: config.pop("history"))
    assert "added" in {what for what, _ in faults_of(follower, directory)}


def test_a_package_that_the_label_leaves_out_is_nobodys(follower: Host, tmp_path: Path) -> None:
    directory = layout(follower, tmp_path)

    def change(config: Any, _manifest: Any) -> None:
        labels = config["config"]["Labels"]
        record = record_in(labels)
        assert record is not None
        less = SetRecord(record.asked, tuple(package for package in record.packages if package.name.short != "say"))
        labels |= {"farm.record": less.to_json().decode(), "farm.set": str(less.digest)}

    retold(directory, change)
    assert ("added", "say") in faults_of(follower, directory)


def test_a_label_that_calls_a_build_by_a_mended_version_is_told(follower: Host, tmp_path: Path) -> None:
    directory = layout(follower, tmp_path)

    def change(config: Any, _manifest: Any) -> None:
        labels = config["config"]["Labels"]
        labels["farm.record"] = labels["farm.record"].replace('"version":"1.0"', '"version":"1.9"', 1)

    retold(directory, change)
    assert faults_of(follower, directory) == [("altered", "record")]


@pytest.mark.parametrize("path", ["packages/say-1.0-x/bin/say", "usr/bin/.wh.say"])
def test_own_files_hide_nothing_of_the_packages(follower: Host, tmp_path: Path, path: str) -> None:
    directory = layout(follower, tmp_path)
    mine = put(directory, tar(path))

    def change(config: Any, manifest: Any) -> None:
        config["rootfs"]["diff_ids"][-2] = mine["digest"]
        manifest["layers"][-2] |= mine

    retold(directory, change)
    assert faults_of(follower, directory)[:2] == [("altered", "own files"), ("added", "own files")]


def test_what_cannot_be_worked_out_is_no_all_clear(
    follower: Host, distribution: SmallDistribution, tmp_path: Path
) -> None:
    directory = layout(follower, tmp_path)
    known = open_image(str(directory), follower, None)
    unknown = known.record.packages[0].descriptor
    follower.blobs.delete(unknown)
    distribution.blobs.delete(unknown)
    (why,) = unattributed(follower, known, None)
    assert why.startswith("its layers cannot be worked out: ")


@pytest.fixture
def loaded(follower: Host) -> Iterator[tuple[docker.APIClient, ImageRecord]]:
    """An image that Docker has, under a unique name; the image and the one called `-derived` are removed at the end."""
    client, name = connect(os.environ.get("DOCKER_HOST", "")), f"farm-test/{secrets.token_hex(6)}:1"
    image = build(follower, "greet", name=name)
    archive = partial(image_archive, image.image, follower.blobs, reference=name)
    ImageStore(client).load(image.image, archive, reference=name)
    yield client, image
    for reference in (f"{name}-derived", name):
        with contextlib.suppress(docker.errors.ImageNotFound):
            client.remove_image(reference, force=True)


def derived(client: docker.APIClient, image: ImageRecord, lines: str, folder: Path) -> str:
    """Build a Dockerfile on an image."""
    (name,) = image.names
    with tarfile.open(folder / "context.tar", "w") as context:
        for path, content in (("Dockerfile", f"FROM {name}\n{lines}\n".encode()), ("mine", b"")):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            context.addfile(member, io.BytesIO(content))
    with (folder / "context.tar").open("rb") as file:
        list(client.build(fileobj=file, custom_context=True, tag=f"{name}-derived", rm=True))
    return f"{name}-derived"


@pytest.mark.docker
def test_an_image_that_docker_derived_can_be_asked(
    follower: Host, loaded: tuple[docker.APIClient, ImageRecord], tmp_path: Path
) -> None:
    """Its history lists settings too; these are not layers."""
    client, image = loaded
    engine_images = EngineImages(client)
    for lines, expected in (("ENV A=1\nCMD ['x']\nLABEL l=1", []), ("COPY mine /\nENV A=1", [("added", "COPY")])):
        name = derived(client, image, lines, tmp_path)
        known = open_image(name, follower, engine_images)
        assert [holds for _, holds in known.layers][: len(image.image.layers)] == [
            layer.holds for layer in image.image.layers
        ]
        assert [what for what, _ in faults_of(follower, name, engine_images)] == [what for what, _ in expected]


@pytest.mark.docker
def test_an_update_drops_nothing_that_a_dockerfile_said(
    follower: Host, loaded: tuple[docker.APIClient, ImageRecord], distribution: SmallDistribution, tmp_path: Path
) -> None:
    client, image = loaded
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()

    def updated(lines: str) -> ImageUpdate | None:
        known = open_image(derived(client, image, lines, tmp_path), follower, EngineImages(client))
        return replace_builds(follower, known, UpdateRequest(image=known.name, packages=("say",)), None)

    found = updated("ENV A=1\nCMD ['x']")
    assert found is not None
    assert ("A", "1") in found.made.config.environment
    with refuses("foreign-layers", match=r"1 layer that no package accounts for(?s:.*)COPY"):
        updated("COPY mine /\nENV A=1")
    with refuses("foreign-settings", match="says Healthcheck and StopSignal, which an update would drop"):
        updated("HEALTHCHECK CMD say\nSTOPSIGNAL SIGINT")
