"""Curators' decisions: each is done with its line in the audit trail, or refused with a reason and without effect."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner
from sqlmodel import col, update

from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.server.channels import releases
from farm.server.channels.channel_checks import AlreadyError, CurationError, NotInQuestionError
from farm.server.channels.excuses import Excuse
from farm.server.curation import approvals, approving, curation, holds, ordering, orders, reports
from farm.server.identities import identities
from farm.server.identities.access import Actor
from farm.server.tables.pipeline_states import OrderEnding
from farm.server.tables.release_rows import ReleaseRow
from farm.trust.attestation.approval import ApprovalError, approval_statement
from farm.trust.attestation.dsse import InvalidEnvelopeError, sign_statement
from tests.farms.stocked import SAMPLES, StockedFarm, taken_from
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.server.tables.records import Package
    from farm.server.tables.session import Database
    from farm.server.transaction.unit_of_work import UnitOfWork

CHAIN = SAMPLES[:1] + SAMPLES[5:7]  # glibc, oniguruma, jq
ALICE, BOB = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
CURATORS = {"curators": {"alice": ALICE.public_key.keyval["public"], "bob": BOB.public_key.keyval["public"]}}
ANN = Actor("token:ann", "192.0.2.1")
APPROVALS = {"gate": "approvals", "of": "curators", "count": 1}


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> Iterator[StockedFarm]:
    """Edge has released the chain; stable takes from edge, requires an approval, and has released nothing."""
    stocked = StockedFarm.open(database, tmp_path)
    application = stocked.application
    stocked.application = replace(application, inputs=replace(application.inputs, curators=CURATORS))
    stocked.release("edge", stocked.build_samples(CHAIN))
    stocked.channel("stable", ["proof", APPROVALS], origin="edge")
    yield stocked
    # Any decision of a test about a channel is found by that channel.
    events = look(stocked, lambda unit: [event for _, event in identities.audit_trail(unit.session, limit=500)])
    assert [
        event for event in events if re.search(r"\b(on|channel) (edge|stable)", event.subject) and not event.channel
    ] == []


def act(farm: StockedFarm, what: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with farm.application.writing() as unit:
        return what(unit, ANN, *arguments, **options)


def refused(farm: StockedFarm, what: Callable[..., Any], *arguments: Any, **options: Any) -> str:
    """An act is refused, and leaves nothing behind, not even in the audit trail."""
    before = trail(farm)
    with pytest.raises(CurationError) as caught:
        act(farm, what, *arguments, **options)
    assert trail(farm) == before
    return f"{caught.value.message} {caught.value.remedy}".strip()


def trail(farm: StockedFarm) -> list[tuple[str, str, str, str]]:
    with farm.application.reading() as unit:
        found = [event for _, event in identities.audit_trail(unit.session)]
    return [(event.actor, event.action, event.subject, event.detail) for event in reversed(found)]


def look(farm: StockedFarm, what: Callable[[UnitOfWork], Any]) -> Any:
    with farm.application.reading() as unit:
        return what(unit)


def package(farm: StockedFarm, name: str) -> Package:
    found: list[approving.PendingApproval] = look(farm, lambda unit: approving.in_question(unit, "stable"))
    return next(pending.package for pending in found if pending.package.name == name)


def envelope(farm: StockedFarm, name: str, signer: CryptoSigner = ALICE, *, channel: str = "stable") -> bytes:
    descriptor = look(farm, lambda unit: Descriptor.from_json(unit.blobs.read(package(farm, name).digest)))
    curator = "alice" if signer is ALICE else "bob"
    return sign_statement(approval_statement(descriptor, channel=channel, curator=curator), signer)


def test_a_frozen_channel_says_why_and_thaws_by_itself_or_by_hand(farm: StockedFarm) -> None:
    act(farm, curation.freeze, "edge", why=" a bad libc ", until=farm.clock.now + timedelta(hours=1))
    frozen = look(farm, lambda unit: releases.frozen(unit.session, "edge", now=unit.now))
    assert (frozen.why, frozen.by) == ("a bad libc", "token:ann")
    message = refused(farm, curation.freeze, "edge", why="for an hour")
    assert message.startswith(
        f"edge is frozen until {frozen.until:%Y-%m-%d %H:%M} UTC by token:ann: a bad libc Put yours"
    )
    assert look(farm, lambda unit: releases.frozen(unit.session, "edge", now=unit.now)).why == "a bad libc"
    act(farm, curation.freeze, "edge", why="for good", replace=True)
    assert look(farm, lambda unit: releases.frozen(unit.session, "edge", now=unit.now)).until is None
    act(farm, curation.thaw, "edge")
    assert look(farm, lambda unit: releases.frozen(unit.session, "edge", now=unit.now)) is None
    assert trail(farm)[-1] == ("token:ann", "thaw", "channel edge", "")
    in_place = f"for good; in place of one until {frozen.until:%Y-%m-%d %H:%M} UTC by token:ann: a bad libc"
    assert trail(farm)[-2] == ("token:ann", "freeze", "channel edge", in_place)
    assert refused(farm, curation.thaw, "edge") == "edge is not frozen"
    act(farm, curation.freeze, "edge", why="briefly", until=farm.clock.now + timedelta(hours=1))
    farm.clock.passes(3600)
    refused(farm, curation.thaw, "edge")
    act(farm, curation.freeze, "edge", why="nothing is in the way of this one")


def test_a_package_may_be_told_by_its_full_name(farm: StockedFarm) -> None:
    full = "dist.example.org/jq"
    assert act(farm, curation.hold, "edge", full, why="x").package == "jq"
    act(farm, curation.lift, "edge", full)
    assert act(farm, curation.report, "edge", full, why="x").name == "jq"
    assert act(farm, ordering.promote, "stable", origin="edge", packages=[full, "jq"]).detail["packages"] == ["jq"]
    refused(farm, curation.hold, "edge", "other.example/jq", why="x")


def test_what_no_channel_can_be_told_is_refused(farm: StockedFarm) -> None:
    assert refused(farm, curation.freeze, "edeg", why="x") == "there is no channel 'edeg' Did you mean edge?"
    with refuses("not-found"):
        act(farm, curation.thaw, "x" * 5000)
    assert "no reason is given" in refused(farm, curation.freeze, "edge", why=" \n ")
    past = refused(farm, curation.freeze, "edge", why="x", until=farm.clock.now)
    assert past == f"{farm.clock.now:%Y-%m-%d %H:%M} UTC is past Name a time in the future."
    assert "no time zone" in refused(farm, curation.freeze, "edge", why="x", until=farm.clock.now.replace(tzinfo=None))


def test_a_package_is_held_by_name_and_lifted(farm: StockedFarm) -> None:
    act(farm, curation.hold, "edge", "jq", why="1.7.2 loses data", until=farm.clock.now + timedelta(days=3))
    (hold,) = look(farm, lambda unit: holds.open_holds(unit.session, "edge", now=unit.now))
    assert (hold.package, hold.reason, hold.held_by) == ("jq", "1.7.2 loses data", "token:ann")
    assert trail(farm)[-1][:3] == ("token:ann", "hold", "jq on edge")
    assert trail(farm)[-1][3].startswith("1.7.2 loses data (until 2026-11-27")
    assert refused(farm, curation.lift, "edge", "jqq") == "nobody holds jqq on edge Did you mean jq?"
    act(farm, curation.lift, "edge", "jq")
    assert look(farm, lambda unit: holds.open_holds(unit.session, "edge", now=unit.now)) == []
    assert "nobody holds jq" in refused(farm, curation.lift, "edge", "jq")
    assert refused(farm, curation.hold, "edge", "onigurama", why="x") == (
        "no recipe makes a package 'onigurama' Did you mean oniguruma or oniguruma-doc or oniguruma-debug?"
    )


def test_trouble_is_reported_with_the_build_that_the_channel_has_and_resolved_once(farm: StockedFarm) -> None:
    made = act(farm, curation.report, "edge", "jq", why="segfaults on []")
    assert (made.name, made.version) == ("jq", "1.7.1-1")
    assert trail(farm)[-1] == ("token:ann", "report", "jq 1.7.1-1 on edge", "segfaults on []")
    opened = look(farm, lambda unit: reports.open_reports(unit.session, "edge", [made.package]))
    assert [report.reason for report in opened[made.package]] == ["segfaults on []"]
    act(farm, curation.resolve, made.id)
    assert f"report {made.id} was resolved by token:ann" in refused(farm, curation.resolve, made.id)
    assert "there is no report 99" in refused(farm, curation.resolve, 99)
    assert refused(farm, curation.report, "edge", "jqq", why="x").startswith("edge release 1 holds no package 'jqq'")
    assert refused(farm, curation.report, "stable", "jq", why="x").startswith("stable has no release yet")


def test_packages_are_approved_by_those_who_sign_for_them(farm: StockedFarm) -> None:
    waiting = look(farm, lambda unit: approving.in_question(unit, "stable"))
    assert [(pending.package.name, pending.enough) for pending in waiting] == [
        ("glibc", False), ("jq", False), ("oniguruma", False)
    ]  # fmt: skip
    taken = act(farm, approving.approve, "stable", [envelope(farm, "jq"), envelope(farm, "glibc", BOB)])
    assert [approval.curator for approval in taken] == ["alice", "bob"]
    waiting = look(farm, lambda unit: approving.in_question(unit, "stable"))
    assert [(pending.package.name, pending.approved_by, pending.enough) for pending in waiting] == [
        ("glibc", ("bob",), True), ("jq", ("alice",), True), ("oniguruma", (), False)
    ]  # fmt: skip
    assert trail(farm)[-1][:3] == ("token:ann", "approve", "dist.example.org/glibc 2.41-1 on stable")
    assert "signed by bob" in trail(farm)[-1][3]


def test_an_approval_is_taken_back_and_counts_no_more_until_it_is_given_again(farm: StockedFarm) -> None:
    signed = envelope(farm, "jq")
    act(farm, approving.approve, "stable", [signed, envelope(farm, "jq", BOB), envelope(farm, "glibc")])
    taken = act(farm, approving.withdraw, "stable", "alice", ["jq"], why="it loses data")
    assert (taken.packages, taken.released) == ({package(farm, "jq").digest: "jq 1.7.1-1"}, ())
    approved = {
        pending.package.name: pending.approved_by
        for pending in look(farm, lambda d: approving.in_question(d, "stable"))
    }
    assert approved == {"glibc": ("alice",), "jq": ("bob",), "oniguruma": ()}
    actor, action, subject, detail = trail(farm)[-1]
    assert (actor, action, subject) == ("token:ann", "withdraw-approval", "jq 1.7.1-1 on stable")
    assert detail.startswith("signed by alice; sha256:")
    assert detail.endswith("; it loses data")
    act(farm, approving.approve, "stable", [signed])
    waiting = look(farm, lambda unit: approving.in_question(unit, "stable"))
    assert [pending.approved_by for pending in waiting if pending.package.name == "jq"] == [("alice", "bob")]


def test_of_several_withdrawals_one_that_cannot_be_spoils_all(farm: StockedFarm) -> None:
    act(farm, approving.approve, "stable", [envelope(farm, "jq")])
    message = refused(farm, approving.withdraw, "stable", "alice", ["jq", "glibc"])
    assert message == "alice has approved no glibc on stable There is jq."
    assert "bob has approved no jq" in refused(farm, approving.withdraw, "stable", "bob", ["jq"])
    assert "requires no approvals" in refused(farm, approving.withdraw, "edge", "alice", ["jq"])
    waiting = look(farm, lambda unit: approving.in_question(unit, "stable"))
    assert [pending.approved_by for pending in waiting] == [(), ("alice",), ()]


@pytest.mark.parametrize("signed", [True, False])
def test_to_take_an_approval_back_has_no_effect_once_the_release_is_recorded_and_says_so(
    farm: StockedFarm, signed: bool
) -> None:
    jq = package(farm, "jq")
    act(farm, approving.approve, "stable", [envelope(farm, "jq")])
    farm.release("stable", [jq], source=taken_from("edge", 1))
    if not signed:  # the signer is working on it, and nothing holds it up any more
        with farm.application.writing() as unit:
            unit.session.exec(update(ReleaseRow).where(col(ReleaseRow.channel) == "stable").values(published_at=None))
    message = refused(farm, approving.withdraw, "stable", "alice", ["jq"])
    assert message.startswith("jq is in a release of stable: withdrawing the approval of alice has no effect any more")
    with farm.application.reading() as unit:
        assert [
            approval.curator for approval in approvals.approvals_of(unit.session, "stable", [jq.digest])[jq.digest]
        ] == ["alice"]


def test_a_package_that_goes_is_approved_as_one_that_goes(farm: StockedFarm) -> None:
    there = [pending.package for pending in look(farm, lambda unit: approving.in_question(unit, "stable"))]
    farm.release("stable", there, source=taken_from("edge", 1))
    farm.release("edge", [member for member in there if member.name != "jq"])
    (waiting,) = look(farm, lambda unit: approving.in_question(unit, "stable"))
    assert (waiting.package.name, waiting.removed, waiting.enough) == ("jq", True, False)
    descriptor = Descriptor.from_json(look(farm, lambda unit: unit.blobs.read(waiting.package.digest)))
    comes, goes = (
        sign_statement(approval_statement(descriptor, channel="stable", curator="alice", removed=removed), ALICE)
        for removed in (False, True)
    )
    assert "is not a pending addition to stable" in refused(farm, approving.approve, "stable", [comes])
    act(farm, approving.approve, "stable", [goes])
    assert trail(farm)[-1][:3] == ("token:ann", "approve-removal", "dist.example.org/jq 1.7.1-1 on stable")
    (waiting,) = look(farm, lambda unit: approving.in_question(unit, "stable"))
    assert (waiting.approved_by, waiting.enough) == (("alice",), True)
    assert len(act(farm, approving.withdraw, "stable", "alice", ["jq"]).packages) == 1
    (waiting,) = look(farm, lambda unit: approving.in_question(unit, "stable"))
    assert waiting.approved_by == ()


def test_who_has_left_the_group_has_approved_nothing(farm: StockedFarm) -> None:
    act(farm, approving.approve, "stable", [envelope(farm, "jq")])
    world = replace(farm.application.inputs, curators={"curators": {"bob": CURATORS["curators"]["bob"]}})
    farm.application = replace(farm.application, inputs=world)
    waiting = look(farm, lambda unit: approving.in_question(unit, "stable"))
    assert [pending.enough for pending in waiting] == [False, False, False]


def test_of_several_approvals_one_bad_one_spoils_all(farm: StockedFarm) -> None:
    good = envelope(farm, "jq")
    other = envelope(farm, "glibc", channel="edge")
    assert "alice signed for edge, not for stable" in refused(farm, approving.approve, "stable", [good, other])
    old = replace(Descriptor.from_json(look(farm, lambda d: d.blobs.read(package(farm, "jq").digest))), revision=9)
    strange = sign_statement(approval_statement(old, channel="stable", curator="alice"), ALICE)
    assert "is not a pending addition to stable" in refused(farm, approving.approve, "stable", [good, strange])
    forged = sign_statement(approval_statement(old, channel="stable", curator="alice"), BOB)
    for bad, error in ((forged, ApprovalError), (b"{}", InvalidEnvelopeError)):
        with pytest.raises(error):
            act(farm, approving.approve, "stable", [good, bad])
    assert [pending.approved_by for pending in look(farm, lambda d: approving.in_question(d, "stable"))] == [(), (), ()]
    assert "requires no approvals" in refused(farm, approving.approve, "edge", [good])


def test_an_approved_package_that_was_released_is_no_longer_in_question(farm: StockedFarm) -> None:
    signed = envelope(farm, "jq")
    farm.release("stable", [package(farm, "jq")], source=taken_from("edge", 1))
    assert "is not a pending addition to stable" in refused(farm, approving.approve, "stable", [signed])


def test_a_rollback_that_would_change_what_is_held_is_refused_and_says_who_holds_it(farm: StockedFarm) -> None:
    there = [pending.package for pending in look(farm, lambda unit: approving.in_question(unit, "stable"))]
    farm.release("edge", [member for member in there if member.name != "jq"])
    act(farm, curation.hold, "edge", "glibc", why="another")  # both releases have the same glibc
    act(farm, curation.hold, "edge", "jq", why="it loses data")
    assert refused(farm, ordering.rollback, "edge", 1, why="x") == (
        "going back to release 1 would change what is held: token:ann holds jq on edge: it loses data "
        "`farm channel hold edge jq --lift` lets it go on; then order it again."
    )
    act(farm, curation.lift, "edge", "jq")
    assert act(farm, ordering.rollback, "edge", 1, why="x").kind == "rollback"


def test_an_order_that_is_not_done_is_taken_back(farm: StockedFarm) -> None:
    order = act(farm, ordering.promote, "stable", origin="edge", why="the fair")
    message = refused(farm, ordering.withdraw_order, "edge", order.id, why="x")
    assert message == f"edge has no order {order.id} See `farm channel order list edge`."
    assert "no reason is given" in refused(farm, ordering.withdraw_order, "stable", order.id, why=" ")
    done = act(farm, ordering.withdraw_order, "stable", order.id, why="it is over")
    assert (done.outcome, done.done_at) == ("withdrawn by token:ann: it is over", farm.clock.now)
    assert trail(farm)[-1] == (
        "token:ann", "withdraw-order", f"channel stable, order {order.id}",
        "promote everything from edge release 1: it is over",
    )  # fmt: skip
    assert look(farm, lambda unit: orders.open_orders(unit.session, "stable")) == []
    message = refused(farm, ordering.withdraw_order, "stable", order.id, why="x")
    assert message == f"order {order.id} is done: withdrawn by token:ann: it is over"


def test_an_order_whose_release_is_with_the_signer_is_not_taken_back(farm: StockedFarm) -> None:
    order = act(farm, ordering.promote, "stable", origin="edge")
    jq = package(farm, "jq")
    farm.release("stable", [jq], source=taken_from("edge", 1))
    with farm.application.writing() as unit:
        newest = releases.newest_release(unit.session, "stable")
        assert newest is not None
        assert newest.candidate_id is not None
        orders.take_order(unit.session, order.id, candidate_id=newest.candidate_id)
        unit.session.exec(update(ReleaseRow).where(col(ReleaseRow.channel) == "stable").values(published_at=None))
    message = refused(farm, ordering.withdraw_order, "stable", order.id, why="x")
    assert message.startswith(f"release 1, which order {order.id} asks for, is with the signer")


def test_a_promotion_names_the_release_that_it_takes_from(farm: StockedFarm) -> None:
    order = act(farm, ordering.promote, "stable", origin="edge", packages=["jq", "glibc", "jq"])
    assert dict(order.detail) == {"from": "edge", "number": 1, "packages": ["glibc", "jq"]}
    assert order.summary == "promote glibc, jq from edge release 1"
    assert trail(farm)[-1] == ("token:ann", "promote", f"channel stable, order {order.id}", order.summary)
    again = refused(farm, ordering.promote, "stable", origin="edge", packages=["jq", "glibc"])
    assert again == f"order {order.id} of token:ann asks for the same and is not done yet"
    act(farm, ordering.promote, "stable", origin="edge")
    with farm.application.writing() as unit:
        orders.finish_order(
            unit.session, order.id, candidate_id=None, ending=OrderEnding.RELEASED, outcome="done", now=unit.now
        )
        assert orders.open_order(unit.session, "stable").id == order.id + 1  # type: ignore[union-attr]
        assert [listed.outcome for listed in orders.orders(unit.session, "stable", 9)] == ["", "done"]


def test_a_promotion_that_can_be_none_is_refused(farm: StockedFarm) -> None:
    assert refused(farm, ordering.promote, "edge", origin="stable").startswith("edge takes fresh builds")
    farm.channel("testing", origin="edge")
    assert refused(farm, ordering.promote, "stable", origin="testing") == (
        "stable takes packages from edge, not packages from testing Promote from edge."
    )
    assert "there is no channel 'nope'" in refused(farm, ordering.promote, "stable", origin="nope")
    assert "holds no package 'jqq'" in refused(farm, ordering.promote, "stable", origin="edge", packages=["jqq"])
    farm.release("stable", [package(farm, "jq")], source=taken_from("edge", 1))
    assert "stable release 1 holds jq of edge release 1 already" in refused(
        farm, ordering.promote, "stable", origin="edge", packages=["jq"]
    )


def test_one_goes_back_to_a_release_that_was_published_and_differs(farm: StockedFarm) -> None:
    members = [farm.build(replace(CHAIN[1], revision=2))]
    farm.release("edge", members)
    order = act(farm, ordering.rollback, "edge", 1, why="oniguruma -2 is broken")
    assert dict(order.detail) == {"number": 1}
    assert trail(farm)[-1][3] == "go back to release 1: oniguruma -2 is broken"
    assert "release 2 is the newest of edge" in refused(farm, ordering.rollback, "edge", 2, why="x")
    assert refused(farm, ordering.rollback, "edge", 9, why="x") == (
        "edge has no release 9 See `farm release list edge`."
    )
    assert "no reason is given" in refused(farm, ordering.rollback, "edge", 1, why="")
    assert refused(farm, ordering.rollback, "stable", 1, why="x").startswith("stable has no release yet")
    farm.release("edge", members)  # nothing changes
    assert "holds what release 2 does" in refused(farm, ordering.rollback, "edge", 2, why="x")


def test_only_a_signed_release_can_be_gone_back_to(farm: StockedFarm) -> None:
    with farm.application.writing() as unit:
        releases.add_release(
            unit.session, channel="edge", number=2, candidate_id=None, digest=Digest.of(b"2"), previous=None,
            set_digest=Digest.of(b"s"), packages=0, changes={"jq": None}, needs={}, trace="", now=unit.now,
        )  # fmt: skip
    assert "edge release 2 is not signed yet" in refused(farm, ordering.rollback, "edge", 2, why="x")


def test_what_is_held_back_is_looked_at_again(farm: StockedFarm) -> None:
    assert refused(farm, ordering.retry, "edge").startswith("nothing is held back on edge")
    candidate = farm.candidate("edge", [])
    farm.hold_back(candidate, Excuse(package="jq", gate="tests", reason="a test failed"))
    assert dict(act(farm, ordering.retry, "edge", packages=["jq"]).detail) == {"packages": ["jq"]}
    assert dict(act(farm, ordering.retry, "edge").detail) == {"packages": []}
    with pytest.raises(AlreadyError):
        act(farm, ordering.retry, "edge")
    with pytest.raises(NotInQuestionError, match="glibc is not held back"):
        act(farm, ordering.retry, "edge", packages=["glibc"])
