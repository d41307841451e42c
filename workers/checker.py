"""The checker: parses, proves and reads archives for the signer, in a process of its own user that holds no key.

It reads what is published and the signer's ledger, keeps a record of what was published, and answers on a Unix socket,
which only the signer's user can reach, whether something may be signed. It writes nothing but that record.
Run it with
`python -m workers.checker --repository DIR --ledger DIR --record DIR --socket PATH [--memory MIB] [--seconds N]
[--image-seconds N]`.
"""

from __future__ import annotations

from farm.extras import exit_without

if __name__ == "__main__":
    exit_without("server", "python -m workers.checker")

import argparse
import asyncio
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from fastapi import Request, Response

from farm.checker.decision import Decision
from farm.checker.orders.advisory_lists import checked_advisories, checked_reviews
from farm.checker.orders.incoming_orders import checked_order
from farm.checker.reading.published_identities import PublishedRecord
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.signing.consistency import PinnedRepository, ReadLedger
from farm.signing.ledger import LedgerReader
from farm.trust.attestation.curator_order import LARGEST_CURATOR_ORDER
from farm.trust.attestation.image_request import AskedImage
from farm.trust.index.advisory_index import LARGEST_INDEX
from farm.trust.index.release_index import Release
from workers.check_bounds import CheckDeadline, bound_memory
from workers.checker_client import LONGEST_CHECK
from workers.image_process import ImageProcess
from workers.unix_sockets import body, listen, private_folder, refusing_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from farm.core.names.form import Form
    from farm.signing.consistency import LedgerView
    from farm.trust.metadata.repository import Repository

_LOG = logging.getLogger("farm.checker")
MEMORY = 16 << 10
"""MiB of address space. A channel of 100,000 packages without symbols takes 0.9 GiB, see docs/benchmarks.md."""
_LARGEST_RELEASE = 4 << 20
_LARGEST_QUESTION = 16 << 10


class FailedCheckError(FarmError):
    """A check ended in an unexpected error."""

    code = "failed-check"

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"the check ended in an unexpected error: {type(error).__name__}: {error!s:.300}",
            remedy="The checker's log (log/checker.log) says where. Its input may have been made to cause that.",
        )


class Checks:
    """Checks what the signer is asked to sign, within limits: one thing at a time, plus one image."""

    def __init__(
        self,
        repository: Repository,
        record: PublishedRecord,
        ledger: LedgerView,
        deadline: CheckDeadline,
        images: ImageProcess,
    ) -> None:
        self._repository = repository
        self._record = record
        self._ledger = ledger
        self._deadline = deadline
        self._images = images
        self._decision = self._new_decision()
        self._one_image = threading.Lock()
        self._one = threading.RLock()  # `_bounded` takes it again within `release`

    def prepare(self) -> None:
        """Read what was published before, which is slow after a start; requests wait meanwhile.

        If that fails, each release is refused with the reason.
        """
        try:
            if self._repository.exists():
                self._decision.prepare()
        except (FarmError, OSError) as error:
            _LOG.error("what was published cannot be read: %s", error)  # no traceback needed
        except Exception:  # noqa: BLE001  # each check then reports it as a refusal
            _LOG.exception("what was published cannot be read")
            self._decision = self._new_decision()

    def release(self, content: bytes, evidence: str) -> Form:
        """Decide about a release. Raises the errors of `Decision.check`, `FailedCheckError`."""
        release = Release.from_json(content)
        with self._one:
            try:
                return self._bounded(lambda: self._decision.check(release, Digest(evidence)))
            except FailedCheckError:
                # What it remembers may be incomplete: it is read again.
                self._decision = self._new_decision()
                raise

    def preview(self, content: bytes, base: str) -> Form:
        """Check a preview. Raises the errors of `Decision.check_preview`, `FailedCheckError`."""
        release = Release.from_json(content)
        return self._bounded(lambda: self._decision.check_preview(release, base))

    def order(self, envelope: bytes) -> Form:
        """Check a curator's order. Raises as `checked_order`, `FailedCheckError`."""
        return self._bounded(lambda: checked_order(self._repository, envelope, datetime.now(UTC)))

    def advisories(self, content: bytes) -> Form:
        """Check a list of advisories. Raises as `checked_advisories`, `FailedCheckError`."""
        return self._bounded(
            lambda: checked_advisories(self._repository, content, self._ledger.state(), datetime.now(UTC))
        )

    def reviews(self, content: bytes) -> Form:
        """Check a list of reviews. Raises as `checked_reviews`, `FailedCheckError`."""
        return self._bounded(
            lambda: checked_reviews(self._repository, content, self._ledger.state(), datetime.now(UTC))
        )

    def image(self, content: bytes) -> Form:
        """Compute an image, in a process of its own. Raises as `ImageProcess.make`."""
        asked = AskedImage.from_json(content)
        with self._one_image:
            return self._images.make(asked)

    def _new_decision(self) -> Decision:
        return Decision(self._repository, self._record, self._ledger)

    def _bounded(self, look: Callable[[], Form]) -> Form:
        with self._one, self._deadline.running():
            try:
                return look()
            except FarmError:
                raise
            except Exception as error:
                _LOG.exception("a check failed")
                raise FailedCheckError(error) from error


