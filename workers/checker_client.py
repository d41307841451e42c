"""The signer's client of the checker, over a Unix socket. The signer checks that an answer is about its request."""

from __future__ import annotations

import http.client
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

from farm.errors import FarmError
from farm.trust.attestation.check_results import (
    CheckedImage,
    CheckedLists,
    CheckedOrder,
    CheckedPreview,
    InvalidCheckAnswerError,
    VerifiedRelease,
)
from workers.refusals import read_refusal

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.trust.attestation.image_request import AskedImage
    from farm.trust.index.release_index import Release

LONGEST_CHECK = 900.0
"""Seconds that a check may take: the first after a start costs what the channel holds."""
_MORE = 1.1
"""How much longer the client waits than the checker's own limit: the checker's log then shows the stack."""
_LARGEST_ANSWER = 64 << 20


class NoCheckerError(FarmError):
    """The checker does not listen: nothing is known about the request, and the signer may ask again."""

    code = "no-checker"


class CheckerClient:
    """The checker behind the socket at `path`. Waits `seconds` for an answer, and a little more."""

    def __init__(self, path: Path, seconds: float = LONGEST_CHECK) -> None:
        self._path = path
        self.deadline = seconds * _MORE

    def check(self, release: Release, evidence: Digest) -> VerifiedRelease:
        """Return what was verified of a release.

        Raises the checker's refusal, `NoCheckerError`, `InvalidCheckAnswerError`, and `FarmError` (`check-broken`) when
        the checker did not finish.
        """
        return VerifiedRelease.from_json(self._ask(f"/releases?evidence={evidence}", release.to_json()))

    def check_order(self, envelope: bytes) -> CheckedOrder:
        """Return the order in an envelope, which may be written into the ledger. Raises as `check`."""
        return CheckedOrder.from_json(self._ask("/orders", envelope))

    def check_advisories(self, content: bytes) -> CheckedLists:
        """Return what is to be signed with a list of advisories. Raises as `check`."""
        return CheckedLists.from_json(self._ask("/advisories", content))

    def check_reviews(self, content: bytes) -> CheckedLists:
        """Return what is to be signed for a record of reviews. Raises as `check`."""
        return CheckedLists.from_json(self._ask("/reviews", content))

    def check_preview(self, release: Release, base: str) -> CheckedPreview:
        """Return that a preview may be signed. Raises as `check`."""
        return CheckedPreview.from_json(self._ask(f"/previews?base={quote(base, safe='')}", release.to_json()))

    def make_image(self, asked: AskedImage) -> CheckedImage:
        """Return the digest and the bill of materials of an image. Raises as `check`."""
        return CheckedImage.from_json(self._ask("/images", asked.to_json()))

    def _ask(self, path: str, content: bytes) -> bytes:
        connection = _UnixConnection(self._path, self.deadline)
        try:
            connection.connect()
        except OSError as error:
            raise NoCheckerError(
                f"the checker does not answer at {self._path}: {error.strerror or error}",
                remedy="Start `python -m workers.checker`, or look at its log; nothing is signed without it.",
            ) from error
        try:
            connection.request("POST", path, content)
            answer = connection.getresponse()
            received = answer.read(_LARGEST_ANSWER + 1)
        except TimeoutError as error:
            raise _broken(f"has not answered within {self.deadline:.0f} seconds") from error
        except (OSError, http.client.HTTPException) as error:
            raise _broken("ended during the check") from error
        finally:
            connection.close()
        if len(received) > _LARGEST_ANSWER:
            raise InvalidCheckAnswerError(f"it has more than {_LARGEST_ANSWER} bytes")
        if answer.status == http.client.CONFLICT:
            raise read_refusal(received)
        if answer.status != http.client.OK:
            raise _broken(f"failed (status {answer.status})")
        return received


def _broken(why: str) -> FarmError:
    return FarmError(
        f"nothing was signed, because the checker {why}",
        remedy="See its log (log/checker.log) for what it was checking: that may have been made to break it.",
        code="check-broken",
    )


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("checker", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
