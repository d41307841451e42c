"""From rows to what a client verifies: published when they change, by the signer's own check."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from farm.core.advisories.reviews import Review
from farm.core.names.digest import Digest
from farm.server.advisories import reviews as rows
from farm.server.advisories.advisory_intake import add_advisory, add_statements
from farm.server.identities.access import Actor
from farm.server.pipeline.publishing.advisory_publication import AdvisoryPublication
from farm.server.pipeline.repository.signer_client import SignerUnreachableError
from farm.signing.sign import publish_advisories, publish_reviews
from farm.store.blobs import BlobStore
from farm.trust.ceremony.ceremony import found_repository
from farm.trust.index.advisory_index import AdvisoryIndex, InvalidAdvisoryIndexError, open_advisory
from farm.trust.index.review_list import InvalidReviewListError, ReviewList
from farm.trust.keys.signers import read_signers
from farm.trust.layout import ADVISORIES, ADVISORY_LIST, REVIEW_LIST, advisory_target
from tests.checker.checked_signing import ChecksHere, pinned
from tests.core.advisories.osv_documents import openvex, osv
from tests.farms.small import SmallFarm

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database
    from farm.signing.consistency import PinnedRepository
    from farm.trust.keys.signers import Signers

ALICE = Actor("token:alice")


@dataclass
class Signer:
    """The signer's own code with real keys; or it is unreachable."""

    repository: PinnedRepository
    signers: Signers
    away: bool = False
    asked: list[bool] = field(default_factory=list)

    def publish_advisories(self, index: AdvisoryIndex) -> None:
        if self.away:
            raise SignerUnreachableError("the signer does not answer")
        self.asked.append(
            publish_advisories(self.repository, self.signers, ChecksHere(self.repository), index.to_json())
        )

    def publish_reviews(self, stated: ReviewList) -> None:
        self.asked.append(publish_reviews(self.repository, self.signers, ChecksHere(self.repository), stated.to_json()))


@dataclass
class Newsroom:
    farm: SmallFarm
    publication: AdvisoryPublication
    signer: Signer

    def add(self, document: bytes) -> None:
        with self.farm.application.writing() as unit:
            add_advisory(unit, ALICE, document, allow_unknown=True)

    def review(self, *names: str, source: str = "https://tracker.example.net/") -> None:
        with self.farm.application.writing() as unit:
            rows.keep_reviews(unit.session, [Review(name, source, unit.now) for name in names], by="ann", now=unit.now)

    def published(self) -> AdvisoryIndex:
        return AdvisoryIndex.from_json(self.document(ADVISORY_LIST))

    def looked_at(self) -> ReviewList:
        return ReviewList.from_json(self.document(REVIEW_LIST))

    def document(self, name: str) -> bytes:
        repository = self.signer.repository
        return repository.read_target(
            repository.delegated(repository.head(), ADVISORIES).targets[advisory_target(name)]
        )


@pytest.fixture
def newsroom(database: Database, tmp_path: Path) -> Newsroom:
    founded = found_repository(tmp_path / "public", tmp_path / "keys", ["edge"], [], datetime.now(UTC))
    farm = SmallFarm.open(database, tmp_path)
    signer = Signer(pinned(tmp_path / "public"), read_signers(founded.online))
    return Newsroom(farm, AdvisoryPublication(farm.application, tmp_path / "public", signer), signer)


def test_an_empty_list_is_published_first_and_then_whatever_changes(newsroom: Newsroom) -> None:
    assert newsroom.publication.advance()
    assert newsroom.published().advisories == ()
    assert not newsroom.publication.advance()

    newsroom.add(osv())
    assert newsroom.publication.advance()
    (listed,) = newsroom.published().advisories
    public = BlobStore(newsroom.signer.repository.root / "blobs")
    advisory = open_advisory(listed, "dist.example.org", lambda blob: public.read(blob.digest))
    assert (advisory.id, advisory.severity) == ("EXAMPLE-2026-1", "critical")

    with newsroom.farm.application.writing() as unit:
        add_statements(unit, ALICE, openvex(), allow_unknown=True)
    assert newsroom.publication.advance()
    assert newsroom.published().statements is not None
    assert not newsroom.publication.advance()
    assert newsroom.signer.asked == [True, True, True]


def test_a_publisher_that_begins_anew_publishes_nothing_twice(newsroom: Newsroom) -> None:
    newsroom.add(osv())
    newsroom.publication.advance()
    again = AdvisoryPublication(newsroom.farm.application, newsroom.signer.repository.root, newsroom.signer)

    assert again.advance()
    assert newsroom.signer.asked == [True, False]


def test_what_could_not_be_published_is_tried_again(newsroom: Newsroom) -> None:
    newsroom.signer.away = True
    assert newsroom.publication.advance()
    assert newsroom.publication.advance()
    newsroom.signer.away = False
    newsroom.publication.advance()

    assert newsroom.signer.asked == [True]


def test_the_signer_takes_nobodys_word_that_an_advisory_is_gone(newsroom: Newsroom) -> None:
    newsroom.add(osv())
    newsroom.publication.advance()

    with pytest.raises(InvalidAdvisoryIndexError, match="leaves out EXAMPLE-2026-1"):
        newsroom.signer.publish_advisories(AdvisoryIndex("dist.example.org", ()))
    assert len(newsroom.published().advisories) == 1


def test_what_was_looked_at_is_published_beside_the_list_and_when_that_was_signed(newsroom: Newsroom) -> None:
    newsroom.publication.advance()
    empty = newsroom.looked_at()
    assert (empty.reviews, empty.advisories) == ((), Digest.of(newsroom.document(ADVISORY_LIST)))
    assert empty.signed is not None

    newsroom.review("zlib", "jq")
    assert newsroom.publication.advance()
    looked = newsroom.looked_at()
    assert [review.package for review in looked.reviews] == ["jq", "zlib"]
    assert (looked.signed, looked.advisories) == (empty.signed, empty.advisories)
    assert not newsroom.publication.advance()

    newsroom.add(osv())
    newsroom.publication.advance()
    assert newsroom.looked_at().reviews == looked.reviews
    assert newsroom.looked_at().signed_at(Digest.of(newsroom.document(ADVISORY_LIST))) is not None
    assert newsroom.looked_at().advisories != empty.advisories


def test_the_signer_knows_itself_when_it_signed_and_whose_list_it_is(newsroom: Newsroom) -> None:
    signer = newsroom.signer
    mine = ReviewList("dist.example.org", (), Digest.of(b"another"), datetime(2001, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidReviewListError, match=r"no list of advisories of dist.example.org is published yet"):
        signer.publish_reviews(mine)
    newsroom.publication.advance()
    signer.publish_reviews(mine)
    assert not signer.asked[-1]
    theirs = ReviewList("other.example", ())
    with pytest.raises(InvalidReviewListError, match=r"no list of advisories of other.example"):
        signer.publish_reviews(theirs)
