"""The signer: the one process that holds online keys, and nothing else: no database, no Docker, no network.

It listens on a Unix socket. A release is checked by itself before it is signed, and the timestamp is signed anew by
the clock. What was signed, ordered and reported it keeps in a ledger, and believes no root but that which it pins.
Which key signs for which role is said by root and targets; a key may lie in an HSM. Run it with
`python -m workers.signer --repository DIR --keys DIR --socket PATH [--record DIR]`.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from farm.blobs import BlobStore
from farm.countersign.bringing import LARGEST_REPORT, take_order_in, take_report_in, write_signing
from farm.countersign.decision import Decision
from farm.countersign.ledger import Ledger
from farm.countersign.ledger_entries import Released
from farm.countersign.standing import PinnedRepository
from farm.errors import FarmError
from farm.names import Digest
from farm.trust.advisory_index import LARGEST_INDEX, AdvisoryIndex, check_index
from farm.trust.ceremony import online_signers
from farm.trust.curator_order import LARGEST_ORDER
from farm.trust.layout import ADVISORIES, ADVISORY_LIST, BLOBS, REVIEW_LIST, advisory_target
from farm.trust.published_identities import PublishedRecord
from farm.trust.release_index import Release
from farm.trust.review_list import InvalidReviewListError, ReviewList, check_reviews
from workers.image_signing import image_signer_app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tuf.api.metadata import TargetFile

    from farm.trust.repository import Repository
    from farm.trust.signers import Signers

_LOG = logging.getLogger("farm.signer")
TIMESTAMP_PERIOD = 6 * 3600.0
"""Seconds between fresh timestamps: a quarter of their life, so that three may fail before a client notices."""
RETRY_PERIOD = 300.0
EXPIRY_NOTICE = timedelta(days=45)
_LARGEST_RELEASE = 4 * 1024 * 1024


def signer_app(repository: PinnedRepository, signers: Signers, record: PublishedRecord, ledger: Ledger) -> FastAPI:
    """Return the signer's HTTP application.

    `POST /releases?evidence=DIGEST` with a release's canonical JSON, the digest being of a blob in the repository;
    `POST /orders` with the envelope of a curator's order, `POST /reports` with a report of trouble; `POST /advisories`
    with a list of them, `POST /reviews` with a record of looking; `GET /health`.
    """
    app = FastAPI(title="farm signer", openapi_url=None)
    decision = Decision(repository, record, ledger)

    @app.exception_handler(FarmError)
    def refuse(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, FarmError)  # noqa: S101  # the handler is registered for nothing else
        _LOG.warning("refused: %s", error)
        return JSONResponse({"code": error.code, "message": error.message, "remedy": error.remedy}, status_code=409)

    @app.post("/releases")
    async def sign_release(request: Request, evidence: str) -> dict[str, object]:
        release = Release.from_json(await _body(request, _LARGEST_RELEASE))
        return sign(repository, signers, decision, release, Digest(evidence), ledger=ledger)

    @app.post("/orders")
    async def take_order(request: Request) -> dict[str, object]:
        return {"order": take_order_in(repository, ledger, await _body(request, LARGEST_ORDER))}

    @app.post("/reports")
    async def take_report(request: Request) -> dict[str, object]:
        return {"report": take_report_in(ledger, await _body(request, LARGEST_REPORT))}

    @app.post("/advisories")
    async def sign_advisories(request: Request) -> dict[str, object]:
        index = AdvisoryIndex.from_json(await _body(request, LARGEST_INDEX))
        return {"published": publish_advisories(repository, signers, index)}

    @app.post("/reviews")
    async def sign_reviews(request: Request) -> dict[str, object]:
        stated = ReviewList.from_json(await _body(request, LARGEST_INDEX))
        return {"published": publish_reviews(repository, signers, stated)}

    @app.get("/health")
    def health() -> dict[str, object]:
        return {"keys": sorted(signers.by_keyid), "repository": repository.exists()}

    return app


def sign(
    repository: PinnedRepository,
    signers: Signers,
    decision: Decision,
    release: Release,
    evidence: Digest,
    *,
    ledger: Ledger,
) -> dict[str, object]:
    """Check and publish one release. Raises the errors of `Decision.check` and of `Repository.publish`."""
    repository.check_releases()
    verified = decision.check(release, evidence)
    if repository.current(release.channel).release != release:  # which a signer that was cut off has published
        write_signing(ledger, repository, release, verified.permitted)
        repository.publish(release, signers, datetime.now(UTC))
        ledger.append(Released(release.channel, release.digest))
    decision.accept(release)
    new = [entry.name for entry in verified.new]
    _LOG.info("signed release %d of %s: %d new packages", release.number, release.channel, len(new))
    return {"release": release.digest, "number": release.number, "new": new}


def fill(record: PublishedRecord, repository: Repository) -> None:
    """Let the record learn of what was published before, which takes long for a lost one: not in the first request.

    Where it cannot, no release is signed either; timestamps are, for which subscribers wait.
    """
    try:
        if repository.exists():
            record.catch_up(repository)
    except (FarmError, OSError) as error:
        _LOG.error("the record of what was published cannot be filled: %s", error)  # the message says it all


def publish_advisories(repository: Repository, signers: Signers, index: AdvisoryIndex) -> bool:
    """Check and publish the list of advisories; False when it is published already.

    Raises the errors of `check_index` and of `Repository.publish_advisories`.
    """
    blobs, now, content = BlobStore(repository.root / BLOBS), datetime.now(UTC), index.to_json()

    def check(targets: Mapping[str, TargetFile]) -> None:
        published = targets.get(advisory_target(ADVISORY_LIST))
        before = AdvisoryIndex.from_json(repository.read_target(published)) if published else None
        check_index(index, before, lambda blob: blobs.read(blob.digest))

    documents, looked, digest = {ADVISORY_LIST: content}, _reviews(repository), Digest.of(content)
    if looked is None or looked.signed_at(digest) is None:
        stated = ReviewList(index.distribution, looked.reviews if looked else (), digest, now)
        documents[REVIEW_LIST] = stated.to_json()
    changed = repository.publish_advisories(documents, signers, now, check=check)
    if changed:
        _LOG.info("signed the list of %d advisories", len(index.advisories))
    return changed


def publish_reviews(repository: Repository, signers: Signers, stated: ReviewList) -> bool:
    """Check and publish which packages were looked at; False when that is published already.

    When the list of advisories was signed, the signer knows itself. Raises `InvalidReviewListError`, and the errors of
    `Repository.publish_advisories`.
    """
    now, before = datetime.now(UTC), _reviews(repository)
    check_reviews(stated.reviews, before, now)
    if before is None or before.distribution != stated.distribution:
        raise InvalidReviewListError(f"no list of advisories of {stated.distribution} is published yet")
    content = replace(before, reviews=stated.reviews).to_json()
    changed = repository.publish_advisories({REVIEW_LIST: content}, signers, now)
    if changed:
        _LOG.info("signed that packages were looked at: %d reviews", len(stated.reviews))
    return changed


def _reviews(repository: Repository) -> ReviewList | None:
    published = repository.delegated(repository.head(), ADVISORIES).targets.get(advisory_target(REVIEW_LIST))
    return ReviewList.from_json(repository.read_target(published)) if published else None


async def _body(request: Request, largest: int) -> bytes:
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > largest:
            raise FarmError(f"what is to be signed has at most {largest} bytes")
    return content


def keep_timestamp_fresh(repository: PinnedRepository, signers: Signers, stop: threading.Event) -> None:
    """Sign the timestamp anew, now and every six hours, until `stop` is set; sooner again when it fails."""
    while True:
        period = TIMESTAMP_PERIOD
        try:
            now = datetime.now(UTC)
            repository.check_releases()
            repository.refresh_timestamp(signers, now)
            warn_of_expiry(repository, now)
        except (FarmError, OSError) as error:
            _LOG.error("the timestamp could not be signed: %s", error)  # the message says it all
            period = RETRY_PERIOD
        except Exception:  # noqa: BLE001
            # A key service's library raises what it likes, and a thread that ended here would lock clients out.
            _LOG.exception("the timestamp could not be signed")
            period = RETRY_PERIOD
        if stop.wait(period):
            return


def warn_of_expiry(repository: Repository, now: datetime) -> None:
    """Log when root or targets end soon: only people with offline keys can renew them."""
    head = repository.head()
    for role, expires in (("root", head.root.expires), ("targets", head.targets.expires)):
        if expires - now < EXPIRY_NOTICE:
            _LOG.warning("%s ends at %s: renew it with `farm keys draft %s`", role, expires.isoformat(), role)


def private_folder(folder: Path) -> None:
    """Make the folder of the socket, or see that it keeps others out: uvicorn opens a Unix socket to everybody.

    Raises `FarmError`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A group may get in: that of the control worker, where it runs as a user of its own.
    if folder.stat().st_mode & 0o007:
        raise FarmError(
            f"everybody can get into {folder}, where the signer listens",
            remedy=f"Run `chmod o= {folder}`, or name a folder of its own with --socket.",
        )


