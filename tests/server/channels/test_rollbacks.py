"""What a rollback removed from a channel or kept, and which later orders let it move again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.server.channels import candidates, releases, rollbacks
from farm.server.channels.candidates import Source
from farm.server.curation import orders
from farm.server.tables.pipeline_states import CandidateOrigin, OrderEnding, OrderKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from farm.server.channels.differences import Differences
    from farm.server.curation.orders import Order
    from farm.server.tables.session import Database

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TLS, ZIP = "other.example/tls", "other.example/zip"
TLS_2, ZIP_2 = Digest.of(b"tls 2"), Digest.of(b"zip 2")


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as session:
        for channel in ("edge", "stable"):
            releases.ensure_channel(session, channel, "{}")
        yield session


def given(session: Session, kind: OrderKind, **detail: object) -> Order:
    return orders.add_order(session, "edge", kind, detail=detail, reason="it broke", ordered_by="ann", now=NOW)


def released(session: Session, number: int, changes: Differences, order: Order | None = None) -> None:
    """Release these changes as the next of edge, as the result of an order, if there is one."""
    origin = CandidateOrigin.ROLLBACK if order else CandidateOrigin.COLLECTED
    made = candidates.add_candidate(
        session, "edge", changes, base_number=number - 1, source=Source(origin, "edge", 1), now=NOW
    )
    if order:
        orders.take_order(session, order.id, candidate_id=made.id)
    releases.add_release(
        session,
        channel="edge",
        number=number,
        candidate_id=made.id,
        digest=Digest.of(b"release %d" % number),
        set_digest=made.set_digest,
        previous=None,
        packages=0,
        changes={},
        needs={},
        trace="t",
        now=NOW,
    )


def test_of_another_distribution_just_what_a_rollback_took_out_stays_out(session: Session) -> None:
    released(session, 1, {ZIP: (ZIP_2, None)})
    released(session, 2, {TLS: (TLS_2, None)}, given(session, OrderKind.ROLLBACK, number=1))
    found = rollbacks.kept_out(session, "edge", [TLS_2, ZIP_2])
    assert found.keys() == {TLS_2}
    assert (found[TLS_2].release, found[TLS_2].reason, found[TLS_2].action) == (2, "it broke", "took it out")
    assert rollbacks.kept_out(session, "stable", [TLS_2]) == {}
    assert rollbacks.kept_out(session, "edge", []) == {}


def test_what_was_to_be_had_then_is_left_out_and_what_would_have_gone_is_kept(session: Session) -> None:
    order = given(session, OrderKind.ROLLBACK, number=1)
    rollbacks.leave_out(session, order.id, {TLS: (None, TLS_2), ZIP: (ZIP_2, None)})
    released(session, 2, {}, order)
    out, kept = (look(session, "edge", [TLS_2, ZIP_2]) for look in (rollbacks.kept_out, rollbacks.kept_in))
    assert {digest: record.action for digest, record in out.items()} == {TLS_2: "left it out"}
    assert {digest: record.action for digest, record in kept.items()} == {ZIP_2: "kept it"}


def test_of_several_rollbacks_the_newest_is_told(session: Session) -> None:
    for number in (2, 3):
        released(session, number, {TLS: (TLS_2, None)}, given(session, OrderKind.ROLLBACK, number=1))
    assert rollbacks.kept_out(session, "edge", [TLS_2])[TLS_2].release == 3


def test_what_was_both_left_out_and_taken_out_was_taken_out(session: Session) -> None:
    order = given(session, OrderKind.ROLLBACK, number=1)
    rollbacks.leave_out(session, order.id, {TLS: (None, TLS_2)})
    released(session, 2, {TLS: (TLS_2, None)}, order)
    assert rollbacks.kept_out(session, "edge", [TLS_2])[TLS_2].action == "took it out"


def test_only_what_is_ordered_afterwards_lets_it_move_and_only_what_that_names(session: Session) -> None:
    def allowed() -> list[bool]:
        found = rollbacks.kept_out(session, "edge", [TLS_2])[TLS_2]
        return [found.allows(name) for name in (TLS, ZIP)]

    given(session, OrderKind.RETRY, packages=[TLS])
    released(session, 2, {TLS: (TLS_2, None)}, given(session, OrderKind.ROLLBACK, number=1))
    assert allowed() == [False, False]
    withdrawn = given(session, OrderKind.RETRY, packages=[TLS])
    orders.finish_order(session, withdrawn.id, candidate_id=None, ending=OrderEnding.WITHDRAWN, outcome="no", now=NOW)
    given(session, OrderKind.ROLLBACK, number=1, packages=[TLS])
    given(session, OrderKind.RETRY, packages=[])
    assert allowed() == [False, False]
    given(session, OrderKind.RETRY, packages=["own"], along=[ZIP])
    assert allowed() == [False, True]
    given(session, OrderKind.PROMOTE, packages=[TLS])
    assert allowed() == [True, True]


def test_a_promotion_of_all_lets_everything_move(session: Session) -> None:
    released(session, 2, {TLS: (TLS_2, None)}, given(session, OrderKind.ROLLBACK, number=1))
    given(session, OrderKind.PROMOTE, packages=[])
    assert rollbacks.kept_out(session, "edge", [TLS_2])[TLS_2].allows("whatever")
