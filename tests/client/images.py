"""What `farm image build` and `update` do, as calls for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.client.image.evidence import keep_image, release_head
from farm.client.image.known_image import open_image
from farm.client.image.making import make_image
from farm.client.image.package_set import parts_of
from farm.client.image.replacement import UpdateRequest, replace_builds
from farm.client.image.user_layer import own_files_of
from farm.client.repository.archives import fetch_archives
from farm.oci.image_config import ImageConfig

if TYPE_CHECKING:
    from farm.client.image.records import ImageRecord
    from farm.client.image.replacement import ImageUpdate
    from farm.client.repository.host import Host
    from farm.oci.own_files import OwnFiles
    from tests.client.distribution import SmallDistribution

NOW = "2026-01-02T03:04:05Z"


def subscribe(host: Host, distribution: SmallDistribution) -> None:
    assert distribution.founded is not None
    host.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)


def build(host: Host, *names: str, name: str = "", own: OwnFiles | None = None, **settings: Any) -> ImageRecord:
    catalogue = host.catalogue()
    verified = catalogue.verified(names)
    fetch_archives(verified, lambda _blob: None)
    parts, head = parts_of(catalogue, verified), release_head(catalogue)
    said = {key: settings.pop(key) for key in ("replaces", "imports", "described") if key in settings}
    config = ImageConfig(parts[0].descriptor.platform, **settings)
    made = make_image(parts, config, host.blobs, asked=names, releases=[head.ref], own=own, **said)
    return keep_image(host.state, host.blobs, made, parts, [head], now=NOW, name=name)


def update(host: Host, image: str, *names: str, name: str = "", **options: Any) -> ImageUpdate | None:
    known = open_image(image, host, None)
    found = replace_builds(
        host, known, UpdateRequest(image=image, packages=names, **options), own_files_of(known, host.blobs, None)
    )
    if found:
        keep_image(host.state, host.blobs, found.made, found.parts, found.heads, now=NOW, name=name)
    return found
