"""Row 37: a holder of database and control omits orders, or uses one twice. The signer has its own memory.

The signer is its own process, called over its socket as control does it; the rows are those of a farm.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import delete

from farm.core.names.canonical_json import canonical_json
from farm.server.curation import curation, holds, signed_orders
from farm.server.identities.access import Actor
from farm.server.pipeline.repository.order_delivery import OrderDelivery
from farm.server.pipeline.repository.signer_client import SignerRefusedError, SignerUnreachableError
from farm.server.tables.curation_rows import HoldRow, SignedOrderRow
from farm.trust.attestation.curator_order import NO_RELEASE, Act, CuratorOrderError
from farm.trust.ceremony.drafting import RoleEdit, draft_root
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.key_files import load_key
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.checker.channel import Channel, opened_channel
from tests.checker.signer_process import running_signer
from tests.farms.stocked import SAMPLES, StockedFarm
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.pipeline.repository.signer_client import SignerClient
    from farm.server.tables.session import Database
    from tests.checker.built import Package

ANN = Actor("token:ann")
WHY = "1.7.2 loses data"


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    """A channel that has jq 2.0; 1.0 was built before it."""
    made = opened_channel(tmp_path, b"gates: [proof]\n", name="stable")
    made.name = "edge"
    made.sign(jq(made, "2.0"))
    return made


@pytest.fixture
def signer(edge: Channel) -> Iterator[SignerClient]:
    with running_signer(edge.public.parent, edge.public) as client:
        yield client


@pytest.fixture
def farm(edge: Channel, database: Database, tmp_path: Path) -> StockedFarm:
    """The rows of a farm that has released jq, and whose targets name `ann`."""
    stocked = StockedFarm.open(database, tmp_path / "farm", real_time=True)
    stocked.release("edge", stocked.build_samples([*SAMPLES[:1], *SAMPLES[5:7]]))
    with stocked.application.writing() as unit:
        signed_orders.set_who_orders(unit.session, {"ann": str(edge.operator.public_key.keyval["public"])})
    return stocked


def jq(channel: Channel, version: str) -> Package:
    return channel.builder.build(channel.builder.recipe("jq", version=version))


def hold(edge: Channel, farm: StockedFarm, envelope: bytes | None = None) -> None:
    given = edge.given(Act.HOLD, packages={"jq": None}, base=NO_RELEASE, reason=WHY)
    with farm.application.writing() as unit:
        curation.hold(unit, ANN, "edge", "jq", why=WHY, envelope=envelope or edge.signed(given))


def test_a_hold_whose_rows_are_deleted_holds(edge: Channel, signer: SignerClient, farm: StockedFarm) -> None:
    hold(edge, farm)
    delivery = OrderDelivery(farm.application, signer)
    assert delivery.deliver() == 1
    with farm.application.writing() as unit:
        unit.session.exec(delete(HoldRow))
        unit.session.exec(delete(SignedOrderRow))
        assert not holds.open_holds(unit.session, "edge", now=unit.now)
    assert delivery.deliver() == 0
    with pytest.raises(SignerRefusedError, match=rf"ann holds jq on edge, and the release changes it: {WHY}"):
        signer.sign(*edge.prepare(jq(edge, "2.1")))
    signer.sign(*edge.prepare(edge.builder.build(edge.builder.recipe("zlib"))))
    assert edge.released == 2


def test_an_order_waits_for_a_signer_that_is_away(edge: Channel, farm: StockedFarm, tmp_path: Path) -> None:
    hold(edge, farm)
    application = farm.application
    with running_signer(edge.public.parent, edge.public) as signer:
        pass
    delivery = OrderDelivery(application, signer)
    assert delivery.deliver() == 0
    with application.reading() as unit:
        (waiting,) = signed_orders.undelivered_or_refused(unit.session, "edge")
        assert (waiting.act, waiting.curator, waiting.refused) == ("hold", "ann", "")
    with running_signer(edge.public.parent, edge.public) as signer:
        assert OrderDelivery(application, signer).deliver() == 1
        with application.reading() as unit:
            assert not signed_orders.undelivered_or_refused(unit.session, "edge")
        with pytest.raises(SignerRefusedError):
            signer.sign(*edge.prepare(jq(edge, "2.1")))


def test_the_api_takes_nothing_else_than_what_is_signed(edge: Channel, farm: StockedFarm) -> None:
    given = edge.given(Act.HOLD, packages={"jq": None}, base=NO_RELEASE, reason=WHY)
    for other in (
        replace(given, act=Act.LIFT),
        replace(given, packages={"zlib": None}),
        replace(given, reason="another"),
        replace(given, until=edge.now),
        replace(given, channel="stable"),
        replace(given, distribution="other.example"),
        replace(given, base=edge.newest().digest),  # of a repository that these rows do not know
        replace(given, at=given.at - timedelta(days=2), expires=edge.now),
        replace(given, at=given.at + timedelta(hours=1)),  # the signer would refuse it when nobody watches any more
    ):
        with pytest.raises(CuratorOrderError):
            hold(edge, farm, edge.signed(other))
    with (
        refuses("unsigned-order", "must be signed with your own key"),
        farm.application.writing() as unit,
    ):
        curation.hold(unit, ANN, "edge", "jq", why=WHY)
    with farm.application.reading() as unit:
        assert not holds.open_holds(unit.session, "edge", now=unit.now)
        assert not signed_orders.undelivered(unit.session, 10)


def test_an_order_is_used_once_and_on_its_channel(edge: Channel, signer: SignerClient) -> None:
    old, new = jq(edge, "1.0"), jq(edge, "2.0")
    retry = edge.signed(edge.given(Act.RETRY, packages={"jq": old.descriptor.digest}))
    other = edge.given(Act.RETRY, packages={"jq": old.descriptor.digest}, channel="stable", base=NO_RELEASE)
    signer.take_order(edge.signed(other))
    with pytest.raises(SignerRefusedError, match="enters edge without a curator's order"):
        signer.sign(*edge.prepare(old))
    with pytest.raises(SignerRefusedError, match="which is for stable"):
        signer.sign(*edge.prepare(old, orders=[other.digest]))
    signer.take_order(retry)
    signer.sign(*edge.prepare(old))
    signer.sign(*edge.prepare(new))
    signer.take_order(retry)
    with pytest.raises(SignerRefusedError, match="enters edge without a curator's order"):
        signer.sign(*edge.prepare(old))
    assert edge.released == 3


def test_an_expired_order_permits_nothing(edge: Channel, signer: SignerClient) -> None:
    old = jq(edge, "1.0")
    given = edge.given(Act.RETRY, packages={"jq": old.descriptor.digest}, expires=edge.now + timedelta(seconds=1))
    signer.take_order(edge.signed(given))
    while edge.now < given.expires:
        time.sleep(0.05)
    for orders in ((), (given.digest,)):
        with pytest.raises(SignerRefusedError):
            signer.sign(*edge.prepare(old, orders=orders))
    with pytest.raises(SignerRefusedError, match="expired at"):
        signer.take_order(edge.signed(replace(given, at=given.at - timedelta(seconds=1))))


def test_a_report_that_control_closes_by_itself_is_open(edge: Channel, signer: SignerClient) -> None:
    """It can withhold reports, and add others; closing one needs a person's key."""
    report = {"channel": "edge", "label": "jq 2.0-1", "reason": "it crashes", "report": 1}
    package = edge.builder.built["jq"].descriptor.digest
    signer.take_report(canonical_json(report | {"package": package}))
    signer.take_report(canonical_json(report | {"package": package}))
    close = edge.given(Act.CLOSE_REPORT, target=package, number=1)
    for envelope in (b"{}", edge.signed(close, key=edge.builder.worker), b"x" * (300 << 10)):
        with pytest.raises(SignerRefusedError):
            signer.take_order(envelope)
    for wrong in (b"{}", b"[" * 9000, canonical_json(report | {"package": "none"})):
        with pytest.raises(SignerRefusedError):
            signer.take_report(wrong)
    signer.take_order(edge.signed(close))
    kinds = [line.entry.kind for line in edge.ledger.lines()]
    assert kinds.count("report") == 1
    assert not edge.ledger.state().reports


