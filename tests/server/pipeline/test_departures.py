"""Removals from a channel pass the gates as additions do: holds, soak and approvals apply to them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.package.descriptor import Descriptor
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.gates.soak import SoakGate
from farm.server.channels import candidates, releases
from farm.server.curation import approvals, holds, orders, reports
from farm.server.curation.approvals import Approval
from farm.server.curation.ordering import withdraw_order
from farm.server.identities.access import Actor
from farm.server.pipeline.gates.policy_gates import Approvals
from farm.server.pipeline.gates.soak import Soak
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.dsse import sign_statement
from tests.farms.small import recipe
from tests.farms.two_channels import TwoChannels, order, pipeline

if TYPE_CHECKING:
    from tests.farms.releasing import ReleasingFarm

ALICE = CryptoSigner.generate_ed25519()
GROUP = {"alice": str(ALICE.public_key.keyval["public"])}
HOUR = timedelta(hours=1)


@pytest.fixture
def channels(releasing: ReleasingFarm) -> TwoChannels:
    """Edge has released bb, then aa in addition, and rolled back to bb; stable has both, and may remove aa."""
    two = TwoChannels.open(releasing)
    releasing.submit(recipe("bb"))
    releasing.settle()
    releasing.submit(recipe("aa"))
    two.settle()
    assert two.holds() == {"aa", "bb"}
    two.roll_back("edge", 1)
    releasing.settle()
    assert two.holds("edge") == {"bb"}
    return two


def hold(channels: TwoChannels, name: str, channel: str = "stable") -> None:
    with channels.edge.application.writing() as unit:
        holds.add_hold(unit.session, channel, name, reason="the fair needs it", held_by="bob", now=unit.now)


def test_what_goes_from_the_source_goes_where_no_gate_has_a_say(channels: TwoChannels) -> None:
    channels.settle()
    assert channels.holds() == {"bb"}


def test_a_package_that_is_held_stays_though_its_source_has_it_no_more(channels: TwoChannels) -> None:
    hold(channels, "aa")
    assert channels.settle() == "refused"
    assert channels.holds() == {"aa", "bb"}
    excuse = channels.excuses()["aa"]
    assert (excuse.gate, excuse.digest) == ("hold", None)
    assert excuse.reason == "bob holds it on stable, so it is not removed: the fair needs it"
    assert excuse.remedy == "Ask bob; `farm channel hold stable aa --lift` lets it be removed."
    assert excuse.owner == "token:me"
    with channels.edge.application.writing() as unit:
        holds.lift_hold(unit.session, "stable", "aa", lifted_by="bob", now=unit.now)
    channels.settle()
    assert channels.holds() == {"bb"}
    assert channels.excuses() == {}


def test_what_a_departure_keeps_back_does_not_keep_others(channels: TwoChannels) -> None:
    hold(channels, "aa")
    channels.edge.submit(recipe("cc"))
    channels.settle()
    assert channels.holds() == {"aa", "bb", "cc"}
    assert set(channels.excuses()) == {"aa"}


def test_a_departure_soaks_from_the_release_that_is_without_the_package(channels: TwoChannels) -> None:
    channels.stable = pipeline(channels.edge, Soak(SoakGate(HOUR), "edge"))
    channels.edge.clock.passes(60)
    channels.settle()
    assert channels.holds() == {"aa", "bb"}
    excuse = channels.excuses()["aa"]
    assert excuse.gate == "soak"
    assert excuse.reason == "edge has been without it since 2026-11-24 12:00 UTC, and its removal soaks for 1h"
    assert excuse.until is not None
    channels.edge.clock.passes(3540)
    channels.settle()
    assert channels.holds() == {"bb"}


def test_a_departure_waits_for_signatures_that_say_that_it_goes(channels: TwoChannels) -> None:
    channels.stable = pipeline(channels.edge, Approvals(ApprovalsGate("curators", 1), GROUP))
    sign(channels, "aa", removed=False)  # its addition was approved long ago
    channels.settle()
    assert channels.holds() == {"aa", "bb"}
    excuse = channels.excuses()["aa"]
    assert (excuse.gate, excuse.reason) == ("approvals", "0 of 1 have approved its removal")
    assert excuse.remedy == "Let alice sign: `farm approve stable aa`."
    sign(channels, "aa", removed=True)
    channels.settle()
    assert channels.holds() == {"bb"}


def sign(channels: TwoChannels, name: str, *, removed: bool) -> None:
    """Store alice's approval for a package that stable has."""
    with channels.edge.application.writing() as unit:
        newest = releases.newest_release(unit.session, "stable")
        assert newest is not None
        digest = releases.release_set(unit.session, "stable", newest.number)[name]
        descriptor = Descriptor.from_json(unit.blobs.read(digest))
        statement = approval_statement(descriptor, channel="stable", curator="alice", removed=removed)
        said = Approval(
            channel="stable",
            package=digest,
            curator="alice",
            envelope=sign_statement(statement, ALICE).decode(),
            at=unit.now,
        )
        approvals.add_approval(unit.session, said)


