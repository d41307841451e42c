"""Unsigned statements are left out of publications and answers, and hold nothing else back; signed, they follow."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import delete

from farm.core.advisories.openvex import read_openvex, read_published
from farm.core.advisories.reviews import Review
from farm.core.names.digest import Digest
from farm.server.advisories import reviews as review_rows
from farm.server.advisories.advisory_intake import add_advisory, add_statements
from farm.server.curation import signed_orders
from farm.server.curation.order_intake import take_claims
from farm.server.curation.ordering import withdraw_with_signer
from farm.server.identities.access import Actor
from farm.server.pipeline.publishing.advisory_publication import AdvisoryPublication
from farm.server.pipeline.repository.order_delivery import OrderDelivery
from farm.server.pipeline.repository.signer_client import SignerRefusedError
from farm.server.tables.curation_rows import AdvisoryPackageRow, AdvisoryRow, ReviewRow, VexRow
from farm.signing.sign import publish_advisories, publish_reviews, take_order
from farm.store.blobs import BlobStore
from farm.trust.attestation.advisory_statement import (
    Claim,
    advisory_claim,
    claims_to_sign,
    review_claim,
    statement_claim,
)
from farm.trust.attestation.curator_order import NO_RELEASE, Act, CuratorOrderError, kept_order
from farm.trust.index.advisory_index import AdvisoryIndex
from farm.trust.index.review_list import ReviewList
from farm.trust.keys.signers import read_signers
from farm.trust.layout import ADVISORIES, ADVISORY_LIST, REVIEW_LIST, advisory_target
from farm.trust.metadata.repository import Repository
from tests.checker.channel import Channel, opened_channel
from tests.checker.checked_signing import ChecksHere
from tests.core.advisories.osv_documents import DISTRIBUTION, openvex, osv
from tests.farms.small import SmallFarm
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.advisories.matching import Statement
    from farm.server.tables.session import Database
    from farm.server.transaction.unit_of_work import UnitOfWork

ALICE = Actor("token:alice")
LATER = "2024-11-22T10:00:00Z"


@dataclass
class Signer:
    """The signer's own code, on a repository with a signed policy and the ledger of `channel`; or it refuses orders."""

    channel: Channel
    refuses: bool = False

    def take_order(self, envelope: bytes) -> None:
        if self.refuses:
            raise SignerRefusedError("not that one")
        take_order(self.channel.repository, self._checks, self.channel.ledger, envelope)

    def take_report(self, report: bytes) -> None:
        raise AssertionError(report)

    def publish_advisories(self, index: AdvisoryIndex) -> None:
        publish_advisories(self.channel.repository, self._signers, self._checks, index.to_json())

    def publish_reviews(self, stated: ReviewList) -> None:
        publish_reviews(self.channel.repository, self._signers, self._checks, stated.to_json())

    @property
    def _signers(self) -> Any:
        return read_signers(self.channel.keys / "online")

    @property
    def _checks(self) -> ChecksHere:
        return ChecksHere(self.channel.repository, ledger=self.channel.ledger)


