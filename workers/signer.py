"""The signer: the one process that holds online keys, and nothing else: no database, no Docker, no network.

It listens on a Unix socket. What it signs was checked by another process, which holds no key (`workers.checker`): it
takes the checker's yes for exactly these bytes, and parses no package, recipe or advisory itself. It renews the
timestamp every six hours. What was signed, ordered and reported is in its ledger, and it trusts only the root that it
pins. Root and targets say which key signs for which role; a key may be in an HSM. Run it with
`python -m workers.signer --repository DIR --keys DIR --socket PATH [--checker PATH] [--ledger DIR]`.
"""

from __future__ import annotations

from farm.extras import exit_without

if __name__ == "__main__":
    exit_without("server", "python -m workers.signer")

import argparse
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from fastapi import Request, Response

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.signing.consistency import PinnedRepository
from farm.signing.ledger import Ledger
from farm.signing.previews import remove_expired_previews, remove_preview, sign_preview
from farm.signing.reports import LARGEST_REPORT, take_report
from farm.signing.sign import publish_advisories, publish_reviews, renew_timestamp, sign_image, sign_release, take_order
from farm.trust.attestation.curator_order import LARGEST_CURATOR_ORDER
from farm.trust.attestation.image_request import AskedImage
from farm.trust.index.release_index import Release
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.delegation import channels_of
from farm.trust.metadata.repository import StalePolicyError
from workers.checker_client import LONGEST_CHECK, CheckerClient, NoCheckerError
from workers.unix_sockets import body, private_folder, refusing_app

if TYPE_CHECKING:
    from fastapi import FastAPI

    from farm.trust.attestation.check_results import Checker
    from farm.trust.keys.signers import Signers
    from farm.trust.metadata.repository import Repository

_LOG = logging.getLogger("farm.signer")
TIMESTAMP_PERIOD = 6 * 3600.0
"""Seconds between fresh timestamps: a quarter of their life, so that three may fail before a client notices."""
RETRY_PERIOD = 300.0
_LARGEST_RELEASE = 4 * 1024 * 1024
_LARGEST_LIST = 16 * 1024 * 1024
_LARGEST_QUESTION = 16 * 1024
_MOST_CONNECTIONS = 64
"""Only control connects; lists may arrive at the same time."""


def signer_app(repository: PinnedRepository, signers: Signers, checker: Checker, ledger: Ledger) -> FastAPI:
    """Return the signer's HTTP application.

    `POST /releases?evidence=DIGEST` with a release's canonical JSON, where the digest is that of a blob in the
    repository; `POST /previews?base=CHANNEL&until=TIME` likewise, and `POST /previews/NUMBER/remove`; `POST /orders`
    with the envelope of a curator's order, `POST /reports` with a report of trouble; `POST /advisories` with a list of
    them, `POST /reviews` with a list of reviews; `GET /health`.
    """
    app = refusing_app("farm signer", _LOG, NoCheckerError, StalePolicyError)
    _serve_releases(app, repository, signers, checker, ledger)
    _serve_decisions(app, repository, signers, checker, ledger)

    @app.get("/health")
    def health() -> dict[str, object]:
        return {"keys": sorted(signers.by_keyid), "repository": repository.exists()}

    return app


def _serve_releases(
    app: FastAPI, repository: PinnedRepository, signers: Signers, checker: Checker, ledger: Ledger
) -> None:
    """Serve what signs releases and previews, and ends previews."""

    @app.post("/releases")
    async def releases(request: Request, evidence: str) -> dict[str, object]:
        release = Release.from_json(await body(request, _LARGEST_RELEASE))
        new = sign_release(repository, signers, checker, release, Digest(evidence), ledger=ledger)
        return {"release": release.digest, "number": release.number, "new": new}

    @app.post("/previews")
    async def preview(request: Request, base: str, until: datetime) -> dict[str, object]:
        release = Release.from_json(await body(request, _LARGEST_RELEASE))
        now = datetime.now(UTC)
        if until.tzinfo is None:
            raise FarmError("the end of a preview names no time zone", code="not-a-preview")
        new = sign_preview(repository, signers, checker, release, base=base, until=until, now=now)
        return {"release": release.digest, "new": new}

    @app.post("/previews/{number}/remove")
    async def removed_preview(number: int) -> dict[str, object]:
        remove_preview(repository, number)
        return {"removed": number}


def _serve_decisions(
    app: FastAPI, repository: PinnedRepository, signers: Signers, checker: Checker, ledger: Ledger
) -> None:
    """Serve what takes orders and reports, and publishes advisories and reviews."""

    @app.post("/orders")
    async def order(request: Request) -> dict[str, object]:
        return {"order": take_order(repository, checker, ledger, await body(request, LARGEST_CURATOR_ORDER))}

    @app.post("/reports")
    async def report(request: Request) -> dict[str, object]:
        content = await body(request, LARGEST_REPORT)
        return {"report": take_report(ledger, content, channels_of(repository.head().targets))}

    @app.post("/advisories")
    async def advisories(request: Request) -> dict[str, object]:
        return {"published": publish_advisories(repository, signers, checker, await body(request, _LARGEST_LIST))}

    @app.post("/reviews")
    async def reviews(request: Request) -> dict[str, object]:
        return {"published": publish_reviews(repository, signers, checker, await body(request, _LARGEST_LIST))}


def image_signer_app(repository: Repository, signers: Signers, checker: Checker) -> FastAPI:
    """Return the HTTP application: `POST /images` with an `AskedImage` returns the signed envelope.

    It has a socket of its own, which takes no other request, because the registry's process talks to strangers.
    """
    app = refusing_app("farm signer of images", _LOG, NoCheckerError)

    @app.post("/images")
    async def image(request: Request) -> Response:
        asked = AskedImage.from_json(await body(request, _LARGEST_QUESTION))
        # One at a time: this application has an event loop of its own, so only the next image waits.
        return Response(sign_image(repository, signers, checker, asked), media_type="application/json")

    return app


def keep_timestamp_fresh(repository: PinnedRepository, signers: Signers, stop: threading.Event) -> None:
    """Renew the timestamp now and every six hours, until `stop` is set; sooner after a failure."""
    while True:
        period = RETRY_PERIOD
        try:
            renew_timestamp(repository, signers)
            remove_expired_previews(repository, datetime.now(UTC))
            period = TIMESTAMP_PERIOD
        except (FarmError, OSError) as error:
            _LOG.error("the timestamp could not be signed: %s", error)  # no traceback needed
        except Exception:  # noqa: BLE001
            # A key service's library may raise anything, and clients are locked out if this thread ends.
            _LOG.exception("the timestamp could not be signed")
        if stop.wait(period):
            return


def serve_images(repository: Repository, signers: Signers, checker: Checker, path: Path) -> None:
    """Answer the registry from a thread with an event loop of its own, so that no release waits for an image."""
    app = image_signer_app(repository, signers, checker)
    config = uvicorn.Config(app, uds=str(path), log_level="warning", limit_concurrency=_MOST_CONNECTIONS)
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()


def main() -> None:
    """Run the signer until it is stopped; ends with status 1 and a line that says why when it cannot begin."""
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
