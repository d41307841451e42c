"""Updating an image: other builds of some packages, from the request to the engine or layout that has the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from farm.client.image.engine import docker_images, load_into_docker
from farm.client.image.evidence import annotations_of, keep_image
from farm.client.image.known_image import open_image, unambiguous
from farm.client.image.package_set import PackageDescriptions
from farm.client.image.repair import with_repair
from farm.client.image.replacement import replace_builds
from farm.client.image.user_layer import own_files_of
from farm.client.repository.progress import NO_PROGRESS
from farm.oci.image_reference import check_reference
from farm.oci.layout import update_layout, write_layout

if TYPE_CHECKING:
    from farm.client.image.known_image import KnownImage
    from farm.client.image.replacement import ImageUpdate, UpdateRequest
    from farm.client.repository.host import Host
    from farm.client.repository.progress import AnnouncingProgress
    from farm.container.image_store import Loaded


@dataclass(frozen=True, slots=True)
class UpdatedImage:
    """The old image, its update, the name of the new image, and Docker's answer where it was loaded."""

    before: KnownImage
    update: ImageUpdate
    reference: str
    loaded: Loaded | None = None


def update(
    host: Host, request: UpdateRequest, progress: AnnouncingProgress[UpdatedImage] = NO_PROGRESS
) -> UpdatedImage | None:
    """Replace the builds of packages in an image; None where it already has the requested ones.

    Raises what `open_image`, `unambiguous`, `replace_builds`, writing a layout and loading raise.
    """
    engine = docker_images(request.docker)
    known = unambiguous(open_image(request.image, host, engine))
    reference = request.tag or known.reference
    check_reference(reference)
    with host.in_use():
        found = with_repair(
            host,
            [known],
            engine,
            lambda: replace_builds(host, known, request, own_files_of(known, host.blobs, engine)),
        )
        if found is None:
            return None
        made = found.made.image
        kept = keep_image(host.state, host.blobs, found.made, found.parts, found.heads, name=reference)
    updated = UpdatedImage(known, found, reference)
    progress.announce(updated)
    said = annotations_of(found.made, found.heads)
    if request.output:
        PackageDescriptions(host).ensure_archives(found.parts)
        write_layout(made, host.blobs, request.output, reference=reference, referrers=kept.referrers, annotations=said)
    if known.directory:
        update_layout(
            made,
            host.blobs,
            known.directory,
            instead_of=known.digest,
            reference=reference,
            referrers=kept.referrers,
            annotations=said,
        )
    elif reference and request.load and engine:
        PackageDescriptions(host).ensure_archives(found.parts)
        new = open_image(str(made.digest), host, None)
        send = partial(load_into_docker, made, host.blobs, reference, request.docker)
        updated = replace(updated, loaded=with_repair(host, [known, new], engine, send))
    return updated
