"""Reports and orders on their way to the signer's ledger: none is lost, and a failed delivery is reported once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.server.curation import curation, reports, signed_orders
from farm.server.identities.access import Actor
from farm.server.pipeline.candidates.status import channel_status
from farm.server.pipeline.repository.order_delivery import OrderDelivery
from farm.server.pipeline.repository.signer_client import SignerRefusedError
from farm.signing.entries import OrderTaken, ReportOpened
from farm.signing.ledger import Ledger
from farm.signing.order_effects import check_effect
from farm.signing.reports import take_report
from farm.trust.attestation.curator_order import NO_RELEASE, Act, CuratorOrder, kept_order, order_statement
from farm.trust.attestation.dsse import sign_statement
from tests.farms.stocked import SAMPLES, StockedFarm

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.curation.reports import Report
    from farm.server.pipeline.candidates.status import ChannelStatus
    from farm.server.tables.session import Database
    from farm.server.transaction.unit_of_work import UnitOfWork

ANN = Actor("token:ann")
INVENTED = Digest.of(b"a package that there is not")


@dataclass
class Keeper:
    """The signer's ledger, called as the signer is, without a checker for orders."""

    ledger: Ledger

    def take_order(self, envelope: bytes) -> None:
        order = kept_order(envelope)
        try:
            check_effect(self.ledger.state(), order)
        except FarmError as error:
            raise SignerRefusedError(error.message, remedy=error.remedy, said=error.code) from error
        self.ledger.append(OrderTaken(envelope.decode()))

    def take_report(self, report: bytes) -> None:
        try:
            take_report(self.ledger, report, ["edge", "stable"])
        except FarmError as error:
            raise SignerRefusedError(error.message, remedy=error.remedy, said=error.code) from error


@dataclass
class Post:
    """A farm that has released jq on two channels, ann's key, and the delivery of reports and orders."""

    farm: StockedFarm
    keeper: Keeper
    delivery: OrderDelivery
    key: CryptoSigner

    def report(self, channel: str = "edge") -> Report:
        with self.farm.application.writing() as unit:
            return curation.report(unit, ANN, channel, "jq", why="it crashes")

    def close(self, report: Report) -> None:
        with self.farm.application.writing() as unit:
            curation.resolve(unit, ANN, report.id, envelope=self._closing(unit, report))

    def close_with_signer(self, report: Report) -> None:
        with self.farm.application.writing() as unit:
            envelope = self._closing(unit, report)
            curation.close_with_signer(unit, ANN, report.channel, report.id, report.package, envelope=envelope)

    def _closing(self, unit: UnitOfWork, report: Report) -> bytes:
        order = CuratorOrder(
            act=Act.CLOSE_REPORT,
            distribution=unit.inputs.distribution,
            channel=report.channel,
            base=NO_RELEASE,
            curator="ann",
            reason="",
            at=unit.now,
            expires=unit.now + timedelta(days=1),
            target=report.package,
            number=report.id,
        )
        return sign_statement(order_statement(order), self.key)

    def invent(self, number: int, channel: str = "edge") -> None:
        opened = ReportOpened(channel, number, INVENTED, "nothing 1.0-1", "it is ill")
        self.keeper.take_report(canonical_json(opened.to_dict()))

    def status(self, channel: str = "edge") -> ChannelStatus:
        with self.farm.application.reading() as unit:
            return channel_status(unit.session, channel, now=unit.now)

    def known(self, report: Report) -> bool:
        return (report.channel, report.id, report.package) in self.keeper.ledger.state().reports


@pytest.fixture
def post(database: Database, tmp_path: Path) -> Post:
    farm = StockedFarm.open(database, tmp_path, real_time=True)
    built = farm.build_samples(SAMPLES[:1] + SAMPLES[5:7])
    farm.release("edge", built)
    farm.channel("stable", ["proof"])
    farm.release("stable", built)
    key, keeper = CryptoSigner.generate_ed25519(), Keeper(Ledger(tmp_path / "ledger"))
    with farm.application.writing() as unit:
        signed_orders.set_who_orders(unit.session, {"ann": str(key.public_key.keyval["public"])})
    return Post(farm, keeper, OrderDelivery(farm.application, keeper), key)


def test_an_invented_report_of_its_number_keeps_no_honest_one_away(post: Post) -> None:
    post.invent(1)
    made = post.report()
    assert made.id == 1
    post.delivery.deliver()
    assert post.known(made)
    assert not post.status().reports_astray


def test_a_report_for_which_there_is_no_room_waits_and_that_is_said_once(
    post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("farm.signing.reports.MOST_REPORTS", 2)
    first = post.report()
    post.delivery.deliver()
    post.invent(500)
    waiting, elsewhere = [post.report(), post.report()], post.report("stable")
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            post.delivery.deliver()
    (said,) = caplog.messages
    assert "reports on edge wait: 2 reports are open on edge" in said
    assert post.known(elsewhere)
    assert [report.id for report in post.status().reports_astray] == [report.id for report in waiting]
    assert [report["package"] for report in post.status().to_dict()["reports-astray"]] == ["jq", "jq"]
    assert not post.status("stable").reports_astray
    post.close(first)
    post.delivery.deliver()
    post.delivery.deliver()
    assert post.known(waiting[0])
    assert [report.id for report in post.status().reports_astray] == [waiting[1].id]


def test_a_report_that_was_closed_before_the_signer_heard_of_it_is_closed_there(post: Post) -> None:
    made = post.report()
    post.close(made)
    post.delivery.deliver()
    kinds = [line.entry.kind for line in post.keeper.ledger.lines()]
    assert kinds == ["begun", "report", "order"]
    assert not post.known(made)
    assert not post.status().astray
    with post.farm.application.reading() as unit:
        known = reports.report(unit.session, made.id)
    assert known is not None
    assert known.resolved_by == "token:ann"


def test_closing_what_the_signer_has_not_open_is_told(post: Post) -> None:
    made = post.report()
    with post.farm.application.writing() as unit:
        signed_orders.record_report_delivery(unit.session, made.id, now=unit.now)  # to a ledger that was lost since
    post.close(made)
    post.delivery.deliver()
    (refused,) = post.status().astray
    assert f"no report {made.id} about {made.package} is open on edge with the signer" in refused.refused


def test_what_was_closed_already_is_told_of_no_longer_than_it_takes(post: Post) -> None:
    """A report that somebody else has closed at the signer: the order is refused, and nothing is left to do."""
    made = post.report()
    post.delivery.deliver()
    post.close(made)
    post.delivery.deliver()
    post.close_with_signer(made)
    post.delivery.deliver()
    with post.farm.application.reading() as unit:
        assert [order.refused for order in signed_orders.undelivered_or_refused(unit.session, "edge")] != []
    assert not post.status().astray


def test_a_report_from_before_anybody_could_close_it_with_the_signer_is_not_brought(post: Post) -> None:
    """Closed without a signature, it would stay open at the signer."""
    with post.farm.application.writing() as unit:
        people = signed_orders.who_orders(unit.session)
        signed_orders.set_who_orders(unit.session, None)
    closed, stays = post.report(), post.report()
    post.delivery.deliver()
    with post.farm.application.writing() as unit:
        curation.resolve(unit, ANN, closed.id)
        signed_orders.set_who_orders(unit.session, people)
    post.delivery.deliver()
    assert not post.known(closed)
    assert post.known(stays)
