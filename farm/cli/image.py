"""`farm image`: OCI images as sets of packages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.packages import channel_option
from farm.cli.recipes_option import recipes_option
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from farm.blobs import BlobStore
    from farm.fileset import Manifest
    from farm.oci.image import OciImage
    from farm.oci.image_config import ImageConfig
    from farm.package import Descriptor
    from farm.plan import BlobRef


@click.group()
def image() -> None:
    """Make container images out of packages."""


@image.command("build", context_settings={"ignore_unknown_options": False})
@click.argument("packages", nargs=-1, required=True)
@click.option("--tag", help="What Docker calls it, as name:tag.  [default: FIRST-PACKAGE:farm]")
@click.option("--output", type=click.Path(path_type=Path), help="Also write it as an OCI layout into a new directory.")
@click.option("--no-load", is_flag=True, help="Do not load it into the Docker Engine.")
@click.option("--entrypoint", multiple=True, help="One word of the entrypoint; repeat it for more.")
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE", help="An environment variable.")
@click.option("--user", default="65534:65534", show_default=True, help="The user and group to run as.")
@click.option("--local", is_flag=True, help="Take the packages from local builds of the recipes, not from a channel.")
@recipes_option
@channel_option
def build(
    packages: tuple[str, ...],
    tag: str | None,
    output: Path | None,
    no_load: bool,
    entrypoint: tuple[str, ...],
    environment: tuple[str, ...],
    user: str,
    local: bool,
    recipes: Path | None,
    channel: str,
) -> None:
    """Make an image of PACKAGES and all that they need to run: a layer for each, and one of links.

    The packages come from the subscribed channel; from local builds with --local, or where nothing is subscribed.
    The same set gives the same image, in whatever order it is named. Only layers that Docker lacks are sent to it.

    \b
    Example:
      farm image build jq --tag jq:mine
      docker run --rm --network none jq:mine jq -n '1+1'
    """
    from farm.cli.rendering import human_size
    from farm.cli.run import pair
    from farm.oci.image_archive import write_layout
    from farm.oci.image_config import ImageConfig

    settings = Settings.from_environment()
    parts, store = _local_parts(packages, recipes) if local else _parts(packages, recipes, channel, settings)
    config = ImageConfig(
        platform=parts[0].descriptor.platform,
        entrypoint=entrypoint,
        command=() if entrypoint else (packages[0],),
        environment=tuple(pair(each, "=") for each in environment),
        user=user,
    )
    made = _compose(parts, config, store)
    reference = tag or f"{packages[0]}:farm"
    size = sum(layer.blob.size for layer in made.layers)
    click.echo(f"{made.digest}  {len(parts)} packages, {len(made.layers)} layers, {human_size(size)}")
    if output:
        write_layout(made, store, output, reference=reference)
        click.echo(f"{output}: OCI layout")
    if not no_load:
        _load(made, store, reference, settings)


@dataclass(frozen=True, slots=True)
class _Part:
    descriptor: Descriptor
    manifest: Manifest
    archive: BlobRef


def _parts(
    names: tuple[str, ...], recipes: Path | None, channel: str, settings: Settings
) -> tuple[list[_Part], BlobStore]:
    from farm.cli.progress import downloads
    from farm.cli.subscriber import open_host
    from farm.client.archives import fetch_archives

    host = open_host(settings)
    if not channel and not host.subscriptions.all():
        click.echo("no channel is subscribed: taking local builds of the recipes", err=True)
        return _local_parts(names, recipes)
    catalogue = host.catalogue(channel)
    verified = catalogue.verified(names)
    with downloads(sum(each.entry.archive.size for each in verified)) as progress:
        fetch_archives(verified, progress)
    return [_Part(each.descriptor, each.manifest, each.entry.archive) for each in verified], host.blobs


def _local_parts(names: tuple[str, ...], recipes: Path | None) -> tuple[list[_Part], BlobStore]:
    from farm.blobs import BlobStore
    from farm.cli.build import local_builds
    from farm.fileset import Manifest

    store = BlobStore(Settings.from_environment().host / "blobs")
    with local_builds(recipes) as (builds, _every):
        closure = builds.closure(names)
    return [
        _Part(each.descriptor, Manifest.from_json(store.read(each.manifest.digest)), each.archive) for each in closure
    ], store


def _compose(parts: list[_Part], config: ImageConfig, store: BlobStore) -> OciImage:
    from farm.compat import compose
    from farm.oci.image import image_from
    from farm.oci.package_archive import PackageArchive

    composition = compose((part.descriptor, part.manifest) for part in parts)
    archives = [
        PackageArchive(
            part.descriptor.store_path,
            part.descriptor.diff_id,
            part.archive,
            sum(file.size for file in part.manifest.files()),
        )
        for part in parts
    ]
    return image_from(composition, archives, config, store)


def _load(made: OciImage, store: BlobStore, reference: str, settings: Settings) -> None:
    from functools import partial

    from farm.engine.image_store import ImageStore
    from farm.engine.sandbox import connect
    from farm.oci.image_archive import image_archive

    archive = partial(image_archive, made, store, reference=reference)
    loaded = ImageStore(connect(settings.docker)).load(made, archive, reference=reference)
    click.echo(f"{reference}: in Docker as {loaded.id[:19]}, {loaded.layers_sent} of {len(made.layers)} layers sent")