@dataclass
class Newsroom:
    """A farm in which `ann` may sign, with its publisher and its signer."""

    farm: SmallFarm
    signer: Signer
    delivery: OrderDelivery
    publication: AdvisoryPublication

    def add(self, document: bytes, envelope: bytes | None = None) -> str:
        with self.farm.application.writing() as unit:
            return add_advisory(unit, ALICE, document, allow_unknown=True, envelope=envelope)[1]

    def state(self, document: bytes, envelope: bytes | None = None) -> int:
        with self.farm.application.writing() as unit:
            return add_statements(unit, ALICE, document, allow_unknown=True, envelope=envelope)[1]

    def review(self, name: str) -> None:
        """Let `ann` sign a review of a package, dated now."""
        review = Review(name, "https://tracker.example.net/", self.farm.clock.now.replace(microsecond=0))
        with self.farm.application.writing() as unit:
            review_rows.keep_reviews(unit.session, [review], by="ann", now=unit.now)
            take_claims(unit, [review_claim(review)], self.signed(review_claim(review)), new=True)

    def signed(self, *claims: Claim, **said: Any) -> bytes:
        """Return what `ann` signs."""
        now = self.farm.clock.now
        about = {"channel": ADVISORIES, "base": NO_RELEASE, "reason": "", "at": now, "expires": now + timedelta(days=1)}
        order = self.signer.channel.given(Act.ADVISE, **(about | {"packages": claims_to_sign(claims)} | said))
        return self.signer.channel.signed(order)

    @contextmanager
    def before_the_policy(self) -> Iterator[UnitOfWork]:
        """Do something as it was done while no signature was required."""
        with self.farm.application.writing() as unit:
            people = signed_orders.who_orders(unit.session)
            signed_orders.set_who_orders(unit.session, None)
            yield unit
            signed_orders.set_who_orders(unit.session, people)

    def turn(self) -> None:
        """Deliver orders, and publish what is new."""
        self.delivery.deliver()
        self.publication.advance()

    def unsigned(self) -> list[str]:
        with self.farm.application.reading() as unit:
            return sorted(signed_orders.unsigned_claims(unit.session).values())

    def published(self) -> tuple[dict[str, str], list[str], list[str]]:
        """Return the advisories by id, with `modified`; the stated statuses; the reviewed packages."""
        repository = Repository(self.signer.channel.public)
        blobs = BlobStore(repository.root / "blobs")
        targets = repository.delegated(repository.head(), ADVISORIES).targets
        index = AdvisoryIndex.from_json(repository.read_target(targets[advisory_target(ADVISORY_LIST)]))
        looked = ReviewList.from_json(repository.read_target(targets[advisory_target(REVIEW_LIST)]))
        documents = {
            advisory.id: json.loads(blobs.read(advisory.document.digest))["modified"] for advisory in index.advisories
        }
        stated: tuple[Statement, ...] = ()
        if index.statements:
            stated = read_published(blobs.read(index.statements.digest), DISTRIBUTION)
        return documents, [statement.status for statement in stated], [review.package for review in looked.reviews]


@pytest.fixture
def newsroom(database: Database, tmp_path: Path) -> Newsroom:
    channel = opened_channel(tmp_path, b"gates: [proof]\n")
    farm = SmallFarm.open(database, tmp_path / "farm")
    farm.clock.now = datetime.now(UTC)
    signer = Signer(channel)
    with farm.application.writing() as unit:
        signed_orders.set_who_orders(unit.session, {"ann": str(channel.operator.public_key.keyval["public"])})
    return Newsroom(
        farm,
        signer,
        OrderDelivery(farm.application, signer),
        AdvisoryPublication(farm.application, channel.public, signer),
    )


def claim(document: bytes) -> Claim:
    return advisory_claim(json.loads(document))


def claims(document: bytes) -> list[Claim]:
    return [statement_claim(statement, DISTRIBUTION) for statement in read_openvex(document, DISTRIBUTION)]


def test_what_is_signed_is_published_once_the_signer_has_the_order(newsroom: Newsroom) -> None:
    assert newsroom.add(osv(), newsroom.signed(claim(osv()))) == "added"
    newsroom.publication.advance()
    assert newsroom.published()[0] == {}
    assert newsroom.unsigned() == ["EXAMPLE-2026-1"]
    assert newsroom.state(openvex(), newsroom.signed(*claims(openvex()))) == 1
    newsroom.turn()
    assert newsroom.published() == ({"EXAMPLE-2026-1": "2024-11-20T10:00:00Z"}, ["not_affected"], [])
    assert newsroom.unsigned() == []