def serve_images(repository: Repository, signers: Signers, path: Path) -> None:
    """Answer the registry in a thread and an event loop of its own, so that no release waits for an image."""
    server = uvicorn.Server(uvicorn.Config(image_signer_app(repository, signers), uds=str(path), log_level="warning"))
    threading.Thread(target=server.run, daemon=True).start()


def main() -> None:
    """Run the signer until it is told to stop; ends with status 1 and a line that says why when it cannot begin."""
    parser = argparse.ArgumentParser(prog="workers.signer", description=__doc__)
    parser.add_argument("--repository", type=Path, required=True, help="the published directory")
    parser.add_argument("--keys", type=Path, required=True, help="the folder of online keys")
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to listen on")
    parser.add_argument(
        "--record",
        type=Path,
        help="where it keeps its ledger and its record; default: `record` beside the keys",
    )
    parser.add_argument("--images-socket", type=Path, help="the Unix socket on which the registry asks about images")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    os.umask(0o022)  # what is published is for everybody to read
    try:
        for path in (arguments.socket, arguments.images_socket):
            if path:
                private_folder(path.parent)
        signers = online_signers(arguments.keys)
        place = arguments.record or arguments.keys.absolute().parent / "record"
        record, ledger = PublishedRecord(place), Ledger(place)
    except FarmError as error:
        sys.exit(f"error: {error.message}. {error.remedy}".rstrip())
    repository = PinnedRepository(arguments.repository, ledger)
    fill(record, repository)
    stop = threading.Event()
    clock = threading.Thread(target=keep_timestamp_fresh, args=(repository, signers, stop), daemon=True)
    clock.start()
    if arguments.images_socket:
        serve_images(repository, signers, arguments.images_socket)
    uvicorn.run(signer_app(repository, signers, record, ledger), uds=str(arguments.socket), log_level="warning")
    stop.set()


if __name__ == "__main__":
    main()
