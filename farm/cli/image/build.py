"""`farm image build`: an image of packages, named one by one or in an image file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.docker_loading import load, now
from farm.cli.image.options import ConfigOptions, output_option
from farm.cli.options import channel_option, json_option
from farm.cli.output import counted, human_size, say, tell_result
from farm.cli.override_lines import override_lines
from farm.cli.recipes_option import recipes_option
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, policy_in_force

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.client.image.evidence import ReleaseHead
    from farm.client.image.making import MadeImage
    from farm.client.image.parts import ImagePart
    from farm.client.repository.host import Host
    from farm.container.image_store import Loaded
    from farm.core.sets.composition.compose import Composition
    from farm.core.subscriber.image_file import ImageFile
    from farm.oci.image_config import ImageConfig
    from farm.oci.own_layer import OwnFiles
    from farm.store.blobs import BlobStore


@click.command("build", context_settings={"ignore_unknown_options": False})
@click.argument("packages", nargs=-1)
@click.option("-f", "--file", type=click.Path(path_type=Path, dir_okay=False), help="An image file, as image.yaml.")
@click.option("--tag", help="What Docker calls it, as name:tag.  [default: FIRST-PACKAGE:farm, or DIRECTORY:farm]")
@output_option
@click.option("--no-load", is_flag=True, help="Do not load it into the Docker Engine.")
@click.option("--entrypoint", multiple=True, help="One word of the entrypoint; repeat it for more.")
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE", help="An environment variable.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label.")
@click.option("--port", "ports", multiple=True, metavar="PORT", help="A port that it listens on, as 8080 or 53/udp.")
@click.option("--user", default="", help="The user and group to run as.  [default: 65534:65534]")
@click.option("--local", is_flag=True, help="Take the packages from local builds of the recipes, not from a channel.")
@recipes_option
@max_severity_option
@channel_option
@json_option
def build(
    packages: tuple[str, ...],
    file: Path | None,
    tag: str | None,
    output: Path | None,
    no_load: bool,
    entrypoint: tuple[str, ...],
    environment: tuple[str, ...],
    labels: tuple[str, ...],
    ports: tuple[str, ...],
    user: str,
    local: bool,
    recipes: Path | None,
    max_severity: str | None,
    channel: str,
    as_json: bool,
) -> None:
    """Make an image of PACKAGES, or of an image file, with all that they need: a layer for each, and two small ones.

    The packages come from the subscribed channel; from local builds with --local, or where nothing is subscribed.
    The same set gives the same image, in whatever order it is named. Only layers that Docker lacks are sent to it.
    What is said here comes before what the file says.

    \b
    Examples:
      farm image build jq --tag jq:mine
      docker run --rm --network none jq:mine jq -n '1+1'
      farm image build -f image.yaml --tag api:1
    """
    from functools import partial

    from farm.cli.subscriber import open_host
    from farm.client.image.asking import check_replaced, files_of
    from farm.client.image.evidence import annotations_of, keep_image
    from farm.client.image.making import make_image
    from farm.oci.image_reference import check_reference
    from farm.oci.layout import write_layout

    if bool(packages) == bool(file):
        raise click.UsageError("Name packages, or an image file with --file.")
    settings = Settings.from_environment()
    options = ConfigOptions.read(entrypoint, environment, labels, ports, user)
    wanted = _read(file) if file else None
    reference = tag or f"{packages[0] if packages else _name_of(file)}:farm"
    check_reference(reference)
    policy_in_force().read()
    host = open_host(settings)
    with host.in_use():
        # All that can be wrong with what the user brings is told before anything is fetched or built.
        own = files_of(wanted, file.parent, host.blobs) if wanted and file else None
        source = _source(host, packages, file, wanted, recipes, channel, max_severity, local=local)
        if wanted:
            check_replaced(wanted, {part.descriptor.name.short for part in source.parts})
        config = options.over(_base_config(source.parts, wanted, packages))
        made = make_image(
            source.parts,
            config,
            host.blobs,
            asked=wanted.names if wanted else packages,
            releases=[head.ref for head in source.heads],
            own=own,
            replaces=wanted.replaces if wanted else (),
            imports=wanted.imports if wanted else (),
            composed=partial(_prepare, source, options, config, wanted, own),
        )
        kept = keep_image(settings.state, host.blobs, made, source.parts, source.heads, now=now(), name=reference)
    for line in _lines(made):
        say(line, err=as_json)
    if output:
        said = annotations_of(made, source.heads)
        write_layout(made.image, host.blobs, output, reference=reference, referrers=kept.referrers, annotations=said)
        say(f"{output}: OCI layout", err=as_json)
    loaded = None if no_load else load(made.image, host.blobs, reference, settings, err=as_json)
    tell_result([], _form(made, source.parts, reference, output, loaded), as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Source:
    """The packages, the releases that they are of, and what brings their archives into the host's store."""

    parts: tuple[ImagePart, ...]
    heads: tuple[ReleaseHead, ...] = ()
    fetch: Callable[[], None] = lambda: None