def test_what_was_withdrawn_is_not_brought_to_be_published(newsroom: Newsroom) -> None:
    """The signer would refuse the whole list because of it."""
    other, envelope = osv(id="EXAMPLE-2026-2", package="zlib"), newsroom.signed(claim(osv()))
    newsroom.add(osv(), envelope)
    newsroom.delivery.deliver()
    target, now = kept_order(envelope).digest, newsroom.farm.clock.now
    about: dict[str, Any] = {"channel": ADVISORIES, "base": NO_RELEASE, "at": now, "expires": now + timedelta(days=1)}
    given = newsroom.signer.channel.given(Act.WITHDRAW_ORDER, target=target, reason="oops", **about)
    with newsroom.farm.application.writing() as unit:
        withdrawal = newsroom.signer.channel.signed(given)
        withdraw_with_signer(unit, ALICE, ADVISORIES, target, why="oops", envelope=withdrawal)
    newsroom.add(other, newsroom.signed(claim(other)))
    newsroom.turn()
    assert newsroom.published()[0].keys() == {"EXAMPLE-2026-2"}
    assert newsroom.unsigned() == ["EXAMPLE-2026-1"]
    newsroom.farm.clock.now += timedelta(seconds=1)
    newsroom.add(osv(), newsroom.signed(claim(osv())))
    newsroom.turn()
    assert newsroom.published()[0].keys() == {"EXAMPLE-2026-1", "EXAMPLE-2026-2"}


def test_who_signs_nothing_or_something_else_says_nothing(newsroom: Newsroom) -> None:
    with refuses("unsigned-order", "a statement about vulnerabilities must be signed") as refused:
        newsroom.add(osv())
    assert "farm keys me" in refused.value.remedy
    with refuses("unsigned-order"):
        newsroom.state(openvex())
    with pytest.raises(CuratorOrderError, match="the signed order differs from the request: the packages"):
        newsroom.add(osv(), newsroom.signed(claim(osv(summary="another"))))
    with pytest.raises(CuratorOrderError, match="the packages"):
        newsroom.state(openvex(), newsroom.signed(*claims(openvex("affected"))))
    newsroom.turn()
    assert newsroom.published() == ({}, [], [])
    # The database has not stored what was refused either.
    assert newsroom.add(osv(), newsroom.signed(claim(osv()))) == "added"


