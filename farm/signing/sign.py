"""The sequences of the signer. What it signs was checked by a process without keys first, except for a new timestamp.

Releases and orders are recorded in the ledger.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.signing.entries import OrderTaken, Released, Signing
from farm.signing.order_effects import check_effect
from farm.trust.attestation.curator_order import kept_order
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.image_request import AskedImage, UnsignableImageError
from farm.trust.attestation.image_statement import image_statement
from farm.trust.blob_limits import LARGEST_ENVELOPE
from farm.trust.layout import ADVISORY_LIST, REVIEW_LIST
from farm.trust.metadata.delegation import role_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tuf.api.metadata import TargetFile

    from farm.core.names.digest import Digest
    from farm.signing.consistency import PinnedRepository
    from farm.signing.ledger import Ledger
    from farm.trust.attestation.check_results import CheckedLists, Checker, ReleaseChecker
    from farm.trust.index.release_index import Release
    from farm.trust.keys.signers import Signers
    from farm.trust.metadata.repository import Repository

_LOG = logging.getLogger("farm.signer")
_EXPIRY_NOTICE = timedelta(days=45)


def sign_release(
    repository: PinnedRepository,
    signers: Signers,
    checker: ReleaseChecker,
    release: Release,
    evidence: Digest,
    *,
    ledger: Ledger,
) -> tuple[str, ...]:
    """Have one release checked, and publish it; return its new packages.

    A release that is published already is not checked again: the client missed the answer.
    Raises the checker's refusal, and as `Repository.publish`.
    """
    repository.check_releases()
    if repository.current(release.channel).release == release:
        return ()
    verified = checker.check(release, evidence)
    verified.check_about(release)

    def record_orders() -> None:
        # Before it is published: if the signer ends now, its ledger has the use of the orders.
        ledger.append(
            Signing(
                channel=release.channel,
                number=release.number,
                release=release.digest,
                keys=tuple(role_of(repository.head().targets, release.channel).keyids),
                orders=verified.orders,
                rolled_back=verified.rolled_back,
                returned=verified.returned,
            )
        )

    repository.publish(release, signers, datetime.now(UTC), verified=verified, before=record_orders)
    ledger.append(Released(release.channel, release.digest))
    _LOG.info("signed release %d of %s: %d new packages", release.number, release.channel, len(verified.new))
    return verified.new


def take_order(repository: PinnedRepository, checker: Checker, ledger: Ledger, envelope: bytes) -> Digest:
    """Have an order checked and write it into the ledger, unless it is there; return its digest.

    Raises the refusals of the checker and of `check_effect`, and `CuratorOrderError`, `InvalidEnvelopeError`,
    `LedgerError`.
    """
    repository.check_releases()
    order = kept_order(envelope)
    if order.digest not in ledger.state().entered:
        checker.check_order(envelope).check_about(envelope, order.digest)
        check_effect(ledger.state(), order)
        ledger.append(OrderTaken(envelope.decode()))
    return order.digest


def publish_advisories(repository: PinnedRepository, signers: Signers, checker: Checker, content: bytes) -> bool:
    """Have a list of advisories checked, and publish it; False when it is published already.

    Raises the checker's refusal, `FarmError` (`stale-lists`), and as `Repository.publish_advisories`.
    """
    return _publish_lists(repository, signers, checker.check_advisories, content, {ADVISORY_LIST: content})


def publish_reviews(repository: PinnedRepository, signers: Signers, checker: Checker, content: bytes) -> bool:
    """Have a list of reviews checked, and publish it; False when it is published already.

    Raises as `publish_advisories`.
    """
    return _publish_lists(repository, signers, checker.check_reviews, content, {})


def _publish_lists(
    repository: PinnedRepository,
    signers: Signers,
    check: Callable[[bytes], CheckedLists],
    content: bytes,
    documents: Mapping[str, bytes],
) -> bool:
    repository.check_releases()
    checked = check(content)
    checked.check_about(content)

    def check_published(targets: Mapping[str, TargetFile]) -> None:
        if {path: target.hashes["sha256"] for path, target in targets.items()} != checked.published:
            raise FarmError(
                "other lists of advisories were published meanwhile", remedy="Ask again.", code="stale-lists"
            )

    wanted = dict(documents) | ({} if checked.reviews is None else {REVIEW_LIST: checked.reviews})
    changed = repository.publish_advisories(wanted, signers, datetime.now(UTC), check=check_published)
    if changed:
        _LOG.info("signed the list of %s %s", "advisories" if documents else "reviews", checked.asked)
    return changed


def sign_image(repository: Repository, signers: Signers, checker: Checker, asked: AskedImage) -> bytes:
    """Return the signed statement about an image of what is published: which packages it consists of.

    The digest comes from the checker, which computes it from what is published and signed. What is signed with the keys
    of the channel is a bill of materials of that digest, and nothing else.
    Raises `UnsignableImageError`, `RepositoryStateError`, and what the checker refuses with.
    """
    published = repository.current(asked.channel)
    if published.release is None:
        raise UnsignableImageError(f"nothing is published on {asked.channel}")
    made = checker.make_image(asked)
    made.check_about(asked)
    if len(made.sbom) > LARGEST_ENVELOPE:
        raise UnsignableImageError(f"its bill of materials has {len(made.sbom)} bytes")
    name = "/".join((published.release.distribution, asked.channel, *asked.packages))
    try:
        statement = image_statement(made.image, name, made.sbom)
    except (ValueError, RecursionError) as error:
        raise UnsignableImageError(f"its bill of materials is invalid: {error}") from error
    envelope = sign_statement(
        statement, *signers.signing(asked.channel, role_of(published.head.targets, asked.channel))
    )
    if len(envelope) > LARGEST_ENVELOPE:
        raise UnsignableImageError(f"its bill of materials comes to an envelope of {len(envelope)} bytes")
    _LOG.info(
        "signed the bill of materials of image %s of release %d of %s",
        "/".join(asked.packages),
        asked.number,
        asked.channel,
    )
    return envelope


def renew_timestamp(repository: PinnedRepository, signers: Signers) -> None:
    """Sign the timestamp again, and log which roles only people can renew soon. Raises as `Repository.publish`."""
    now = datetime.now(UTC)
    repository.check_releases()
    repository.refresh_timestamp(signers, now)
    try:
        repository.refresh_public_keys()
    except (FarmError, OSError) as error:
        _LOG.error("the public keys could not be written as files: %s", error)  # clients do not need them
    head = repository.head()
    for role, expires in (("root", head.root.expires), ("targets", head.targets.expires)):
        if expires - now < _EXPIRY_NOTICE:
            _LOG.warning("%s expires at %s: renew it with `farm keys draft %s`", role, expires.isoformat(), role)
