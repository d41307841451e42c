"""The channel's signed statement about the packages of an image. The signer signs it: this process has no keys.

It is requested when a client first asks for the referrers of an image, and stored with it. Without the signer images
are still served; their referrers then lack the statement.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from farm.client.image.evidence import RELEASES, attested_sbom
from farm.core.names.digest import Digest
from farm.core.names.preview_name import preview_number
from farm.errors import FarmError
from farm.oci.cosign import ATTESTATIONS, attestations_manifest, sbom_manifest
from farm.oci.layer import TAR_ZSTD
from farm.oci.root_layers import DESCRIPTION
from farm.server.pipeline.repository.signer_client import SignerRefusedError
from farm.trust.attestation.image_request import AskedImage
from farm.trust.attestation.image_statement import check_image_statement
from web.registry.budget import Makings
from web.registry.errors import Refusal, RegistryAnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from securesystemslib.signer import Key

    from farm.client.image.records import ImageRecord
    from farm.core.sets.members.set_record import ReleaseRef
    from farm.server.pipeline.repository.signer_client import ImageSignerClient
    from web.registry.budget import Bounds
    from web.registry.image_cache import ImageCache
    from web.registry.releases import SignedReleases

_log = logging.getLogger("farm.web")
_BROKEN = "check-broken"  # the checker ended during its check, perhaps of something else: it is asked again
KEYS = "farm.keys"
"""The annotation of a statement's referrer with the channel's keys at the time of signing."""


class Attesting:
    """The referrers of the images in one cache. `signer` is None if there is no signer."""

    def __init__(
        self, releases: SignedReleases, cache: ImageCache, bounds: Bounds, signer: ImageSignerClient | None
    ) -> None:
        self._releases = releases
        self._cache = cache
        self._signer = signer
        self._asking: Makings[Digest] = Makings(bounds)

    def attested(self, record: ImageRecord, who: str = "") -> ImageRecord:
        """Return an image with the channel's statement about it, by the channel's present keys.

        `who` is the network that asks. If no statement is available, the image is returned unchanged. Raises
        `RegistryAnswerError`.
        """
        # The signer does not make earlier images from the same packages.
        if self._signer is None or not any(layer.holds == DESCRIPTION for layer in record.image.layers):
            return record
        try:
            newest = max(record.record.releases, key=lambda release: release.number)
            if preview_number(newest.channel) is not None:
                return record  # the keys of channels sign nothing about previews
            keys = self._releases.keys(newest.channel)
            if any(_is_of(referrer.annotations, newest, keys) for referrer in record.referrers):
                return record
            question = Digest.of_json(["attest", record.digest, newest.release, sorted(keys)])
            self._asking.once(question, lambda: self._ask(record, newest, keys), who)
        except RegistryAnswerError as error:
            if error.refusal is not Refusal.UNSIGNED_IMAGE:
                raise
            return record
        except (FarmError, OSError) as error:
            _log.error("registry: nothing is signed about the image %s: %s", record.digest, error)
            return record
        return self._cache.record(record.digest) or record

    def cosigned(self, record: ImageRecord, kind: str, who: str = "") -> Digest | None:
        """Return the manifest that cosign looks for next to an image, now in the cache; None if there is none."""
        blobs = self._cache.blobs
        if kind == ATTESTATIONS:
            referrers = self.attested(record, who).referrers
            content = attestations_manifest(blobs.read(referrer.manifest.digest) for referrer in referrers)
        else:
            content = sbom_manifest(blobs.read(referrer.manifest.digest) for referrer in record.referrers)
        return blobs.put_bytes(content) if content else None

    def _ask(self, record: ImageRecord, newest: ReleaseRef, keys: Mapping[str, Key]) -> Digest:
        assert self._signer is not None  # noqa: S101  (asked by the caller)
        plain = not any(layer.media_type == TAR_ZSTD for layer in record.image.layers)
        asked = AskedImage(newest.channel, newest.number, record.record.asked, plain)
        try:
            envelope = self._signer.attest(asked.to_json())
        except SignerRefusedError as error:
            if error.said == _BROKEN:
                raise
            _log.error("registry: the signer signs no statement about the image %s: %s", record.digest, error)
            raise RegistryAnswerError(
                Refusal.UNSIGNED_IMAGE, error.message
            ) from error  # so that the same request is not repeated
        check_image_statement(envelope, keys, record.digest)
        said = {RELEASES: str(newest), KEYS: " ".join(sorted(keys))}
        signed = attested_sbom(record.image.manifest, envelope, said, self._cache.blobs)
        self._cache.keep(replace(record, referrers=(signed, *record.referrers)))
        return record.digest


def _is_of(said: Mapping[str, str], release: ReleaseRef, keys: Mapping[str, Key]) -> bool:
    return said.get(RELEASES) == str(release) and said.get(KEYS) == " ".join(sorted(keys))
