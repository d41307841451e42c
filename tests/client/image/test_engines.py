"""Images in real engines: run by Docker, containerd and podman, and changed where only Docker has them."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import docker
import docker.errors
import pytest
from click.testing import CliRunner

from farm.cli.main import farm
from farm.client.image.inventory import host_images
from farm.client.image.known_image import UnknownImageError, open_image, unambiguous
from farm.client.image.replacement import UpdateRequest, replace_builds
from farm.client.image.user_layer import own_files_of
from farm.client.repository.host import Host
from farm.container.docker_objects import labelled_images
from farm.container.image_store import EngineImages, ImageStore
from farm.container.sandbox import connect
from farm.oci.image_archive import image_archive
from farm.oci.layout import write_layout
from farm.oci.own_files import OwnFiles, own_files
from tests.client.images import build, subscribe, update
from tests.container.other_engines import containerd, needs_containerd, needs_podman, podman
from tests.oci.packages import printing_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.oci.image import OciImage
    from farm.store.blobs import BlobStore
    from tests.client.distribution import SmallDistribution

pytestmark = pytest.mark.docker


@pytest.fixture
def client() -> docker.APIClient:
    return connect(os.environ.get("DOCKER_HOST", ""))


@pytest.fixture
def reference(client: docker.APIClient) -> Iterator[str]:
    """A unique name; the image and the one with the suffix `-changed` are removed from the engine at the end."""
    name = f"farm-test/{secrets.token_hex(6)}:1"
    yield name
    for tag in (name, f"{name}-changed"):
        with contextlib.suppress(docker.errors.ImageNotFound):
            client.remove_image(tag, force=True)


@pytest.fixture
def subscribed(distribution: SmallDistribution, host: Host) -> Host:
    subscribe(host, distribution)
    return host


def program(folder: Path, store: BlobStore, text: bytes) -> OwnFiles:
    (folder / "app").mkdir()
    (folder / "app" / "serve").write_bytes(printing_program(text))
    (folder / "app" / "serve").chmod(0o755)
    return own_files([(folder / "app", "app")], store)


def loaded(client: docker.APIClient, image: OciImage, store: BlobStore, reference: str) -> int:
    archive = partial(image_archive, image, store, reference=reference)
    return ImageStore(client).load(image, archive, reference=reference).layers_sent


def run(reference: str, *words: str) -> str:
    command = ["docker", "run", "--rm", "--network=none", reference, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_own_files_run_in_docker_as_nobody(
    client: docker.APIClient, subscribed: Host, reference: str, tmp_path: Path
) -> None:
    unique = secrets.token_hex(8).encode()
    own = program(tmp_path, subscribed.blobs, unique)
    image = build(subscribed, "greet", own=own, command=("/app/serve",), user="65534:65534", ports=("8080/tcp",))
    assert loaded(client, image.image, subscribed.blobs, reference) > 0
    assert run(reference) == unique.decode()
    shown = client.inspect_image(reference)
    assert shown["Config"]["ExposedPorts"] == {"8080/tcp": {}}


def test_an_image_that_docker_alone_has_is_changed_on_another_host(
    client: docker.APIClient, distribution: SmallDistribution, subscribed: Host, reference: str, tmp_path: Path
) -> None:
    unique = secrets.token_hex(8).encode()
    own = program(tmp_path, subscribed.blobs, unique)
    image = build(subscribed, "greet", own=own, command=("/app/serve",))
    loaded(client, image.image, subscribed.blobs, reference)
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()

    elsewhere = Host(tmp_path / "elsewhere", tmp_path / "others")
    subscribe(elsewhere, distribution)
    engine_images = EngineImages(client)
    known = open_image(reference, elsewhere, engine_images)
    assert known.record.digest == image.record.digest
    taken = own_files_of(known, elsewhere.blobs, engine_images)
    assert taken == own
    found = replace_builds(elsewhere, known, UpdateRequest(image=reference, packages=("say",)), taken)
    assert found is not None
    assert found.made.image == build(subscribed, "greet", own=own, command=("/app/serve",)).image
    for part in found.parts:
        elsewhere.blobs.share(distribution.blobs, part.archive.digest)
    loaded(client, found.made.image, elsewhere.blobs, f"{reference}-changed")
    assert run(f"{reference}-changed") == unique.decode()
    assert open_image(f"{reference}-changed", elsewhere, engine_images).record.package(
        "say"
    ) == found.made.record.package("say")


def test_a_name_means_what_was_made_last_and_where_docker_has_another_that_is_told(
    client: docker.APIClient, distribution: SmallDistribution, subscribed: Host, reference: str
) -> None:
    old = build(subscribed, "greet", name=reference)
    loaded(client, old.image, subscribed.blobs, reference)
    engine_images = EngineImages(client)
    assert unambiguous(open_image(reference, subscribed, engine_images)).digest == old.digest
    distribution.package("say", {"bin/say": secrets.token_hex(8), "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    new = update(subscribed, reference, "say", name=reference)
    assert new is not None
    known = open_image(reference, subscribed, engine_images)
    assert (known.digest, known.rival) == (new.made.image.digest, client.inspect_image(reference)["Id"])
    listed = [image for image in host_images(subscribed, labelled_images(client)) if image.kept]
    assert [(image.digest, image.names, image.elsewhere, image.in_docker) for image in listed if image.elsewhere] == [
        (old.digest, (), (reference,), True)
    ]
    assert [(image.digest, image.in_docker) for image in listed if reference in image.names] == [
        (new.made.image.digest, False)
    ]
    environment = {"FARM_STATE": str(subscribed.state), "FARM_HOST": str(subscribed.shared)}
    for verb in (["image", "push", reference, "r.example/x:1"], ["verify", reference], ["audit", reference]):
        done = CliRunner().invoke(farm, verb, env=environment)
        assert getattr(done.exception, "code", "") == "ambiguous-image", (verb, done.output)
    shown = CliRunner().invoke(farm, ["image", "inspect", reference], env=environment)
    assert f"{reference}: this is {known.digest}, made here last under that name; Docker has {known.rival}" in (
        shown.output
    )
    loaded(client, new.made.image, subscribed.blobs, reference)
    assert unambiguous(open_image(reference, subscribed, engine_images)).digest == new.made.image.digest


@pytest.mark.parametrize("name", ["farm-test/none:1", "Not A Name", "sha256:" + "0" * 64])
def test_what_docker_does_not_have_is_not_known(client: docker.APIClient, host: Host, name: str) -> None:
    with pytest.raises(UnknownImageError):
        open_image(name, host, EngineImages(client))


@needs_containerd
def test_containerd_takes_the_layout_and_runs_it(subscribed: Host, tmp_path: Path) -> None:
    unique = secrets.token_hex(8)
    own = program(tmp_path, subscribed.blobs, unique.encode())
    image = build(subscribed, "greet", "alone", own=own, command=("/app/serve",))
    name = f"farm.test/{secrets.token_hex(6)}:1"
    write_layout(image.image, subscribed.blobs, tmp_path / "oci", reference=name, referrers=image.referrers)
    archive = tmp_path / "oci.tar"
    subprocess.run(["tar", "--create", "--file", archive, "--directory", tmp_path / "oci", "."], check=True)
    with containerd() as ctr:
        ctr("images", "import", str(archive))
        assert image.digest in next(line for line in ctr("images", "list").splitlines() if line.startswith(name))
        assert ctr("run", "--rm", name, secrets.token_hex(6)) == unique


@needs_podman
def test_podman_takes_the_archive_and_the_layout_as_one_image_and_runs_it(subscribed: Host, tmp_path: Path) -> None:
    unique = secrets.token_hex(8)
    own = program(tmp_path, subscribed.blobs, unique.encode())
    image = build(subscribed, "greet", "alone", own=own, command=("/app/serve",))
    write_layout(image.image, subscribed.blobs, tmp_path / "oci", reference="x:1", referrers=image.referrers)
    archive = tmp_path / "docker.tar"
    archive.write_bytes(b"".join(image_archive(image.image, subscribed.blobs, reference="farm.test/x:1")))
    with podman(tmp_path / "podman") as run:
        run("load", "--input", str(archive))
        assert run("pull", "--quiet", f"oci:{tmp_path}/oci:1").split() == [image.image.image_id.hex]
        known = run("image", "inspect", "farm.test/x:1", "--format={{.Id}} {{.Digest}}")
        assert known.split() == [image.image.image_id.hex, image.digest]
        assert run("run", "--rm", "--network=none", "farm.test/x:1") == unique