def _read(file: Path) -> ImageFile:
    from farm.core.subscriber.image_file import read_image_file

    return read_image_file(file.read_bytes(), str(file))


def _source(
    host: Host,
    packages: tuple[str, ...],
    file: Path | None,
    wanted: ImageFile | None,
    recipes: Path | None,
    channel: str,
    max_severity: str | None,
    *,
    local: bool,
) -> _Source:
    from farm.cli.progress import downloads
    from farm.client.image.asking import check_known
    from farm.client.image.evidence import release_head
    from farm.client.image.parts import parts_of
    from farm.client.override.overrides import Scope
    from farm.client.override.packed_packages import without_own
    from farm.client.override.substitution import overridden
    from farm.client.repository.archives import fetch_archives

    names = wanted.names if wanted else packages
    channel = channel or (wanted.channel if wanted else "")
    if local or (not channel and not host.subscriptions.all()):
        if not local:
            say("no channel is subscribed: taking local builds of the recipes", err=True)
        return _local(host.blobs, names, wanted, recipes)
    catalogue = overridden(
        host, host.catalogue_of(without_own(host, names), channel), *([Scope.of_image_file(file)] if file else [])
    )
    if wanted:
        check_known(host, catalogue, wanted)
    verified = catalogue.verified(names)
    policy_in_force(max_severity).check(host, catalogue, verified)

    def fetch() -> None:
        with downloads(sum(package.entry.archive.size for package in verified)) as progress:
            fetch_archives(verified, progress)

    return _Source(parts_of(catalogue, verified), (release_head(catalogue),), fetch)


def _local(store: BlobStore, names: tuple[str, ...], wanted: ImageFile | None, recipes: Path | None) -> _Source:
    from farm.cli.local_builds import local_builds
    from farm.client.image.parts import ImagePart
    from farm.core.fileset.manifest import Manifest
    from farm.core.package.facts import PackageFacts
    from farm.core.plan.graph import UnknownRecipeError
    from farm.core.subscriber.image_file import unknown_packages

    with local_builds(recipes) as (builds, _every):
        try:
            closure = builds.closure(names)
        except UnknownRecipeError as error:
            if wanted and error.name in names:
                raise unknown_packages(wanted, {error.name: (error.message, error.remedy)}) from error
            raise
    parts = (
        ImagePart(
            package.descriptor,
            Manifest.from_json(store.read(package.manifest.digest)),
            PackageFacts.from_json(store.read(package.facts.digest)),
            package.archive,
        )
        for package in closure
    )
    return _Source(tuple(parts))


def _prepare(
    source: _Source,
    options: ConfigOptions,
    config: ImageConfig,
    wanted: ImageFile | None,
    own: OwnFiles | None,
    composition: Composition,
) -> None:
    """See that what the image is told to run is in it, and can run where it shall, then bring the archives."""
    from farm.client.image.command import check_command, check_directory, root_of

    said = wanted.starts if wanted and not options.entrypoint else None
    place = wanted.works_in if wanted else None
    if options.entrypoint or said or place:
        root = root_of(source.parts, composition, own)
        if options.entrypoint or said:
            check_command(config, root, said)
        if place:
            check_directory(config, root, place)
    source.fetch()


def _base_config(parts: tuple[ImagePart, ...], wanted: ImageFile | None, packages: tuple[str, ...]) -> ImageConfig:
    from farm.client.image.defaults import NOBODY, default_command, plain_config
    from farm.oci.image_config import ImageConfig

    platform = parts[0].descriptor.platform
    if wanted is None:
        return plain_config(platform, packages)
    return ImageConfig(
        platform,
        entrypoint=wanted.entrypoint,
        command=wanted.command or (() if wanted.entrypoint else default_command(wanted.names)),
        environment=wanted.environment,
        user=wanted.user or NOBODY,
        working_directory=wanted.workdir,
        labels=wanted.labels,
        ports=wanted.ports,
        volumes=wanted.volumes,
    )


def _lines(made: MadeImage) -> list[str]:

    layers = made.image.layers
    size = human_size(sum(layer.blob.size for layer in layers))
    packages = counted(len(made.record.packages), "package")
    head = f"{made.image.digest}  {packages}, {counted(len(layers), 'layer')}, {size}"
    return [head, *override_lines(made.record.packages)]


def _form(
    made: MadeImage, parts: tuple[ImagePart, ...], reference: str, output: Path | None, loaded: Loaded | None
) -> dict[str, Any]:
    from farm.cli.image.form import layers_form, set_form

    return {
        **set_form(made.image.digest, made.record, parts),
        "layers": layers_form((layer.diff_id, layer.holds) for layer in made.image.layers),
        "name": reference,
        "output": str(output) if output else None,
        "loaded": {"id": loaded.id, "layers-sent": loaded.layers_sent} if loaded else None,
    }


def _name_of(file: Path | None) -> str:
    """Return a name for the image of a file: that of the directory it lies in, in letters that a name may have."""
    import re

    name = file.absolute().parent.name.lower() if file else ""
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-") or "image"
