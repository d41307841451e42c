"""`farm image push`: push an image to a registry."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.options import json_option
from farm.cli.output import tell_result
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host
from farm.core.names.wording import human_size


@click.command("push")
@click.argument("image")
@click.argument("reference", required=False)
@click.option("--plain-http", is_flag=True, help="Use HTTP, for a registry on this machine.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="DOCKER_CONFIG",
    help="The directory of Docker's config.json (DOCKER_CONFIG).  [default: ~/.docker]",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="Your private key, as `farm keys new` makes it: signs the bill of materials of the image.",
)
@json_option
def push(
    image: str, reference: str | None, plain_http: bool, config: Path | None, key: Path | None, as_json: bool
) -> None:
    """Push IMAGE to a registry as REFERENCE (host/name:tag), or under its own name.

    IMAGE is named as for `farm image inspect`, and was made here. Only blobs that the registry lacks are sent. The bill
    of materials, release and provenance are attached as OCI referrers, and under the tags where cosign looks. Uses the
    credentials of `docker login`.

    \b
    Examples:
      farm image push jq:mine registry.example.org/tools/jq:1
      farm image push jq:mine registry.example.org/tools/jq:1 --key ann/images
    """
    from farm.client.image.engine import docker_images
    from farm.client.image.push import PushRequest, push
    from farm.trust.keys.signers import load_signer

    settings = Settings.from_environment()
    request = PushRequest(
        image=image,
        reference=reference or "",
        credentials=(config or Path.home() / ".docker") / "config.json",
        signer=load_signer(key) if key else None,
        plain_http=plain_http,
    )
    found = push(open_host(settings), request, docker_images(settings.docker))
    sent = len(found.pushed.layers_sent)
    form = {
        "digest": found.digest,
        "name": found.reference,
        "layers": sent + found.pushed.layers_there,
        "layers-sent": sent,
        "bytes-sent": found.pushed.bytes_sent,
    }
    amount = human_size(found.pushed.bytes_sent)
    line = f"{found.reference}: {found.digest}, {sent} of {form['layers']} layers sent, {amount} in all"
    tell_result([line], form, as_json=as_json)
