"""Has prepared previews signed, apart from the rounds of a channel: a slow signer delays no round."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.server.pipeline.repository.signer_client import SignerUnreachableError

if TYPE_CHECKING:
    from collections.abc import Collection

    from farm.server.pipeline.publishing.preview_publication import PreviewPublication
    from farm.server.previews.previews import Preview
    from farm.trust.index.release_index import Release

_LOG = logging.getLogger("farm.server.pipeline")


class PreviewSigning:
    """The previews of one channel that wait for the signer. The rounds add them in one thread, another one signs.

    Nothing is lost with the process: what is not signed is prepared again.
    """

    def __init__(self, publication: PreviewPublication) -> None:
        self._publication = publication
        self._waiting: dict[int, tuple[Preview, Release]] = {}
        self._logged: dict[int, str] = {}
        self._refused: set[int] = set()
        self._lock = threading.Lock()

    def add(self, preview: Preview, release: Release) -> None:
        """Let a prepared preview wait, in place of what was prepared of it before."""
        with self._lock:
            self._waiting[preview.number] = preview, release

    def keep_only(self, numbers: Collection[int]) -> None:
        """Forget previews that are no longer open."""
        with self._lock:
            self._waiting = {number: waiting for number, waiting in self._waiting.items() if number in numbers}

    def take_refused(self) -> set[int]:
        """Return the previews that could not be signed as they were prepared, since this was last called."""
        with self._lock:
            refused, self._refused = self._refused, set()
        return refused

    def sign(self) -> None:
        """Have the waiting previews signed, and record them. An error of one is logged once, and the others go on.

        While the signer cannot be reached, all wait. After another error a preview has to be prepared again.
        """
        with self._lock:
            waiting = dict(self._waiting)
        for number, prepared in waiting.items():
            try:
                self._publication.publish(*prepared)
            except SignerUnreachableError as error:
                self._log(number, error)
                return  # it would keep each of the others waiting too
            except Exception as error:  # noqa: BLE001  # the others go on
                self._log(number, error)
                self._forget(number, prepared)
                with self._lock:
                    self._refused.add(number)
            else:
                self._logged.pop(number, None)
                self._forget(number, prepared)

    def _forget(self, number: int, prepared: tuple[Preview, Release]) -> None:
        with self._lock:
            if self._waiting.get(number) == prepared:  # else, a newer one waits
                del self._waiting[number]

    def _log(self, number: int, error: Exception) -> None:
        if self._logged.get(number) != str(error):
            if isinstance(error, FarmError):
                state = "waits for the signer" if isinstance(error, SignerUnreachableError) else "is not signed"
                _LOG.error("preview %d %s: %s. %s", number, state, error.message, error.remedy)
            else:
                _LOG.error("preview %d is not signed, after an unexpected error", number, exc_info=error)
        self._logged[number] = str(error)