def test_what_is_published_put_back_and_an_older_root_stop_the_signer(edge: Channel) -> None:
    folder, backup = edge.public.parent, edge.public.with_name("backup")
    shutil.copytree(edge.public, backup)
    draft = draft_root(Repository(edge.public), RoleEdit(), edge.now).signed_by(
        load_key(edge.keys / "offline" / "root")
    )
    publish_draft(Repository(edge.public), draft, read_signers(edge.keys / "online"), edge.now)
    edge.sign(jq(edge, "2.1"))
    newest = edge.public.rename(folder / "newest")
    timestamp = backup / "metadata" / "timestamp.json"
    shutil.copytree(backup, edge.public)
    message = "root version 1 is published, and the signer knows version 2"
    with running_signer(folder, edge.public) as signer, pytest.raises(SignerRefusedError, match=message):
        signer.sign(*edge.prepare(jq(edge, "2.2")))
    for root in newest.glob("metadata/*.root.json"):
        shutil.copy(root, edge.public / "metadata")
    with running_signer(folder, edge.public) as signer:
        with pytest.raises(SignerRefusedError, match=r"edge has release 1 .*put back to an earlier state"):
            signer.sign(*edge.prepare(jq(edge, "2.2")))
        assert (edge.public / "metadata" / "timestamp.json").read_bytes() == timestamp.read_bytes()
    shutil.rmtree(edge.public)
    newest.rename(edge.public)
    with running_signer(folder, edge.public) as signer:
        signer.sign(*edge.prepare(jq(edge, "2.2")))
    assert edge.released == 3


def test_a_socket_that_is_gone_is_no_answer(edge: Channel) -> None:
    with running_signer(edge.public.parent, edge.public) as signer:
        pass
    with pytest.raises(SignerUnreachableError):
        signer.take_order(edge.signed(edge.given(Act.FREEZE)))
