"""OCI layouts of images, and how other tools change them with all digests corrected."""

from __future__ import annotations

import gzip
import io
import json
from typing import TYPE_CHECKING, Any

from farm.client.image.records import ImageRecords
from farm.core.names.digest import Digest
from farm.oci.layer import TAR, TAR_GZIP, layer_content
from farm.oci.layout import write_layout
from farm.oci.own_files import own_files
from tests.client.images import build

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.client.repository.host import Host


def layout(host: Host, folder: Path) -> Path:
    (folder / "app").mkdir()
    (folder / "app" / "serve").write_text("#!/usr/bin/say\n")
    own = own_files([(folder / "app", "app")], host.blobs)
    image = build(host, "greet", "alone", own=own, user="65534:65534")
    write_layout(image.image, host.blobs, folder / "oci")
    ImageRecords(host.state).forget(image)
    return folder / "oci"


def blob(directory: Path, digest: str) -> bytes:
    return (directory / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()


def put(directory: Path, content: bytes) -> dict[str, Any]:
    digest = Digest.of(content)
    (directory / "blobs/sha256" / digest.hex).write_bytes(content)
    return {"digest": str(digest), "size": len(content)}


def add_layer(directory: Path, content: bytes, *, created_by: str) -> None:
    """Put a layer on top, as another tool does that builds on an image."""
    layer = put(directory, content)

    def change(config: Any, manifest: Any) -> None:
        config["rootfs"]["diff_ids"].append(layer["digest"])
        config["history"].append({"created_by": created_by})
        manifest["layers"].append({**layer, "mediaType": TAR})

    retold(directory, change)


def compress(directory: Path) -> None:
    """Store every layer as gzip, as tools do that copy an image out of an engine."""

    def change(config: Any, manifest: Any) -> None:
        for layer in manifest["layers"]:
            content = b"".join(layer_content(io.BytesIO(blob(directory, layer["digest"])), layer["mediaType"]))
            layer |= {**put(directory, gzip.compress(content, 1)), "mediaType": TAR_GZIP[0]}

    retold(directory, change)


def retold(directory: Path, change: Callable[[Any, Any], object]) -> None:
    """Change configuration and manifest of a layout, and correct all digests above them."""
    index = json.loads((directory / "index.json").read_bytes())
    manifest = json.loads(blob(directory, index["manifests"][0]["digest"]))
    config = json.loads(blob(directory, manifest["config"]["digest"]))
    change(config, manifest)
    manifest["config"] |= put(directory, json.dumps(config, indent=1).encode())
    index["manifests"] = [{**index["manifests"][0], **put(directory, json.dumps(manifest).encode())}]
    (directory / "index.json").write_text(json.dumps(index))
