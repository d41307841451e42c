"""The readiness probe: whether database and disks can be written."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from farm.errors import FarmError
from farm.store.disk_space import DiskTroubleError, check_disks
from web.auth import ApplicationHere

if TYPE_CHECKING:
    from farm.server.transaction.unit_of_work import Application

router = APIRouter(prefix="/api/v1/ready", tags=["operators"])

_LOG = logging.getLogger("farm.web")
_KEPT_SECONDS = 2.0


class Readiness:
    """Checks at most every two seconds, however often it is called: a call needs no token."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._good_until = 0.0
        self._trouble: FarmError | None = None

    def check(self, application: Application) -> None:
        """Raise `FarmError` (`not-ready`) if database or disks cannot be written."""
        with self._turn:
            if time.monotonic() >= self._good_until:
                self._trouble = _look(application)
                self._good_until = time.monotonic() + _KEPT_SECONDS
            trouble = self._trouble
        if trouble is not None:
            raise FarmError(trouble.message, remedy=trouble.remedy, code="not-ready")


@router.get("")
def ready(request: Request, application: ApplicationHere) -> dict[str, bool]:
    """Answer 200 if the farm can take work, 503 if it cannot."""
    request.app.state.readiness.check(application)
    return {"ready": True}


def _look(application: Application) -> FarmError | None:
    try:
        check_disks((application.blobs.incoming, application.logs.root))
        with application.writing() as unit:
            unit.session.connection().execute(text("SELECT 1"))
    except (DiskTroubleError, SQLAlchemyError) as error:
        # The paths are only in the operator's log, not in the answer.
        _LOG.error("not ready: %s", error)
        what = "a disk" if isinstance(error, DiskTroubleError) else "the database"
        return FarmError(
            f"{what} of this farm cannot be written to", remedy="See the log of the web process.", code="not-ready"
        )
    return None
