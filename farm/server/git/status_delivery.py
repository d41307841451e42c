"""Delivers commit statuses to forges: each state once, retried with growing pauses, and given up at last.

If the process is killed between sending and recording, the forge is asked what it has before anything is sent again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

from farm.errors import FarmError
from farm.server.git import statuses
from farm.server.git.forge import CommitStatus, ForgeApi, ForgeBusyError
from farm.server.git.repositories import pause, status_sender
from farm.server.transaction.text import truncate_text
from farm.store.http.exchange import NoAnswerError

if TYPE_CHECKING:
    from farm.server.git.forge import StatusState
    from farm.server.git.statuses import StatusRecord
    from farm.server.transaction.unit_of_work import Application
    from farm.store.http.exchange import ExchangePolicy

_MESSAGES = 100
_AT_ONCE = 4
_LONGEST_TROUBLE = 500


def deliver_statuses(application: Application, policy: ExchangePolicy) -> int:
    """Send the statuses that are due, those of several repositories at once; return how many were delivered."""
    with application.reading() as unit:
        keys = statuses.due(unit.session, now=unit.now, limit=_MESSAGES)
    by_repository: dict[str, list[tuple[str, str, str]]] = {}
    for key in keys:
        by_repository.setdefault(key[0], []).append(key)
    if not by_repository:
        return 0
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="status") as senders:
        return sum(senders.map(lambda some: _deliver_to(application, some, policy), by_repository.values()))


def _deliver_to(application: Application, keys: list[tuple[str, str, str]], policy: ExchangePolicy) -> int:
    """Send statuses to one forge until one fails; return how many it took."""
    for delivered, key in enumerate(keys):
        with application.writing() as unit:
            known = status_sender(unit.session, key[0])
            found = statuses.reserve(unit, key) if known is not None else None
        if known is None or found is None:
            continue
        try:
            _send(ForgeApi(known, policy), found)
        except ForgeBusyError as error:
            with application.writing() as unit:
                until = unit.now + error.pause
                pause(unit, known.name, until)
                statuses.set_deferred(unit, found, until)
            return delivered
        except FarmError as error:
            trouble = truncate_text(error.in_a_line, longest=_LONGEST_TROUBLE)
            unsure = isinstance(error, NoAnswerError)  # the forge may have it nevertheless
            with application.writing() as unit:
                statuses.set_unsent(unit, found, trouble, unsure=unsure)
            return delivered
        with application.writing() as unit:
            statuses.set_sent(unit, found)
    return len(keys)


def _send(forge: ForgeApi, record: StatusRecord) -> None:
    state = cast("StatusState", record.state)
    status = CommitStatus(record.commit, record.context, state, record.description, record.target)
    if not (record.unsure and forge.has_status(status)):
        forge.set_status(status)
