"""Statements about vulnerabilities are published when an authorized person has signed them, and are not reverted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.orders.advisory_lists import checked_advisories
from farm.checker.orders.orders import UnusableOrderError
from farm.core.advisories.openvex import read_openvex
from farm.core.advisories.reviews import Review
from farm.core.plan.job import BlobRef
from farm.signing.ledger import Ledger
from farm.signing.order_effects import NothingToEndError
from farm.signing.sign import publish_advisories, publish_reviews
from farm.trust.attestation.advisory_statement import (
    Claim,
    advisory_claim,
    claims_to_sign,
    review_claim,
    statement_claim,
)
from farm.trust.attestation.curator_order import NO_RELEASE, Act, CuratorOrderError
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.ceremony.ceremony import found_repository
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.index.advisory_index import AdvisoryIndex, InvalidAdvisoryIndexError, ListedAdvisory, document_of
from farm.trust.index.review_list import InvalidReviewListError, ReviewList
from farm.trust.keys.key_files import load_key
from farm.trust.keys.signers import read_signers
from farm.trust.layout import ADVISORIES
from farm.trust.metadata.repository import Repository
from tests.checker.built import DISTRIBUTION
from tests.checker.channel import Channel, opened_channel
from tests.checker.checked_signing import ChecksHere, pinned
from tests.core.advisories.osv_documents import openvex, osv
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.advisories.matching import Statement

MALLORY = CryptoSigner.generate_ed25519()
LATER, LATEST = "2024-11-21T10:00:00Z", "2024-11-22T10:00:00Z"


def advisory(**members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(osv(**members))
    return found


def stated(status: str = "not_affected", *, at: str = LATER, name: str = "jq", **members: Any) -> Statement:
    (found,) = read_openvex(openvex(status, product=f"{DISTRIBUTION}/{name}", timestamp=at, **members), DISTRIBUTION)
    return found


def said(statement: Statement) -> Claim:
    return statement_claim(statement, DISTRIBUTION)


def looked(name: str, **ago: float) -> Review:
    return Review(name, "https://tracker.example.net/", (datetime.now(UTC) - timedelta(**ago)).replace(microsecond=0))


@dataclass
class UnitOfWork:
    """Asks the signer of `channel` to publish statements."""

    channel: Channel

    def list(self, *documents: dict[str, Any], statements: tuple[Statement, ...] = (), content: bytes = b"") -> bool:
        listed = []
        for document in documents:
            body = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
            names = tuple(sorted(one["package"]["name"] for one in document["affected"]))
            listed.append(ListedAdvisory(document["id"], self._keep(body), names))
        content = content or (document_of(statements, DISTRIBUTION) if statements else b"")
        index = AdvisoryIndex(DISTRIBUTION, tuple(listed), self._keep(content) if content else None)
        return publish_advisories(self.channel.repository, self._signers, self._checks, index.to_json())

    def look(self, *reviews: Review) -> bool:
        content = ReviewList(DISTRIBUTION, tuple(sorted(reviews))).to_json()
        return publish_reviews(self.channel.repository, self._signers, self._checks, content)

    @property
    def _signers(self) -> Any:
        return read_signers(self.channel.keys / "online")

    @property
    def _checks(self) -> ChecksHere:
        return ChecksHere(self.channel.repository, ledger=self.channel.ledger)

    def _keep(self, content: bytes) -> BlobRef:
        return BlobRef(self.channel.builder.blobs.put_bytes(content), len(content))


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    return opened_channel(tmp_path, b"gates: [proof]\n")


@pytest.fixture
def unit(edge: Channel) -> UnitOfWork:
    return UnitOfWork(edge)


def test_an_advisory_is_published_when_it_is_signed_and_needs_nobody_afterwards(
    edge: Channel, unit: UnitOfWork
) -> None:
    with refuses(
        "unsigned-word", match=r"EXAMPLE-2026-1: the signature of a curator or operator is missing"
    ) as refused:
        unit.list(advisory())
    assert "farm keys me" in refused.value.remedy
    edge.advise(advisory_claim(advisory()))
    assert unit.list(advisory())
    _no_longer_an_operator(edge)
    assert not unit.list(advisory())  # it is listed already


@pytest.mark.parametrize(
    "other",
    [{"withdrawn": LATER}, {"package": "viral"}, {"fixed": "0.1"}, {"summary": "it is nothing"}],
    ids=["withdrawn", "of another package", "fixed before", "in other words"],
)
def test_an_order_is_for_the_very_words_that_it_names(edge: Channel, unit: UnitOfWork, other: dict[str, Any]) -> None:
    edge.advise(advisory_claim(advisory()))
    unit.list(advisory())
    newer = advisory(**({"modified": LATER} | other))
    with refuses("unsigned-word", match="EXAMPLE-2026-1"):
        unit.list(newer)
    edge.advise(advisory_claim(newer))
    assert unit.list(newer)


def test_an_advisory_that_was_signed_once_does_not_come_back(edge: Channel, unit: UnitOfWork) -> None:
    newer, as_old = advisory(modified=LATER, withdrawn=LATER), advisory(modified=LATER, summary="at the same time")
    edge.advise(*map(advisory_claim, (advisory(), newer, as_old)))
    unit.list(advisory())
    unit.list(newer)
    with pytest.raises(InvalidAdvisoryIndexError, match="EXAMPLE-2026-1 is older than what is published"):
        unit.list(advisory())
    with pytest.raises(InvalidAdvisoryIndexError, match="differs from what is published, and is not newer"):
        unit.list(as_old)


def test_a_statement_is_published_when_it_is_signed(edge: Channel, unit: UnitOfWork) -> None:
    statement = stated()
    with refuses("unsigned-word", match="EXAMPLE-2026-1 not_affected in jq"):
        unit.list(statements=(statement,))
    edge.advise(said(stated(name="zlib")), said(stated("affected")), said(stated(at=LATEST)))
    with refuses("unsigned-word", match="EXAMPLE-2026-1 not_affected in jq"):
        unit.list(statements=(statement,))
    edge.advise(said(statement))
    assert unit.list(statements=(statement,))


def test_a_statement_that_is_published_neither_goes_nor_becomes_older(edge: Channel, unit: UnitOfWork) -> None:
    before, now, other = stated(at=LATER), stated("affected", at=LATEST), stated(name="zlib")
    same_time = stated("under_investigation", at=LATEST)
    edge.advise(*map(said, (before, now, other, same_time)))
    unit.list(statements=(before, other))
    unit.list(statements=(now, other))
    for older in (before, same_time):
        with pytest.raises(InvalidAdvisoryIndexError, match="is not newer than what is published"):
            unit.list(statements=(older, other))
    with pytest.raises(InvalidAdvisoryIndexError, match="leave out what is published: EXAMPLE-2026-1 zlib"):
        unit.list(statements=(now,))
    with pytest.raises(InvalidAdvisoryIndexError, match="leaves out all statements"):
        unit.list()
    with pytest.raises(InvalidAdvisoryIndexError, match="not as a farm writes it"):
        unit.list(statements=(before, now, other))  # the older one next to the newer one


def test_the_document_of_statements_says_nothing_else(edge: Channel, unit: UnitOfWork) -> None:
    statement = stated()
    edge.advise(said(statement))
    document = json.loads(document_of((statement,), DISTRIBUTION))
    document["statements"][0]["impact_statement"] = "nothing to see here"
    with pytest.raises(InvalidAdvisoryIndexError, match="not as a farm writes it"):
        unit.list(content=json.dumps(document, separators=(",", ":"), sort_keys=True).encode())
    assert unit.list(statements=(statement,))


def test_a_review_is_published_when_it_is_signed_and_neither_goes_nor_becomes_older(
    edge: Channel, unit: UnitOfWork
) -> None:
    unit.list()
    before, now, other = looked("jq", days=2), looked("jq", days=1), looked("zlib", days=1)
    with refuses("unsigned-word", match="review of jq"):
        unit.look(before)
    edge.advise(*map(review_claim, (before, now, other)))
    assert unit.look(before, other)
    assert unit.look(now, other)
    with pytest.raises(InvalidReviewListError, match="older than what is published"):
        unit.look(before, other)
    with pytest.raises(InvalidReviewListError, match="leaves out the review of zlib"):
        unit.look(now)
    with refuses("unsigned-word", match="review of jq"):
        unit.look(looked("jq", hours=1), other)


def test_an_order_counts_until_it_expires(edge: Channel, unit: UnitOfWork) -> None:
    edge.advise(advisory_claim(advisory()), expires=edge.now + timedelta(hours=1))
    index = AdvisoryIndex(DISTRIBUTION, (ListedAdvisory("EXAMPLE-2026-1", unit._keep(_body(advisory())), ("jq",)),))
    state, over = edge.ledger.state(), edge.now + timedelta(hours=2)
    with refuses("unsigned-word"):
        checked_advisories(edge.repository, index.to_json(), state, over)
    assert checked_advisories(edge.repository, index.to_json(), state, edge.now)


def test_an_order_of_who_is_signed_no_more_does_not_count(edge: Channel, unit: UnitOfWork) -> None:
    edge.advise(advisory_claim(advisory()))
    _no_longer_an_operator(edge)
    with refuses("unsigned-word"):
        unit.list(advisory())


def test_an_order_for_another_distribution_or_of_another_act_does_not_count(edge: Channel, unit: UnitOfWork) -> None:
    claim = advisory_claim(advisory())
    edge.advise(claim, distribution="other.example")
    edge.order(Act.RETRY, packages=claims_to_sign([claim]))
    with refuses("unsigned-word"):
        unit.list(advisory())


def test_a_strangers_order_is_not_taken(edge: Channel) -> None:
    with pytest.raises(InvalidEnvelopeError, match="no allowed key"):
        edge.advise(advisory_claim(advisory()), key=MALLORY)
    with pytest.raises(UnusableOrderError, match="expired at"):
        edge.advise(advisory_claim(advisory()), at=edge.now - timedelta(days=2), expires=edge.now - timedelta(days=1))


@pytest.mark.parametrize(
    "said",
    [{"channel": "edge"}, {"packages": {}}, {"packages": {"EXAMPLE-2026-1": None}}, {"base": "newest"}],
    ids=["to a channel", "of nothing", "without a digest", "on a release"],
)
def test_an_order_that_is_no_advice_is_not_taken(edge: Channel, said: dict[str, Any]) -> None:
    if "base" in said:
        edge.sign(edge.builder.build(edge.builder.recipe("zlib")))
        said = {"base": edge.newest().digest}
    with pytest.raises(CuratorOrderError):
        edge.advise(advisory_claim(advisory()), **said)
    with pytest.raises(CuratorOrderError):
        edge.order(Act.HOLD, channel="advisories", packages={"jq": None})


def test_where_no_policy_is_signed_nothing_need_be_signed(tmp_path: Path) -> None:
    founded = found_repository(tmp_path / "public", tmp_path / "keys", ["edge"], [], datetime.now(UTC))
    repository, signers = pinned(tmp_path / "public"), read_signers(founded.online)
    assert publish_advisories(repository, signers, ChecksHere(repository), AdvisoryIndex(DISTRIBUTION, ()).to_json())
    before, now = looked("jq", days=2), looked("zlib", days=1)
    for review in (before, now):
        content = ReviewList(DISTRIBUTION, (review,)).to_json()
        assert publish_reviews(repository, signers, ChecksHere(repository), content)


def _body(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _no_longer_an_operator(channel: Channel) -> None:
    """Have targets signed that list another operator in the place of `ann`."""
    edit = TargetsEdit(operators=(("bob", str(MALLORY.public_key.keyval["public"])),), remove_operators=("ann",))
    draft = draft_targets(Repository(channel.public), edit, datetime.now(UTC))
    draft = draft.signed_by(load_key(channel.keys / "offline" / "targets"))
    publish_draft(Repository(channel.public), draft, read_signers(channel.keys / "online"), datetime.now(UTC))


def test_what_advises_is_withdrawn_where_it_is_given(edge: Channel, unit: UnitOfWork) -> None:
    order = edge.advise(advisory_claim(advisory()))
    there: dict[str, Any] = {"channel": ADVISORIES, "base": NO_RELEASE}
    with pytest.raises(NothingToEndError, match="is for advisories"):
        edge.order(Act.WITHDRAW_ORDER, target=order)
    with pytest.raises(CuratorOrderError):
        edge.order(Act.FREEZE, **there)
    edge.order(Act.WITHDRAW_ORDER, target=order, **there)
    assert Ledger(edge.ledger.path.parent).state() == edge.ledger.state()
    with refuses("unsigned-word"):
        unit.list(advisory())
    edge.advise(advisory_claim(advisory()), at=edge.now)
    assert unit.list(advisory())
