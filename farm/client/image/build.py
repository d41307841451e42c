"""Building an image of packages: from the request to the host's record of the image, and the engine that has it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from farm.client.findings.policy_in_force import NO_POLICY, PolicyInForce
from farm.client.image.asking import check_known, check_replaced, own_directories
from farm.client.image.command import check_command, check_directory, root_of
from farm.client.image.engine import load_into_docker
from farm.client.image.evidence import annotations_of, keep_image, release_head
from farm.client.image.making import default_command, make_image, plain_config
from farm.client.image.package_set import ImagePart, parts_of
from farm.client.override.overrides import OverrideScope
from farm.client.override.packed_packages import without_own
from farm.client.override.substitution import overridden
from farm.client.repository.archives import fetch_archives
from farm.client.repository.progress import NO_PROGRESS
from farm.container.sandbox_spec import NOBODY
from farm.core.fileset.manifest import Manifest
from farm.core.package.facts import PackageFacts
from farm.core.plan.graph import UnknownRecipeError
from farm.core.subscriber.image_file import read_image_file, unknown_packages
from farm.extras import is_installed
from farm.oci.image_config import ImageConfig
from farm.oci.image_reference import check_reference
from farm.oci.layout import write_layout
from farm.oci.own_files import own_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from farm.client.image.evidence import ReleaseHead
    from farm.client.image.making import MadeImage
    from farm.client.repository.host import Host
    from farm.client.repository.progress import AnnouncingProgress, Progress
    from farm.container.image_store import Loaded
    from farm.core.plan.job import BuiltPackage
    from farm.core.sets.composition.compose import Composition
    from farm.core.sets.composition.root_view import RootView
    from farm.core.subscriber.image_file import ImageFile
    from farm.store.blobs import BlobStore

    LocalBuilder = Callable[[Sequence[str]], Sequence[BuiltPackage]]
    """Builds packages on this machine; returns them with everything that they need to run."""


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """How an image runs, as the command line states it; each value has been checked like those of an image file."""

    entrypoint: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    ports: tuple[str, ...] = ()
    user: str = ""

    def over(self, base: ImageConfig) -> ImageConfig:
        """Return a configuration with these settings in place of its own, or added to them."""
        return replace(
            base,
            entrypoint=self.entrypoint or base.entrypoint,
            command=() if self.entrypoint else base.command,
            environment=(*base.environment, *self.environment),
            labels=(*base.labels, *self.labels),
            ports=tuple(sorted({*base.ports, *self.ports})),
            user=self.user or base.user,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """An image of `packages`, or of the image file `file`; `settings` take precedence over the file.

    With `local`, or where no channel is followed, packages are built on this machine. `tag` is the name of the image;
    `output` a directory for it as an OCI layout. It is loaded into the engine at `docker` (empty: the machine's own),
    unless that is None.
    """

    packages: tuple[str, ...] = ()
    file: Path | None = None
    tag: str = ""
    output: Path | None = None
    settings: ImageSettings = ImageSettings()
    local: bool = False
    channel: str = ""
    policy: PolicyInForce = NO_POLICY
    docker: str | None = None


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """The outcome: the image, its packages, its name, and Docker's answer where it was loaded."""

    made: MadeImage
    parts: tuple[ImagePart, ...]
    reference: str
    loaded: Loaded | None


def build_image(
    host: Host,
    request: ImageRequest,
    build_locally: LocalBuilder,
    progress: AnnouncingProgress[MadeImage] = NO_PROGRESS,
) -> BuiltImage:
    """Make an image of packages, with everything that they need, and record it on this host."""
    image_file = read_image_file(request.file.read_bytes(), str(request.file)) if request.file else None
    reference = request.tag or f"{_default_name(request)}:farm"
    check_reference(reference)
    request.policy.read()
    with host.in_use():
        # All faults in the user's input are reported before anything is fetched or built.
        directories = own_directories(image_file, request.file.parent) if image_file and request.file else []
        own = own_files(directories, host.blobs) if directories else None
        source = _source(host, request, image_file, build_locally, progress)
        if image_file:
            check_replaced(image_file, {part.descriptor.name.short for part in source.parts})
        config = request.settings.over(_base_config(source.parts, image_file, request.packages))

        def check_and_fetch(composition: Composition) -> None:
            _check_start(request, image_file, config, partial(root_of, source.parts, composition, own))
            source.fetch()

        made = make_image(
            source.parts,
            config,
            host.blobs,
            asked=_names(request, image_file),
            releases=[head.ref for head in source.heads],
            own=own,
            replaces=image_file.replaces if image_file else (),
            imports=image_file.imports if image_file else (),
            composed=check_and_fetch,
        )
        kept = keep_image(host.state, host.blobs, made, source.parts, source.heads, name=reference)
    progress.announce(made)
    if request.output:
        said = annotations_of(made, source.heads)
        write_layout(
            made.image, host.blobs, request.output, reference=reference, referrers=kept.referrers, annotations=said
        )
    loaded = None if request.docker is None else load_into_docker(made.image, host.blobs, reference, request.docker)
    return BuiltImage(made, source.parts, reference, loaded)


@dataclass(frozen=True, slots=True)
class _Source:
    """The packages, the releases that they come from, and what fetches their archives into the host's store."""

    parts: tuple[ImagePart, ...]
    heads: tuple[ReleaseHead, ...] = ()
    fetch: Callable[[], None] = lambda: None


def _source(
    host: Host, request: ImageRequest, image_file: ImageFile | None, build_locally: LocalBuilder, progress: Progress
) -> _Source:
    names = _names(request, image_file)
    channel = request.channel or (image_file.channel if image_file else "")
    # Who cannot build here wants a channel: without a subscription, that is what is missing.
    if request.local or (not channel and not host.subscriptions.all() and is_installed("build")):
        if not request.local:
            progress.note("no channel is subscribed: taking local builds of the recipes")
        return _Source(_built(host.blobs, names, image_file, build_locally))
    scopes = [OverrideScope.of("image-file", request.file)] if request.file else []
    catalogue = overridden(host, host.catalogue_of(without_own(host, names), channel), *scopes)
    if image_file:
        check_known(host, catalogue, image_file)
    verified = catalogue.verified(names)
    request.policy.check(host, catalogue, verified)

    def fetch() -> None:
        with progress.fetch(sum(package.entry.archive.size for package in verified)) as arrived:
            fetch_archives(verified, arrived)

    return _Source(parts_of(catalogue, verified), (release_head(catalogue),), fetch)


def _built(
    store: BlobStore, names: tuple[str, ...], image_file: ImageFile | None, build_locally: LocalBuilder
) -> tuple[ImagePart, ...]:
    try:
        closure = build_locally(names)
    except UnknownRecipeError as error:
        if image_file and error.name in names:
            raise unknown_packages(image_file, {error.name: (error.message, error.remedy)}) from error
        raise
    return tuple(
        ImagePart(
            package.descriptor,
            Manifest.from_json(store.read(package.manifest.digest)),
            PackageFacts.from_json(store.read(package.facts.digest)),
            package.archive,
        )
        for package in closure
    )


def _check_start(
    request: ImageRequest, image_file: ImageFile | None, config: ImageConfig, root: Callable[[], RootView]
) -> None:
    """Check that the command of the image is in it, and can run there."""
    entrypoint = request.settings.entrypoint
    if entrypoint or (image_file and image_file.starts):
        check_command(config, root(), image_file.starts if image_file and not entrypoint else None)
    if image_file and image_file.works_in:
        check_directory(config, root(), image_file.works_in)


def _base_config(parts: tuple[ImagePart, ...], image_file: ImageFile | None, packages: tuple[str, ...]) -> ImageConfig:
    platform = parts[0].descriptor.platform
    if image_file is None:
        return plain_config(platform, packages)
    return ImageConfig(
        platform,
        entrypoint=image_file.entrypoint,
        command=image_file.command or (() if image_file.entrypoint else default_command(image_file.names)),
        environment=image_file.environment,
        user=image_file.user or NOBODY,
        working_directory=image_file.workdir,
        labels=image_file.labels,
        ports=image_file.ports,
        volumes=image_file.volumes,
    )


def _names(request: ImageRequest, image_file: ImageFile | None) -> tuple[str, ...]:
    return image_file.names if image_file else request.packages


def _default_name(request: ImageRequest) -> str:
    """Return the first package, or the name of the image file's directory in characters that a name may have."""
    if request.file is None:
        return request.packages[0]
    name = request.file.absolute().parent.name.lower()
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "image"
