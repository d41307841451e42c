"""Corrupt blobs in the host's image store are restored from their sources; otherwise the error names a remedy."""

from __future__ import annotations

import os
import secrets
from functools import partial
from typing import TYPE_CHECKING

import pytest

from farm.client.audit.verification_image import verify_image
from farm.client.image.known_image import LostImageError, open_image
from farm.client.image.repair import repair_image, with_repair
from farm.client.image.user_layer import own_files_of
from farm.container.image_store import EngineImages, ImageStore, saved_digests
from farm.container.sandbox import connect
from farm.oci.image_archive import image_archive
from farm.oci.own_files import own_files
from farm.store.errors import CorruptBlobError
from tests.client.images import build, subscribe, update

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host
    from tests.client.distribution import SmallDistribution


def rot(host: Host) -> None:
    for digest in list(host.blobs.iter()):
        path = host.blobs.path(digest)
        path.chmod(0o644)
        path.write_bytes(b"x" * path.stat().st_size)


def test_without_an_engine_what_can_be_had_is_brought_and_the_rest_is_named(
    distribution: SmallDistribution, host: Host
) -> None:
    subscribe(host, distribution)
    image = build(host, "greet", name="api:1")
    known = open_image("api:1", host, None)
    config = host.blobs.read(image.image.config.digest)
    rot(host)
    with pytest.raises(LostImageError, match="nobody else has it") as refused:
        open_image("api:1", host, None)
    assert "farm image build" in refused.value.remedy

    host.blobs.put_bytes(config)
    with pytest.raises(CorruptBlobError):
        host.blobs.verify(image.image.layers[0].blob.digest)
    assert with_repair(host, [known], None, lambda: [host.blobs.read(blob.digest) for blob in image.blobs])
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    assert update(host, "api:1", "say", name="api:2") is not None


@pytest.mark.docker
def test_what_docker_has_whole_is_taken_from_there(distribution: SmallDistribution, host: Host, tmp_path: Path) -> None:
    subscribe(host, distribution)
    client, name = connect(os.environ.get("DOCKER_HOST", "")), f"farm-test/{secrets.token_hex(6)}:1"
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "serve").write_text(secrets.token_hex(8))
    own = own_files([(tmp_path / "app", "app")], host.blobs)
    image = build(host, "greet", name=name, own=own, command=("/usr/bin/greet",), environment=(("A", "1"),))
    ImageStore(client).load(
        image.image, partial(image_archive, image.image, host.blobs, reference=name), reference=name
    )
    try:
        rot(host)
        engine_images = EngineImages(client)
        known = open_image(name, host, engine_images)
        assert known.digest == image.digest
        assert verify_image(host, known, engine_images, partial(saved_digests, client)).faults == ()
        rot(host)
        repair_image(host, known, engine_images)
        for blob in image.blobs:
            host.blobs.verify(blob.digest)
        assert own_files_of(known, host.blobs, engine_images) == own
    finally:
        client.remove_image(name, force=True)
