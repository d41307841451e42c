"""An image as a Docker Engine gives it out, read through once: which blobs are in it, by the digests of their bytes."""

from __future__ import annotations

import hashlib
import tarfile
from typing import TYPE_CHECKING

import docker
import docker.errors

from farm.container.image_store import Stream
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE = 1 << 20


def saved_digests(client: docker.APIClient, name: str, seen: Callable[[int], None]) -> tuple[frozenset[Digest], str]:
    """Return the digests of all files that the engine saves of an image, and why it stopped, where it did.

    Whatever the engine calls them: layers are uncompressed there, so that their digests are their diff_ids. An engine
    that finds a layer altered on its disk ends the archive early. `seen` is told of bytes that were read.
    """
    found: set[Digest] = set()
    try:
        with tarfile.open(fileobj=Stream(client.get_image(name)), mode="r|") as saved:  # type: ignore[call-overload]
            for member in saved:
                content = saved.extractfile(member) if member.isreg() else None
                if content is None:
                    continue
                hasher = hashlib.sha256()
                while piece := content.read(_PIECE):
                    hasher.update(piece)
                    seen(len(piece))
                found.add(Digest.from_hex(hasher.hexdigest()))
    except (tarfile.TarError, docker.errors.APIError, OSError) as error:
        return frozenset(found), str(error)
    return frozenset(found), ""
