"""Updating an image: other builds of some packages, from the request to the engine or layout that has the image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from farm.client.findings.policy_in_force import NO_POLICY, PolicyInForce
from farm.client.image.engine import docker_images, load_into_docker
from farm.client.image.evidence import annotations_of, keep_image
from farm.client.image.known_image import open_image, unambiguous
from farm.client.image.mending import with_mending
from farm.client.image.package_set import Described
from farm.client.image.replacement import NEWEST, replace_builds
from farm.client.image.user_layer import own_files_of
from farm.client.override.substitution import substitute_on
from farm.client.repository.progress import NO_PROGRESS, Progress
from farm.oci.image_reference import check_reference
from farm.oci.layout import update_layout, write_layout

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.image.known_image import KnownImage
    from farm.client.image.replacement import ImageUpdate
    from farm.client.repository.host import Host
    from farm.container.image_store import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRequest:
    """Other builds of `packages` for `image`, which is a name in Docker, a digest, or an OCI layout directory.

    `to` is a version; `override` is the reason to accept them although the proof fails because of them. `tag` is the
    name of the new image (empty: that of the old one); `output` a directory for it as an OCI layout. With `load` it is
    loaded into the engine at `docker` (empty: the machine's own), where the old one is not a layout.
    """

    image: str
    packages: tuple[str, ...]
    to: str = NEWEST
    override: str = ""
    tag: str = ""
    output: Path | None = None
    channel: str = ""
    policy: PolicyInForce = NO_POLICY
    docker: str = ""
    load: bool = True


@dataclass(frozen=True, slots=True)
class UpdatedImage:
    """The old image, its update, the name of the new image, and Docker's answer where it was loaded."""

    before: KnownImage
    update: ImageUpdate
    reference: str
    loaded: Loaded | None = None


class UpdateProgress(Progress, Protocol):
    """What a user sees of the update of an image."""

    def announce(self, planned: UpdatedImage) -> None:
        """Show the new image, before it is written or loaded anywhere."""


def update(host: Host, request: UpdateRequest, progress: UpdateProgress = NO_PROGRESS) -> UpdatedImage | None:
    """Replace the builds of packages in an image; None where it already has the requested ones.

    Raises what `open_image`, `unambiguous`, `replace_builds`, writing a layout and loading raise.
    """
    engine = docker_images(request.docker)
    known = unambiguous(open_image(request.image, host, engine))
    reference = request.tag or known.reference
    check_reference(reference)
    with host.in_use():

        def replaced() -> ImageUpdate | None:
            return replace_builds(
                host,
                known,
                request.packages,
                own_files_of(known, host.blobs, engine),
                to=request.to,
                channel=request.channel,
                substitute=substitute_on(host),
                override=request.override,
                policy=request.policy,
            )

        found = with_mending(host, [known], engine, replaced)
        if found is None:
            return None
        made = found.made.image
        kept = keep_image(host.state, host.blobs, found.made, found.parts, found.heads, name=reference)
    updated = UpdatedImage(known, found, reference)
    progress.announce(updated)
    said = annotations_of(found.made, found.heads)
    if request.output:
        _fetch_archives(host, found)
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
        _fetch_archives(host, found)
        new = open_image(str(made.digest), host, None)
        send = partial(load_into_docker, made, host.blobs, reference, request.docker)
        updated = replace(updated, loaded=with_mending(host, [known, new], engine, send))
    return updated


def _fetch_archives(host: Host, found: ImageUpdate) -> None:
    """Fetch the archives that this host no longer has, because all layers are needed."""
    described = Described(host)
    for part in found.parts:
        described.ensure(part.placed, part.archive)
