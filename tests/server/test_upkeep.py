"""The timers: messages are sent after the commit, sent again when lost, and unused rows are removed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from farm.core.plan.graph import MissingDependencyError
from farm.server.identities import identities
from farm.server.tables import outbox
from farm.server.tables.records import AuditEvent
from farm.server.upkeep import dispatch, forget, notify_again
from tests.farms.small import SmallFarm, recipe

if TYPE_CHECKING:
    from farm.server.tables.records import OutboxMessage


def _drop(ring: OutboxMessage) -> None:
    """A broker that accepts everything."""


def test_a_ready_job_rings_once_it_is_committed(farm: SmallFarm) -> None:
    job = farm.submit(recipe("a")).accepted[0].job
    sent: list[OutboxMessage] = []
    assert dispatch(farm.application, sent.append) == 1
    assert [(ring.task, ring.job_id) for ring in sent] == [("farm.build.wake", job.id)]
    assert dispatch(farm.application, sent.append) == 0


def test_a_refused_submission_rings_nobody(farm: SmallFarm) -> None:
    with pytest.raises(MissingDependencyError, match="nowhere"):
        farm.submit(recipe("a", needs=("nowhere",)), recipe("b"))
    assert dispatch(farm.application, _drop) == 0


def test_what_a_broken_broker_did_not_take_is_sent_later(farm: SmallFarm) -> None:
    farm.submit(recipe("a"), recipe("b"), recipe("c"))
    sent: list[int] = []

    def send(ring: OutboxMessage) -> None:
        if len(sent) == 1:
            raise ConnectionError
        sent.append(ring.id)

    with pytest.raises(ConnectionError):
        dispatch(farm.application, send)
    assert dispatch(farm.application, lambda ring: sent.append(ring.id)) == 2
    assert len(set(sent)) == 3


def test_a_job_that_stays_ready_is_rung_for_again(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    dispatch(farm.application, _drop)
    assert notify_again(farm.application) == 0
    farm.clock.passes(31)
    assert notify_again(farm.application) == 1
    assert dispatch(farm.application, _drop) == 1
    farm.clock.passes(31)
    farm.claim()
    assert notify_again(farm.application) == 0


def test_old_nonces_and_messages_are_forgotten(farm: SmallFarm) -> None:
    farm.submit(recipe("a"))
    dispatch(farm.application, _drop)
    with farm.application.writing() as unit:
        assert identities.use_nonce(unit.session, worker="one", nonce="n", expires_at=unit.now)
        assert not identities.use_nonce(unit.session, worker="one", nonce="n", expires_at=unit.now)
        assert identities.use_nonce(unit.session, worker="two", nonce="n", expires_at=unit.now)
    farm.clock.passes(2 * 24 * 3600)
    forget(farm.application)
    with farm.application.writing() as unit:
        assert identities.use_nonce(unit.session, worker="one", nonce="n", expires_at=unit.now)
        assert outbox.forget_sent(unit.session, before=unit.now) == 0


def test_what_strangers_were_refused_goes_after_a_month_and_all_else_stays(farm: SmallFarm) -> None:
    with farm.application.writing() as unit:
        for days in (29, 31):
            for actor, allowed in (("", False), ("", True), ("token:ann", False)):
                at, subject = unit.now - timedelta(days=days), f"{days} {actor} {allowed}"
                line = AuditEvent(at=at, actor=actor, action="GET /", subject=subject, allowed=allowed)
                identities.add_audit(unit.session, line)
    forget(farm.application)
    with farm.application.reading() as unit:
        left = {event.subject for _, event in identities.audit_trail(unit.session) if event.action == "GET /"}
    assert left == {"29  False", *(f"{days} {who}" for days in (29, 31) for who in (" True", "token:ann False"))}
