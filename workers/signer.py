"""The signer: the one process that holds online keys, and nothing else: no database, no Docker, no network.

It listens on a Unix socket. What it signs was checked by another process, which holds no key (`workers.checker`): it
takes the checker's yes for exactly these bytes, and parses no package, recipe or advisory itself. It renews the
timestamp every six hours. What was signed, ordered and reported is in its ledger, and it trusts only the root that it
pins. Root and targets say which key signs for which role; a key may be in an HSM. Run it with
`python -m workers.signer --repository DIR --keys DIR --socket PATH [--checker PATH] [--ledger DIR]`.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from fastapi import Request  # noqa: TC002  # routes are read by their annotations

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.signing.consistency import PinnedRepository
from farm.signing.entries import OrderTaken, Released, Signing
from farm.signing.ledger import Ledger
from farm.signing.order_effects import check_effect
from farm.signing.reports import LARGEST_REPORT, take_report
from farm.trust.attestation.curator_order import LARGEST_CURATOR_ORDER, kept_order
from farm.trust.index.release_index import Release
from farm.trust.keys.signers import read_signers
from farm.trust.layout import ADVISORY_LIST, REVIEW_LIST
from farm.trust.metadata.delegation import channels_of, role_of
from farm.trust.metadata.repository import StalePolicyError
from workers.checker_client import LONGEST_CHECK, CheckerClient, NoCheckerError
from workers.image_signing import image_signer_app
from workers.unix_sockets import body, private_folder, refusing_app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI
    from tuf.api.metadata import TargetFile

    from farm.trust.attestation.check_results import CheckedLists, Checker, ReleaseChecker
    from farm.trust.keys.signers import Signers
    from farm.trust.metadata.repository import Repository

_LOG = logging.getLogger("farm.signer")
TIMESTAMP_PERIOD = 6 * 3600.0
"""Seconds between fresh timestamps: a quarter of their life, so that three may fail before a client notices."""
RETRY_PERIOD = 300.0
EXPIRY_NOTICE = timedelta(days=45)
_LARGEST_RELEASE = 4 * 1024 * 1024
_LARGEST_LIST = 16 * 1024 * 1024
_MOST_CONNECTIONS = 64
"""Only control connects; lists may arrive at the same time."""


def signer_app(repository: PinnedRepository, signers: Signers, checker: Checker, ledger: Ledger) -> FastAPI:
    """Return the signer's HTTP application.

    `POST /releases?evidence=DIGEST` with a release's canonical JSON, where the digest is that of a blob in the
    repository; `POST /orders` with the envelope of a curator's order, `POST /reports` with a report of trouble; `POST
    /advisories` with a list of them, `POST /reviews` with a list of reviews; `GET /health`.
    """
    app = refusing_app("farm signer", _LOG, NoCheckerError, StalePolicyError)

    @app.post("/releases")
    async def sign_release(request: Request, evidence: str) -> dict[str, object]:
        release = Release.from_json(await body(request, _LARGEST_RELEASE))
        return sign(repository, signers, checker, release, Digest(evidence), ledger=ledger)

    @app.post("/orders")
    async def order(request: Request) -> dict[str, object]:
        return {"order": take_order(repository, checker, ledger, await body(request, LARGEST_CURATOR_ORDER))}

    @app.post("/reports")
    async def report(request: Request) -> dict[str, object]:
        content = await body(request, LARGEST_REPORT)
        return {"report": take_report(ledger, content, channels_of(repository.head().targets))}

    @app.post("/advisories")
    async def sign_advisories(request: Request) -> dict[str, object]:
        content = await body(request, _LARGEST_LIST)
        repository.check_releases()
        return {"published": publish_advisories(repository, signers, checker, content)}

    @app.post("/reviews")
    async def sign_reviews(request: Request) -> dict[str, object]:
        content = await body(request, _LARGEST_LIST)
        repository.check_releases()
        return {"published": publish_reviews(repository, signers, checker, content)}

    @app.get("/health")
    def health() -> dict[str, object]:
        return {"keys": sorted(signers.by_keyid), "repository": repository.exists()}

    return app


def sign(
    repository: PinnedRepository,
    signers: Signers,
    checker: ReleaseChecker,
    release: Release,
    evidence: Digest,
    *,
    ledger: Ledger,
) -> dict[str, object]:
    """Have one release checked, and publish it. Raises the checker's refusal, and as `Repository.publish`.

    A release that is published already is not checked again: the client missed the answer.
    """
    repository.check_releases()
    told = {"release": release.digest, "number": release.number}
    if repository.current(release.channel).release == release:
        return {**told, "new": []}
    verified = checker.check(release, evidence)
    verified.check_about(release)

    def write_down() -> None:
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

    repository.publish(release, signers, datetime.now(UTC), verified=verified, before=write_down)
    ledger.append(Released(release.channel, release.digest))
    _LOG.info("signed release %d of %s: %d new packages", release.number, release.channel, len(verified.new))
    return {**told, "new": list(verified.new)}


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
        ledger.append(OrderTaken(order, envelope.decode()))
    return order.digest


def publish_advisories(repository: Repository, signers: Signers, checker: Checker, content: bytes) -> bool:
    """Have a list of advisories checked, and publish it; False when it is published already.

    Raises the checker's refusal, `FarmError` (`stale-lists`), and as `Repository.publish_advisories`.
    """
    checked = checker.check_advisories(content)
    checked.check_about(content)
    changed = _publish_lists(repository, signers, checked, {ADVISORY_LIST: content})
    if changed:
        _LOG.info("signed the list of advisories %s", checked.asked)
    return changed


def publish_reviews(repository: Repository, signers: Signers, checker: Checker, content: bytes) -> bool:
    """Have a list of reviews checked, and publish it; False when it is published already.

    Raises as `publish_advisories`.
    """
    checked = checker.check_reviews(content)
    checked.check_about(content)
    changed = _publish_lists(repository, signers, checked, {})
    if changed:
        _LOG.info("signed the list of reviews")
    return changed


def _publish_lists(
    repository: Repository, signers: Signers, checked: CheckedLists, documents: Mapping[str, bytes]
) -> bool:
    def check(targets: Mapping[str, TargetFile]) -> None:
        if {path: target.hashes["sha256"] for path, target in targets.items()} != checked.published:
            raise FarmError(
                "other lists of advisories were published meanwhile", remedy="Ask again.", code="stale-lists"
            )

    wanted = dict(documents) | ({} if checked.reviews is None else {REVIEW_LIST: checked.reviews})
    return repository.publish_advisories(wanted, signers, datetime.now(UTC), check=check)


def keep_timestamp_fresh(repository: PinnedRepository, signers: Signers, stop: threading.Event) -> None:
    """Renew the timestamp now and every six hours, until `stop` is set; sooner after a failure."""
    while True:
        period = TIMESTAMP_PERIOD
        try:
            now = datetime.now(UTC)
            repository.check_releases()
            repository.refresh_timestamp(signers, now)
            _keep_public_keys(repository)
            warn_of_expiry(repository, now)
        except (FarmError, OSError) as error:
            _LOG.error("the timestamp could not be signed: %s", error)  # no traceback needed
            period = RETRY_PERIOD
        except Exception:  # noqa: BLE001
            # A key service's library may raise anything, and clients are locked out if this thread ends.
            _LOG.exception("the timestamp could not be signed")
            period = RETRY_PERIOD
        if stop.wait(period):
            return


def _keep_public_keys(repository: Repository) -> None:
    try:
        repository.refresh_public_keys()
    except (FarmError, OSError) as error:
        _LOG.error("the public keys could not be written as files: %s", error)  # clients do not need them


def warn_of_expiry(repository: Repository, now: datetime) -> None:
    """Log when root or targets expire soon: only people with offline keys can renew them."""
    head = repository.head()
    for role, expires in (("root", head.root.expires), ("targets", head.targets.expires)):
        if expires - now < EXPIRY_NOTICE:
            _LOG.warning("%s expires at %s: renew it with `farm keys draft %s`", role, expires.isoformat(), role)


def serve_images(repository: Repository, signers: Signers, checker: Checker, path: Path) -> None:
    """Answer the registry from a thread with an event loop of its own, so that no release waits for an image."""
    app = image_signer_app(repository, signers, checker)
    config = uvicorn.Config(app, uds=str(path), log_level="warning", limit_concurrency=_MOST_CONNECTIONS)
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()


def main() -> None:
    """Run the signer until it is told to stop; ends with status 1 and a line that says why when it cannot begin."""
    parser = argparse.ArgumentParser(prog="workers.signer", description=__doc__)
    parser.add_argument("--repository", type=Path, required=True, help="the published directory")
    parser.add_argument("--keys", type=Path, required=True, help="the folder of online keys")
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to listen on")
    parser.add_argument("--checker", type=Path, help="the checker's Unix socket; default: as `farm up` places it")
    parser.add_argument("--ledger", type=Path, help="the folder of its ledger; default: `ledger` next to the keys")
    parser.add_argument("--images-socket", type=Path, help="the Unix socket on which the registry asks about images")
    parser.add_argument("--check-seconds", type=float, default=LONGEST_CHECK, help="how long a check may take")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    os.umask(0o022)  # published files are public
    try:
        for path in (arguments.socket, arguments.images_socket):
            if path:
                private_folder(path.parent, "signer")
        signers = read_signers(arguments.keys)
        ledger = Ledger(arguments.ledger or arguments.keys.absolute().parent.with_name("ledger"))
    except FarmError as error:
        sys.exit(f"error: {error.message}. {error.remedy}".rstrip())
    repository = PinnedRepository(arguments.repository, ledger)
    place = arguments.checker or arguments.socket.absolute().parent.with_name("check") / "checker.sock"
    checker = CheckerClient(place, arguments.check_seconds)
    stop = threading.Event()
    clock = threading.Thread(target=keep_timestamp_fresh, args=(repository, signers, stop), daemon=True)
    clock.start()
    if arguments.images_socket:
        serve_images(repository, signers, checker, arguments.images_socket)
    app = signer_app(repository, signers, checker, ledger)
    uvicorn.run(app, uds=str(arguments.socket), log_level="warning", limit_concurrency=_MOST_CONNECTIONS)
    stop.set()


if __name__ == "__main__":
    main()
