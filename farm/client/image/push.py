"""Pushing an image that was made here to a registry, with the documents about it."""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpcore

from farm.client.image.evidence import attested_sbom, sbom_among
from farm.client.image.known_image import open_image, unambiguous
from farm.client.image.package_set import PackageDescriptions
from farm.client.image.records import ImageRecords
from farm.client.image.repair import with_repair
from farm.client.repository.readers import proxy_for
from farm.errors import FarmError
from farm.oci.image_reference import RemoteReference
from farm.oci.push import push_image
from farm.oci.registry import Repository
from farm.oci.registry_credentials import credentials_for
from farm.store.http.authorities import trusted_authorities
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.image_statement import image_statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from urllib.parse import SplitResult

    from securesystemslib.signer import Signer

    from farm.client.image.records import ImageRecord
    from farm.client.repository.host import Host
    from farm.container.image_store import EngineImages
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.oci.push import Pushed
    from farm.oci.referrers import Referrer


@dataclass(frozen=True, slots=True, kw_only=True)
class PushRequest:
    """An `image` (a name or digest) for a registry, as `reference` (empty: its own name).

    `credentials` is Docker's `config.json`. `signer` signs the bill of materials. `plain_http` is for a registry on
    this machine.
    """

    image: str
    reference: str
    credentials: Path
    signer: Signer | None
    plain_http: bool


@dataclass(frozen=True, slots=True)
class PushedImage:
    """The outcome: the digest of the image, its name in the registry, and what was sent."""

    digest: Digest
    reference: str
    pushed: Pushed


def push(host: Host, request: PushRequest, engine: EngineImages | None) -> PushedImage:
    """Send an image that was made here to a registry, and record where it is.

    Raises what `open_image`, `unambiguous` and `push_image` raise, `CredentialsError`, and `FarmError` for an image
    that was made elsewhere.
    """
    image = unambiguous(open_image(request.image, host, engine))
    kept, records = image.kept, ImageRecords(host.state)
    if kept is None:
        raise FarmError(
            f"{image.name} was not made on this host, which does not have its blobs",
            remedy="Make it with `farm image build`, or copy it with skopeo.",
        )
    target = RemoteReference.parse(request.reference or image.reference)
    credentials = credentials_for(target.host, request.credentials)
    with closing(Repository(target, credentials, registry_connections, plain_http=request.plain_http)) as repository:

        def send() -> Pushed:
            signed = [_attested(host, kept, target, request.signer)] if request.signer else []
            return push_image(
                kept.image,
                host.blobs,
                repository,
                target.tag,
                referrers=[*kept.referrers, *signed],
                others=_holders(records, target),
                fetch=_fetching(host, kept),
            )

        pushed = with_repair(host, [image], engine, send)
    records.keep(replace(kept, pushed=(str(target),)))
    return PushedImage(image.digest, str(target), pushed)


def registry_connections(url: SplitResult) -> httpcore.ConnectionPool:
    """Return the connections for a URL of a registry: by the same proxies and authorities as to a repository."""
    return httpcore.ConnectionPool(
        ssl_context=trusted_authorities() if url.scheme == "https" else None, proxy=proxy_for(url)
    )


def _attested(host: Host, kept: ImageRecord, target: RemoteReference, signer: Signer) -> Referrer:
    """Return the bill of materials of an image, signed by the user."""
    statement = image_statement(kept.digest, f"{target.host}/{target.name}", sbom_among(kept.referrers, host.blobs))
    return attested_sbom(kept.manifest, sign_statement(statement, signer), {}, host.blobs)


def _holders(records: ImageRecords, target: RemoteReference) -> Callable[[Digest], Sequence[str]]:
    """Return a function that returns the repositories of the registry to which this host has pushed a blob."""
    found: defaultdict[Digest, list[str]] = defaultdict(list)
    for record in records.all():
        for there in map(RemoteReference.parse, record.pushed):
            for blob in record.blobs if there.host == target.host else ():
                found[blob.digest].append(there.name)
    return lambda digest: found.get(digest, ())


def _fetching(host: Host, kept: ImageRecord) -> Callable[[BlobRef], None]:
    """Return a function that fetches the archive of a package that this host no longer has."""
    described = PackageDescriptions(host)
    archives = {
        kept.evidence[placed.descriptor].archive: placed
        for placed in kept.record.packages
        if placed.descriptor in kept.evidence
    }

    def fetch(blob: BlobRef) -> None:
        if blob in archives:
            described.ensure(archives[blob], blob)

    return fetch