def test_what_came_before_anybody_had_to_sign_waits_and_keeps_nothing_back(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    newsroom.turn()
    other = osv(id="EXAMPLE-2026-2", package="zlib")
    looked = Review("jq", "https://tracker.example.net/", newsroom.farm.clock.now.replace(microsecond=0))
    with newsroom.before_the_policy() as unit:
        add_advisory(unit, ALICE, osv(), allow_unknown=True)
        add_statements(unit, ALICE, openvex(), allow_unknown=True)
        review_rows.keep_reviews(unit.session, [looked], by="ann", now=unit.now)
    newsroom.add(other, newsroom.signed(claim(other)))
    newsroom.turn()
    assert newsroom.published() == ({"EXAMPLE-2026-2": "2024-11-20T10:00:00Z"}, [], [])
    assert newsroom.unsigned() == ["EXAMPLE-2026-1", "EXAMPLE-2026-1 not_affected in jq", "review of jq"]
    assert "not published, because nobody has signed it (3 in all): EXAMPLE-2026-1" in caplog.text

    assert newsroom.add(osv()) == "unchanged"  # and sends no signature
    newsroom.turn()
    assert newsroom.unsigned()
    assert newsroom.add(osv(), newsroom.signed(claim(osv()))) == "unchanged"
    assert newsroom.state(openvex(), newsroom.signed(*claims(openvex()))) == 0
    newsroom.turn()
    published, stated, reviewed = newsroom.published()
    assert sorted(published) == ["EXAMPLE-2026-1", "EXAMPLE-2026-2"]
    assert (stated, reviewed, newsroom.unsigned()) == (["not_affected"], [], ["review of jq"])
    newsroom.farm.clock.now += timedelta(seconds=1)
    newsroom.review("jq")
    newsroom.turn()
    assert (newsroom.published()[2], newsroom.unsigned()) == (["jq"], [])


def test_what_was_published_stays_as_it_was_until_what_is_new_is_signed(newsroom: Newsroom) -> None:
    newsroom.add(osv(), newsroom.signed(claim(osv())))
    newsroom.state(openvex(), newsroom.signed(*claims(openvex())))
    newsroom.turn()
    withdrawn, affected = osv(modified=LATER, withdrawn=LATER), openvex("affected", timestamp=LATER)
    with newsroom.before_the_policy() as unit:
        add_advisory(unit, ALICE, withdrawn, allow_unknown=True)
        add_statements(unit, ALICE, affected, allow_unknown=True)
    newsroom.turn()
    assert newsroom.published() == ({"EXAMPLE-2026-1": "2024-11-20T10:00:00Z"}, ["not_affected"], [])
    assert newsroom.unsigned() == ["EXAMPLE-2026-1 affected in jq", "EXAMPLE-2026-1 withdrawn"]
    newsroom.add(withdrawn, newsroom.signed(claim(withdrawn)))
    newsroom.state(affected, newsroom.signed(*claims(affected)))
    newsroom.turn()
    assert newsroom.published() == ({"EXAMPLE-2026-1": LATER}, ["affected"], [])


def test_what_the_database_has_lost_stays_published(newsroom: Newsroom) -> None:
    newsroom.add(osv(), newsroom.signed(claim(osv())))
    newsroom.state(openvex(), newsroom.signed(*claims(openvex())))
    newsroom.review("jq")
    newsroom.turn()
    before = newsroom.published()
    assert before[2] == ["jq"]
    with newsroom.farm.application.writing() as unit:
        for rows in (AdvisoryPackageRow, AdvisoryRow, VexRow, ReviewRow):
            unit.session.exec(delete(rows))
    other = osv(id="EXAMPLE-2026-2", package="zlib")
    newsroom.add(other, newsroom.signed(claim(other)))
    newsroom.review("zlib")
    newsroom.turn()
    assert newsroom.published() == (
        before[0] | {"EXAMPLE-2026-2": "2024-11-20T10:00:00Z"},
        before[1],
        ["jq", "zlib"],
    )


def test_who_may_sign_no_more_has_signed_nothing(newsroom: Newsroom) -> None:
    newsroom.add(osv(), newsroom.signed(claim(osv())))
    newsroom.delivery.deliver()
    with newsroom.farm.application.writing() as unit:
        signed_orders.set_who_orders(unit.session, {"bob": "00" * 32})
    newsroom.turn()
    assert (newsroom.published()[0], newsroom.unsigned()) == ({}, ["EXAMPLE-2026-1"])


def test_an_order_that_the_signer_refuses_is_none(newsroom: Newsroom) -> None:
    newsroom.signer.refuses = True
    newsroom.add(osv(), newsroom.signed(claim(osv())))
    newsroom.turn()
    assert (newsroom.published()[0], newsroom.unsigned()) == ({}, ["EXAMPLE-2026-1"])
    newsroom.signer.refuses = False
    newsroom.farm.clock.now += timedelta(seconds=1)
    newsroom.add(osv(), newsroom.signed(claim(osv())))
    newsroom.turn()
    assert "EXAMPLE-2026-1" in newsroom.published()[0]


def test_nobody_states_two_things_at_one_time(newsroom: Newsroom) -> None:
    newsroom.state(openvex(), newsroom.signed(*claims(openvex())))
    with refuses("stale-advisory", "another statement about EXAMPLE-2026-1 in jq has the same time"):
        newsroom.state(openvex("affected"), newsroom.signed(*claims(openvex("affected"))))
    assert newsroom.state(openvex()) == 0


def test_a_word_is_told_by_its_name_and_its_bytes() -> None:
    (statement,) = read_openvex(openvex(product=f"{DISTRIBUTION}/jq@1.7.1-1"), DISTRIBUTION)
    assert statement_claim(statement, DISTRIBUTION).label == "EXAMPLE-2026-1 not_affected in jq 1.7.1-1"
    at = datetime(2026, 1, 1, tzinfo=UTC)
    two = [review_claim(Review("jq", source, at)) for source in ("https://a.example/", "https://b.example/")]
    names = claims_to_sign([*two, *two, claim(osv(withdrawn=LATER))])
    assert list(names) == [
        f"review of jq {two[0].digest}",
        f"review of jq {two[1].digest}",
        "EXAMPLE-2026-1 withdrawn",
    ]
    assert names["EXAMPLE-2026-1 withdrawn"] == Digest.of_json(json.loads(osv(withdrawn=LATER)))