def checker_app(checks: Checks) -> FastAPI:
    """Return the checker's HTTP application.

    `POST /releases?evidence=DIGEST` with a release's canonical JSON, `POST /previews?base=CHANNEL` likewise, `POST
    /orders`, `POST /advisories`, `POST /reviews` and `POST /images`: each answers with a value of `check_results`, or
    with status 409 and the reason.
    """
    app = refusing_app("farm checker", _LOG)

    @app.post("/releases")
    async def release(request: Request, evidence: str) -> Response:
        return await _answer(checks.release, await body(request, _LARGEST_RELEASE), evidence)

    @app.post("/previews")
    async def preview(request: Request, base: str) -> Response:
        return await _answer(checks.preview, await body(request, _LARGEST_RELEASE), base)

    @app.post("/orders")
    async def order(request: Request) -> Response:
        return await _answer(checks.order, await body(request, LARGEST_CURATOR_ORDER))

    @app.post("/advisories")
    async def advisories(request: Request) -> Response:
        return await _answer(checks.advisories, await body(request, LARGEST_INDEX))

    @app.post("/reviews")
    async def reviews(request: Request) -> Response:
        return await _answer(checks.reviews, await body(request, LARGEST_INDEX))

    @app.post("/images")
    async def image(request: Request) -> Response:
        return await _answer(checks.image, await body(request, _LARGEST_QUESTION))

    return app


async def _answer(look: Callable[..., Form], *asked: bytes | str) -> Response:
    found = await asyncio.to_thread(look, *asked)
    return Response(found.to_json(), media_type="application/json")


def main() -> None:
    """Run the checker until it is stopped; ends with status 1 and a line that says why when it cannot begin."""
    parser = argparse.ArgumentParser(prog="workers.checker", description=__doc__)
    parser.add_argument("--repository", type=Path, required=True, help="the published directory")
    parser.add_argument("--ledger", type=Path, required=True, help="the folder of the signer's ledger, to read")
    parser.add_argument("--record", type=Path, required=True, help="where it keeps what was published")
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to listen on")
    parser.add_argument("--memory", type=int, default=MEMORY, help="MiB of address space that it may have")
    parser.add_argument("--seconds", type=float, default=LONGEST_CHECK, help="how long a check may take")
    parser.add_argument("--image-seconds", type=float, default=LONGEST_CHECK, help="how long an image may take")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    os.umask(0o022)
    bound_memory(arguments.memory)
    try:
        private_folder(arguments.socket.parent, "checker")
        record = PublishedRecord(arguments.record)
    except FarmError as error:
        sys.exit(f"error: {error.message}. {error.remedy}".rstrip())
    ledger = ReadLedger(LedgerReader(arguments.ledger))
    repository = PinnedRepository(arguments.repository, ledger)
    images = ImageProcess(arguments.repository, arguments.ledger, arguments.image_seconds)
    checks = Checks(repository, record, ledger, CheckDeadline(arguments.seconds), images)
    listening = listen(arguments.socket)
    checks.prepare()
    uvicorn.Server(uvicorn.Config(checker_app(checks), log_level="warning")).run(sockets=[listening])


if __name__ == "__main__":
    main()
