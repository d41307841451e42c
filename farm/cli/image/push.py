"""`farm image push`: push an image to a registry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.output import human_size, tell_result
from farm.cli.settings import Settings
from farm.cli.subscriber import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from securesystemslib.signer import Signer

    from farm.client.image.known_image import KnownImage
    from farm.client.image.records import ImageRecord, ImageRecords
    from farm.client.repository.host import Host
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.oci.image_reference import RemoteReference
    from farm.oci.push import Pushed
    from farm.oci.referrers import Referrer


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
    from dataclasses import replace

    from farm.client.image.mending import with_mending
    from farm.client.image.records import ImageRecords
    from farm.client.image.registry_connections import registry_connections
    from farm.oci.image_reference import RemoteReference
    from farm.oci.push import push_image
    from farm.oci.registry import Repository
    from farm.oci.registry_credentials import credentials_for

    settings = Settings.from_environment()
    known, host, engine = opened(image, settings, certainly=True)
    kept = _made_here(known)
    target = RemoteReference.parse(reference or known.reference)
    signer = _signer(key)
    records = ImageRecords(settings.state)
    file = (config or Path.home() / ".docker") / "config.json"
    known_as = credentials_for(target.host, file)
    repository = Repository(target, known_as, registry_connections, plain_http=plain_http)

    def send() -> Pushed:
        signed = [_attested(host, kept, target, signer)] if signer else []
        return push_image(
            kept.image,
            host.blobs,
            repository,
            target.tag,
            referrers=[*kept.referrers, *signed],
            others=_holders(records, target),
            fetch=_fetching(host, kept),
        )

    try:
        pushed = with_mending(host, [known], engine, send)
    finally:
        repository.close()
    records.keep(replace(kept, pushed=(str(target),)))
    sent = len(pushed.layers_sent)
    layers = sent + pushed.layers_there
    line = f"{target}: {known.digest}, {sent} of {layers} layers sent, {human_size(pushed.bytes_sent)} in all"
    form = {
        "digest": known.digest,
        "name": str(target),
        "layers": layers,
        "layers-sent": sent,
        "bytes-sent": pushed.bytes_sent,
    }
    tell_result([line], form, as_json=as_json)


def _signer(key: Path | None) -> Signer | None:
    from farm.trust.keys.signers import load_signer

    return load_signer(key) if key else None


def _attested(host: Host, kept: ImageRecord, target: RemoteReference, signer: Signer) -> Referrer:
    """Return the bill of materials of an image, signed by the user."""
    from farm.client.image.evidence import attested_sbom, sbom_among
    from farm.trust.attestation.dsse import sign_statement
    from farm.trust.attestation.image_statement import image_statement

    statement = image_statement(kept.digest, f"{target.host}/{target.name}", sbom_among(kept.referrers, host.blobs))
    return attested_sbom(kept.image.manifest, sign_statement(statement, signer), {}, host.blobs)


def _made_here(known: KnownImage) -> ImageRecord:
    from farm.errors import FarmError

    if known.kept is None:
        raise FarmError(
            f"{known.name} was not made on this host, which does not have its blobs",
            remedy="Make it with `farm image build`, or copy it with skopeo.",
        )
    return known.kept


def _holders(records: ImageRecords, target: RemoteReference) -> Callable[[Digest], Sequence[str]]:
    """Return a function that returns the repositories of the registry to which this host has pushed a blob."""
    from farm.oci.image_reference import RemoteReference

    found: dict[Digest, list[str]] = {}
    for record in records.all():
        for text in record.pushed:
            there = RemoteReference.parse(text)
            if there.host == target.host:
                for blob in record.blobs:
                    found.setdefault(blob.digest, []).append(there.name)
    return lambda digest: found.get(digest, ())


def _fetching(host: Host, kept: ImageRecord) -> Callable[[BlobRef], None]:
    """Return a function that fetches the archive of a package that this host no longer has."""
    from farm.client.image.package_set import Described

    described = Described(host)
    archives = {
        kept.evidence[placed.descriptor].archive: placed
        for placed in kept.record.packages
        if placed.descriptor in kept.evidence
    }

    def fetch(blob: BlobRef) -> None:
        if blob in archives:
            described.ensure(archives[blob], blob)

    return fetch
