"""`farm image build`: build an image of packages, or of an image file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.image.form import layers_form, say_written, set_form
from farm.cli.image.options import image_settings, output_option
from farm.cli.options import channel_option, json_option
from farm.cli.output import say_lines, tell_result
from farm.cli.progress import TerminalProgress
from farm.cli.recipes_option import recipes_option, scope_of
from farm.cli.set_lines import override_lines
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, policy_in_force
from farm.cli.subscriber import open_host
from farm.core.names.wording import counted, human_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.image.build import BuiltImage
    from farm.client.image.making import MadeImage
    from farm.core.plan.job import BuiltPackage


@click.command("build", context_settings={"ignore_unknown_options": False})
@click.argument("packages", nargs=-1)
@click.option("-f", "--file", type=click.Path(path_type=Path, dir_okay=False), help="An image file, as image.yaml.")
@click.option("--tag", help="The name of the image, as name:tag.  [default: FIRST-PACKAGE:farm, or DIRECTORY:farm]")
@output_option
@click.option("--no-load", is_flag=True, help="Do not load the image into Docker.")
@click.option("--entrypoint", multiple=True, help="A word of the entrypoint; may be repeated.")
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE", help="Set an environment variable.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="Set a label.")
@click.option(
    "--port", "ports", multiple=True, metavar="PORT", help="A port that the program listens on, as 8080 or 53/udp."
)
@click.option("--user", default="", help="The user and group to run as.  [default: 65534:65534]")
@click.option("--local", is_flag=True, help="Use local builds of the recipes instead of a channel.")
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
    """Build an image of PACKAGES and what they need, or of an image file.

    Each package is a layer; two small layers complete the image. The packages are of the subscribed channel; with
    --local, or without a subscription, local builds of the recipes. The same set of packages gives the same image, in
    any order. Only layers that Docker lacks are sent to it. Options override the image file.

    \b
    Examples:
      farm image build jq --tag jq:mine
      docker run --rm --network none jq:mine jq -n '1+1'
      farm image build -f image.yaml --tag api:1
    """
    from farm.client.image.build import ImageRequest, build_image

    if bool(packages) == bool(file):
        raise click.UsageError("Name packages, or an image file with --file.")
    settings = Settings.from_environment()
    request = ImageRequest(
        packages=packages,
        file=file,
        tag=tag or "",
        output=output,
        settings=image_settings(entrypoint, environment, labels, ports, user),
        local=local,
        channel=channel,
        policy=policy_in_force(max_severity),
        docker=None if no_load else settings.docker,
    )
    built = build_image(open_host(settings), request, partial(_build_locally, recipes, channel), _Progress(err=as_json))
    say_written(output, built.loaded, built.reference, len(built.made.image.layers), err=as_json)
    tell_result([], _form(built, output), as_json=as_json)


def _build_locally(recipes: Path | None, channel: str, names: Sequence[str]) -> Sequence[BuiltPackage]:
    from farm.cli.channel_choice import ChannelChoice
    from farm.cli.local_builds import local_builds

    with local_builds(recipes, scope_of(*names, runs=True), choice=ChannelChoice(channel)) as (builds, _names):
        return builds.closure(names)


class _Progress(TerminalProgress):
    """Output about an image before it is written or loaded; on standard error with `err`."""

    def __init__(self, *, err: bool) -> None:
        self._err = err

    def announce(self, planned: MadeImage) -> None:
        """Print which image it is, and which guarantees overrides break."""
        say_lines(_lines(planned), err=self._err)


def _lines(made: MadeImage) -> list[str]:
    layers = made.image.layers
    size = human_size(sum(layer.blob.size for layer in layers))
    packages = counted(len(made.record.packages), "package")
    head = f"{made.image.digest}  {packages}, {counted(len(layers), 'layer')}, {size}"
    return [head, *override_lines(made.record.packages)]


def _form(built: BuiltImage, output: Path | None) -> dict[str, Any]:
    image, loaded = built.made.image, built.loaded
    return {
        **set_form(image.digest, built.made.record, built.parts),
        "layers": layers_form((layer.diff_id, layer.holds) for layer in image.layers),
        "name": built.reference,
        "output": str(output) if output else None,
        "loaded": {"id": loaded.id, "layers-sent": loaded.layers_sent} if loaded else None,
    }
