"""Signs previews with the preview key, which targets lists for that alone; and removes those that are over."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from farm.core.names.preview_name import preview_number
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.trust.attestation.dsse import sign_statement, unverified_statement
from farm.trust.attestation.preview_statement import PreviewStatement, preview_statement, shown_preview
from farm.trust.layout import PREVIEWS, preview_path

if TYPE_CHECKING:
    from pathlib import Path

    from securesystemslib.signer import Signer

    from farm.signing.consistency import PinnedRepository
    from farm.trust.attestation.check_results import Checker
    from farm.trust.index.release_index import Release
    from farm.trust.keys.signers import Signers

_LOG = logging.getLogger("farm.signer")
LONGEST_PREVIEW = timedelta(days=30)
"""A preview is signed for no longer, whatever control asks."""


def sign_preview(
    repository: PinnedRepository,
    signers: Signers,
    checker: Checker,
    release: Release,
    *,
    base: str,
    until: datetime,
    now: datetime,
) -> bool:
    """Have a preview checked against the newest release of the channel `base`, and sign it; False if it is signed.

    Raises the checker's refusal, `FarmError` (`not-a-preview`, `no-preview-key`, `other-preview`), and what reading the
    repository raises.
    """
    repository.check_releases()
    number = preview_number(release.channel)
    if number is None or release.number != 1 or release.previous is not None or not now < until:
        raise FarmError(
            f"release {release.number} of {release.channel[:100]} is no preview, or has ended", code="not-a-preview"
        )
    stated = PreviewStatement(
        release.distribution,
        number,
        BlobRef(release.digest, len(release.to_json())),
        min(until, now + LONGEST_PREVIEW).replace(microsecond=0),
    )
    path = repository.root / preview_path(number)
    if before := _stated(path):
        if before.release != stated.release:
            raise FarmError(
                f"preview {number} is signed already as another release", remedy="Make a new one.", code="other-preview"
            )
        return False
    signer = _preview_key(repository, signers)
    checker.check_preview(release, base).check_about(release)
    replace_file(path, sign_statement(preview_statement(stated), signer))
    _LOG.info("signed preview %d: release %s", number, release.digest)
    return True


def remove_preview(repository: PinnedRepository, number: int) -> None:
    """Remove the statement about a preview; nothing happens if there is none."""
    (repository.root / preview_path(number)).unlink(missing_ok=True)


def remove_expired_previews(repository: PinnedRepository, now: datetime) -> None:
    """Remove the statements about previews that are over: clients refuse them anyway."""
    for path in (repository.root / PREVIEWS).glob("*.json"):
        stated = _stated(path)
        if stated is not None and stated.until <= now:
            path.unlink(missing_ok=True)


def _stated(path: Path) -> PreviewStatement | None:
    """Return the statement in a file, whoever has signed it; None if there is none that can be read."""
    with suppress(OSError, FarmError):
        return shown_preview(unverified_statement(path.read_bytes()))
    return None


def _preview_key(repository: PinnedRepository, signers: Signers) -> Signer:
    listed = repository.builders().previews
    held = next((signers.by_keyid[keyid] for keyid in listed if keyid in signers.by_keyid), None)
    if held is None:
        raise FarmError(
            "targets list no preview key that is here",
            remedy="Make one with `farm keys new`, put it into keys/online, and list it: "
            "`farm keys draft targets --preview-key PUB`.",
            code="no-preview-key",
        )
    return held
