"""The one constant image that every sandbox and every late-bound run starts from: mount points and root links.

Its content and its id are known before it is loaded, and checked after: it never needs to be trusted.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import docker
import docker.errors

from farm.core.fileset.archive import ArchiveWriter
from farm.core.fileset.manifest import Directory, Entry, File, Link, Manifest
from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.names.root_places import MOUNT_POINTS, ROOT_LINKS
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.names.platform import Platform

TAG = "farm/empty:1"

_CREATED = "1980-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class EmptyImage:
    """The image as bytes: its config, its one layer, and the archive that `docker load` takes."""

    config: bytes
    layer: bytes

    @classmethod
    def of(cls, platform: Platform) -> EmptyImage:
        """Make the image of a platform: always the same bytes."""
        entries: list[Entry] = [Directory(name) for name in MOUNT_POINTS]
        entries += [Link(name, target) for name, target in ROOT_LINKS]
        layer = b"".join(ArchiveWriter("").archive(Manifest.of(entries), lambda _file: ()))
        config = {
            "architecture": platform.architecture,
            "config": {},
            "created": _CREATED,
            "history": [{"created": _CREATED, "created_by": "farm: the empty image"}],
            "os": platform.os,
            "rootfs": {"diff_ids": [Digest.of(layer)], "type": "layers"},
        }
        return cls(canonical_json(config), layer)

    @property
    def id(self) -> Digest:
        """The image's id in a Docker Engine with graph drivers; the containerd store names it by its manifest."""
        return Digest.of(self.config)

    def archive(self) -> bytes:
        """Return the archive for `docker load` (Docker image specification 1.2)."""
        config_name = f"{self.id.hex}.json"
        contents = {
            config_name: self.config,
            "layer.tar": self.layer,
            "manifest.json": canonical_json([{"Config": config_name, "Layers": ["layer.tar"], "RepoTags": [TAG]}]),
        }
        manifest = Manifest.of([File(name, len(content), Digest.of(content)) for name, content in contents.items()])
        return b"".join(ArchiveWriter("").archive(manifest, lambda file: (contents[file.path],)))

    def ensure(self, client: docker.APIClient) -> str:
        """Load the image into the engine unless it is there, and return the id by which containers name it.

        If the tag names another image, this one is loaded again. Raises the error `empty-image`.
        """
        for load in (True, False):
            try:
                found = client.inspect_image(TAG)  # type: ignore[no-untyped-call]
            except docker.errors.ImageNotFound:
                found = {}
            if self.is_it(found):
                return str(found["Id"])
            if load:
                self._load(client)
        raise FarmError(
            f"the Docker Engine has another image with the tag {TAG}",
            remedy=f"Remove it with `docker rmi {TAG}`.",
            code="empty-image",
        )

    def is_it(self, found: Mapping[str, object]) -> bool:
        """Return whether what an engine shows of an image is exactly this image."""
        root = found.get("RootFS")
        return isinstance(root, dict) and root.get("Layers") == [Digest.of(self.layer)] and not _settings(found)

    def _load(self, client: docker.APIClient) -> None:
        for event in client.load_image(io.BytesIO(self.archive())):  # type: ignore[no-untyped-call]
            # The engine answers 200 and reports the failure in the body.
            if "error" in event:
                raise FarmError(f"the Docker Engine did not load {TAG}: {event['error']}", code="empty-image")


def _settings(found: Mapping[str, object]) -> dict[str, object]:
    config = found.get("Config")
    names = ("Cmd", "Entrypoint", "User", "Volumes", "WorkingDir")
    return {key: config[key] for key in names if config.get(key)} if isinstance(config, dict) else {}