def test_a_rollback_is_the_curators_own_act_and_waits_for_no_gate_but_a_hold(channels: TwoChannels) -> None:
    channels.settle()
    channels.stable = pipeline(
        channels.edge, Soak(SoakGate(HOUR), "edge"), Approvals(ApprovalsGate("curators", 1), GROUP)
    )
    channels.roll_back("stable", 1)
    channels.settle()
    assert channels.holds() == {"aa", "bb"}


def test_a_hold_that_came_after_the_order_ends_a_rollback_that_would_change_the_package(channels: TwoChannels) -> None:
    channels.settle()
    channels.roll_back("stable", 1)
    hold(channels, "aa")
    channels.settle()
    assert channels.holds() == {"bb"}
    with channels.edge.application.reading() as unit:
        (done,) = [
            listed_order for listed_order in orders.orders(unit.session, "stable") if listed_order.kind == "rollback"
        ]
    assert done.outcome == (
        "refused: bob holds aa on stable: the fair needs it; `farm channel hold stable aa --lift` lets it go on"
    )


def test_a_hold_is_seen_also_when_the_rollback_waits_already(channels: TwoChannels) -> None:
    channels.settle()
    application = channels.edge.application
    with application.writing() as unit:
        releases.freeze(unit.session, "stable", releases.Freeze(unit.now, "the fair", "bob", None))
    channels.roll_back("stable", 1)
    assert channels.stable.advance().state == "open"
    hold(channels, "aa")
    with application.writing() as unit:
        releases.freeze(unit.session, "stable", None)
    channels.settle()
    assert channels.holds() == {"bb"}
    with application.reading() as unit:
        latest = candidates.latest_candidate(unit.session, "stable")
        assert latest is not None
        assert (str(latest.source), latest.state) == ("rollback to release 1", "superseded")


def test_an_order_that_is_withdrawn_at_the_gates_moves_nothing_and_lets_others_on(channels: TwoChannels) -> None:
    channels.settle()
    application = channels.edge.application
    with application.writing() as unit:
        releases.freeze(unit.session, "stable", releases.Freeze(unit.now, "the fair", "bob", None))
    given = order(channels.edge, "rollback", {"number": 1}, channel="stable")
    assert channels.stable.advance().state == "open"
    with application.planning() as unit:
        withdraw_order(unit, Actor("token:ann", "192.0.2.1"), "stable", given.id, why="it is over")
    with application.writing() as unit:
        releases.freeze(unit.session, "stable", None)
    channels.edge.submit(recipe("cc"))
    channels.settle()
    assert channels.holds() == {"bb", "cc"}


def test_a_promotion_goes_past_the_soak_of_a_departure_but_not_past_a_hold(channels: TwoChannels) -> None:
    channels.stable = pipeline(channels.edge, Soak(SoakGate(HOUR), "edge"))
    hold(channels, "aa")
    order(channels.edge, "promote", {"from": "edge", "number": 3, "packages": []}, channel="stable")
    channels.settle()
    assert channels.holds() == {"aa", "bb"}
    with channels.edge.application.writing() as unit:
        holds.lift_hold(unit.session, "stable", "aa", lifted_by="bob", now=unit.now)
    order(channels.edge, "promote", {"from": "edge", "number": 3, "packages": []}, channel="stable")
    channels.settle()
    assert channels.holds() == {"bb"}


def test_nor_past_an_open_report(channels: TwoChannels) -> None:
    channels.stable = pipeline(channels.edge, Soak(SoakGate(HOUR), "edge"))
    channels.edge.submit(recipe("cc"), recipe("dd"))
    channels.edge.settle()
    with channels.edge.application.writing() as unit:
        now, package = unit.now, channels.edge.current()["cc"].digest
        made = reports.add_report(unit.session, "edge", package, reason="it hangs", reported_by="ann", now=now)
    promotion = {"from": "edge", "number": 4, "packages": ["cc", "dd"]}
    order(channels.edge, "promote", promotion, channel="stable")
    channels.settle()
    assert channels.holds() == {"aa", "bb", "dd"}
    assert channels.excuses()["cc"].gate == "soak"
    assert channels.excuses()["cc"].reason == "ann reported trouble with it on edge: it hangs"
    assert f"`farm channel report --resolve {made.id}`" in channels.excuses()["cc"].remedy
    with channels.edge.application.writing() as unit:
        reports.resolve_report(unit.session, made.id, resolved_by="alice", now=unit.now)
    order(channels.edge, "promote", promotion, channel="stable")
    channels.settle()
    assert channels.holds() == {"aa", "bb", "cc", "dd"}
