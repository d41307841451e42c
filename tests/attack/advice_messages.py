"""Messages about vulnerabilities that the signer must refuse: advisories and reviews."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from farm.core.advisories.openvex import read_openvex
from farm.core.advisories.reviews import Review
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.trust.attestation.advisory_statement import Claim
from farm.trust.attestation.curator_order import Act
from farm.trust.index.advisory_index import AdvisoryIndex, ListedAdvisory, document_of
from farm.trust.index.review_list import ReviewList
from farm.trust.metadata.repository import Repository
from tests.attack.liar import DISTRIBUTION, MALLORY
from tests.attack.message import MISSING, NESTED, Message
from tests.attack.scenario import HARMFUL, HARMLESS, advised
from tests.core.advisories.osv_documents import openvex, osv

if TYPE_CHECKING:
    import httpx

    from tests.attack.liar import Liar


def _listed(
    liar: Liar, content: bytes, number: str = "EXAMPLE-2026-1", packages: tuple[str, ...] = ("vuln",)
) -> ListedAdvisory:
    return ListedAdvisory(number, liar.keep(content), packages)


def _document(liar: Liar, name: str) -> bytes:
    repository = Repository(liar.farm.public)
    targets = repository.delegated(repository.head(), "advisories").targets
    return repository.read_target(targets[f"advisories/{name}"])


def _advise(liar: Liar, *listed: ListedAdvisory, **lies: object) -> httpx.Response:
    """Ask for these advisories in addition to the published ones, except for the lie."""
    index = AdvisoryIndex.from_json(_document(liar, "osv.json"))
    return liar.post("/advisories", replace(index, advisories=listed, **lies).to_json())  # type: ignore[arg-type]


def _state(liar: Liar, *documents: bytes, statements: BlobRef | None = None) -> httpx.Response:
    """Ask for statements in addition to the existing advisory."""
    if documents:
        found = [statement for document in documents for statement in read_openvex(document, DISTRIBUTION)]
        statements = liar.keep(document_of(found, DISTRIBUTION))
    index = AdvisoryIndex.from_json(_document(liar, "osv.json"))
    return liar.post("/advisories", replace(index, statements=statements).to_json())


def _withdrawn_by(liar: Liar, *claims: Claim, **said: Any) -> httpx.Response:
    """Ask for a withdrawal after an order was sent to the signer, whatever the signer answered."""
    liar.post("/orders", advised(*claims, **said))
    return _advise(liar, _listed(liar, _WITHDRAWN))


_LATER = "2024-11-21T10:00:00Z"
_WITHDRAWN = osv(package="vuln", fixed="", modified=_LATER, withdrawn=_LATER)
_ITS_WITHDRAWAL = Claim("EXAMPLE-2026-1", Digest.of(_WITHDRAWN))
_LONG_AGO = datetime(2024, 11, 20, tzinfo=UTC)
_OF_LIB = openvex(product=f"{DISTRIBUTION}/lib")
ADVISORIES = (
    Message("no JSON", lambda liar: liar.post("/advisories", b"rubbish")),
    Message("nested JSON", lambda liar: liar.post("/advisories", NESTED)),
    Message("a list without what is published", _advise),
    Message(
        "an older advisory",
        lambda liar: _advise(liar, _listed(liar, osv(package="vuln", fixed="", modified="2020-01-01T00:00:00Z"))),
    ),
    Message(
        "an advisory that is withdrawn",
        lambda liar: _advise(liar, _listed(liar, _WITHDRAWN)),
    ),
    Message(
        "a withdrawal, by an order for another document",
        lambda liar: _withdrawn_by(liar, Claim("EXAMPLE-2026-1", Digest.of(b"another"))),
    ),
    Message("a withdrawal, by a stranger's order", lambda liar: _withdrawn_by(liar, _ITS_WITHDRAWAL, key=MALLORY)),
    Message(
        "a withdrawal, by an order of another act",
        lambda liar: _withdrawn_by(liar, _ITS_WITHDRAWAL, act=Act.RETRY, channel="edge"),
    ),
    Message(
        "a withdrawal, by an order for another distribution",
        lambda liar: _withdrawn_by(liar, _ITS_WITHDRAWAL, distribution="evil.example.org"),
    ),
    Message(
        "a withdrawal, by an order that is over",
        lambda liar: _withdrawn_by(liar, _ITS_WITHDRAWAL, at=_LONG_AGO, expires=_LONG_AGO + timedelta(days=1)),
    ),
    Message(
        "an advisory that speaks of another package",
        lambda liar: _advise(liar, _listed(liar, osv(package="viral", fixed="", modified=_LATER), packages=("viral",))),
    ),
    Message(
        "an advisory that is listed for another package",
        lambda liar: _advise(liar, _listed(liar, osv(package="vuln", fixed="", modified=_LATER), packages=("lib",))),
    ),
    Message(
        "an advisory under another's name",
        lambda liar: _advise(liar, _listed(liar, osv(package="vuln", fixed=""), "EXAMPLE-1")),
    ),
    Message("an advisory that is none", lambda liar: _advise(liar, _listed(liar, b"{}"))),
    Message("an advisory that is nested", lambda liar: _advise(liar, _listed(liar, NESTED))),
    Message(
        "an advisory that is not there",
        lambda liar: _advise(liar, ListedAdvisory("EXAMPLE-2026-1", BlobRef(MISSING, 9), ("vuln",))),
    ),
    Message("advisories of another distribution", lambda liar: _advise(liar, distribution="evil.example.org")),
    Message("a statement that nobody has made", lambda liar: _state(liar, HARMFUL, _OF_LIB)),
    Message("a statement that was signed, and is older than the published one", lambda liar: _state(liar, HARMLESS)),
    Message("the older statement beside the newer", lambda liar: _state(liar, HARMLESS, HARMFUL)),
    Message("no statements any more", _state),
    Message(
        "statements that say more than was signed",
        lambda liar: _state(
            liar,
            statements=liar.keep(
                document_of(read_openvex(HARMFUL, DISTRIBUTION), DISTRIBUTION).replace(
                    b'"status":', b'"status_notes":"harmless","status":'
                )
            ),
        ),
    ),
    Message(
        "statements that are none",
        lambda liar: _advise(liar, _listed(liar, osv(package="vuln", fixed="")), statements=liar.keep(b"{}")),
    ),
)
"""Messages with advisories and statements."""


def _review(liar: Liar, *reviews: Review, distribution: str = DISTRIBUTION) -> httpx.Response:
    return liar.post("/reviews", ReviewList(distribution, reviews).to_json())


def _looked_at(liar: Liar) -> tuple[Review, ...]:
    return ReviewList.from_json(_document(liar, "reviews.json")).reviews


def _looked(name: str, **ago: float) -> Review:
    return Review(name, "https://cve.example.org/", (datetime.now(UTC) - timedelta(**ago)).replace(microsecond=0))


def _earlier(review: Review) -> Review:
    return replace(review, at=review.at - timedelta(days=1))


def _newer(review: Review) -> Review:
    return replace(review, at=review.at + timedelta(seconds=1))


REVIEWS = (
    Message("no JSON", lambda liar: liar.post("/reviews", b"rubbish")),
    Message("nested JSON", lambda liar: liar.post("/reviews", NESTED)),
    Message("a review that is to come", lambda liar: _review(liar, _looked("vuln", days=-2))),
    Message("reviews out of order", lambda liar: _review(liar, _looked("vuln", days=1), _looked("lib", days=1))),
    Message("one review twice", lambda liar: _review(liar, _looked("lib", days=1), _looked("lib", days=2))),
    Message(
        "reviews of another distribution",
        lambda liar: _review(liar, _looked("lib", days=1), distribution="evil.example.org"),
    ),
    Message("a review that nobody has made", lambda liar: _review(liar, *_looked_at(liar), _looked("vuln", days=1))),
    Message("a review left out", _review),
    Message(
        "a review that is older than the published one", lambda liar: _review(liar, *map(_earlier, _looked_at(liar)))
    ),
    Message(
        "a review that is newer than any that was signed", lambda liar: _review(liar, *map(_newer, _looked_at(liar)))
    ),
)
"""Messages with reviews."""
