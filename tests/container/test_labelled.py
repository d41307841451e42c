"""Objects with farm's label in a real engine."""

from __future__ import annotations

import contextlib
import os
import secrets
from functools import partial
from typing import TYPE_CHECKING

import docker.errors
import pytest

from farm.client.image.making import record_in
from farm.container.docker_objects import ContainerMount, labelled_images, running_containers
from farm.container.image_store import ImageStore
from farm.container.sandbox import connect
from farm.core.names.platform import Platform
from farm.oci.image import image_from
from farm.oci.image_archive import image_archive
from farm.oci.image_config import ImageConfig
from farm.store.blobs import BlobStore
from tests.oci.packages import composition, package, waiting_program

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.docker


def test_images_and_containers_are_found_by_their_label_while_they_are_there(tmp_path: Path) -> None:
    client, store = connect(os.environ.get("DOCKER_HOST", "")), BlobStore(tmp_path / "blobs")
    mine, name = secrets.token_hex(6), f"farm-test/{secrets.token_hex(6)}:1"
    tiny = package(store, "waits", {"bin/waits": waiting_program()})
    config = ImageConfig(
        Platform("linux", "amd64"),
        entrypoint=(f"/packages/{tiny.archive.store}/bin/waits",),
        labels=(("farm.set", mine),),
    )
    image = image_from(composition([tiny]), [tiny.archive], config, store)
    ImageStore(client).load(image, partial(image_archive, image, store, reference=name), reference=name)
    try:
        (found,) = [labelled for labelled in labelled_images(client) if name in labelled.names]
        assert found.labels["farm.set"] == mine
        assert record_in(found.labels) is None
        container = client.create_container(
            name,
            host_config=client.create_host_config(
                network_mode="none",
                binds={str(tmp_path): {"bind": "/packages/other", "mode": "ro"}},
                tmpfs={"/run": ""},
            ),
        )["Id"]
        try:
            assert not [listed for listed in running_containers(client) if listed.id == container]
            client.start(container)
            (running,) = [listed for listed in running_containers(client) if listed.id == container]
            assert (running.image, running.labels["farm.set"]) == (name, mine)
            assert running.image_id in (image.image_id, image.digest)  # as the engine keeps images
            assert running.mounts == (
                ContainerMount(str(tmp_path), "/packages/other"),
                ContainerMount("", "/run", writable=True),
            )
            assert running.changed == ("/packages/other",)  # it was made for the mount
            assert not running.name.startswith("/")
        finally:
            client.remove_container(container, force=True)
    finally:
        with contextlib.suppress(docker.errors.ImageNotFound):
            client.remove_image(name, force=True)
