"""Imports must be signed by the other distribution, verified from the root that our own targets keys pin."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.names.digest import Digest
from farm.signing.evidence import InvalidEvidenceError, ReleaseEvidence
from farm.store.errors import MissingBlobError
from farm.trust.attestation.curator_order import Act
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.metadata.repository import Repository
from farm.trust.verification.release_proof import MOST_HEADS, ReleaseProof, UnprovenReleaseError
from tests.checker.channel import opened_channel
from tests.checker.theirs import THEM, Theirs
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.core.package.descriptor import Descriptor
    from tests.checker.built import Package

LIB = f"{THEM}/lib"


class Taking:
    """A channel of ours that may import packages of `theirs`, and the pattern for these packages."""

    def __init__(self, folder: Path, **how: Any) -> None:
        self.edge = opened_channel(folder, b"gates: [proof]\n", **how).named("edge")
        self.theirs = Theirs(folder / "theirs", self.edge.builder.blobs)
        self.own: Package = self.edge.builder.build(self.edge.builder.recipe("pattern"))
        self.other = self.edge.builder.build(self.edge.builder.recipe("other"))
        self.allow(self.theirs.signed)

    def allow(self, files: dict[str, bytes]) -> None:
        self.edge.builder.policies = {"channels/edge.yaml": b"gates: [proof]\n", **files}
        sign_policy(Repository(self.edge.public), self.edge.keys, self.edge.builder.policy(), self.edge.now)

    def release(self, revision: int = 1, *names: str) -> Descriptor:
        """Let them release a package in this revision, and others."""
        lib = self.theirs.package(self.own, revision=revision)
        self.theirs.publish(lib, *(self.theirs.package(self.other, name) for name in names))
        return lib


@pytest.fixture
def taking(tmp_path: Path) -> Taking:
    return Taking(tmp_path)


def test_what_they_have_signed_is_taken_and_need_not_be_shown_again_while_it_stays(taking: Taking) -> None:
    edge, theirs, lib = taking.edge, taking.theirs, taking.release(1, "other")
    other = theirs.package(taking.other, "other")
    taken = theirs.taken(lib, other)
    with refuses("unshown-import", match=f"there is no proof that {THEM} has signed release 1") as refused:
        edge.sign(imports=(taken,))
    assert refused.value.by_package.keys() == {LIB, f"{THEM}/other"}
    edge.sign(imports=(taken,), proofs=(theirs.shown(),))
    zlib = edge.builder.build(edge.builder.recipe("zlib"))
    edge.sign(zlib, imports=(taken,))
    edge.sign(imports=(theirs.taken(lib),))  # a part of what is released
    with refuses("unshown-import"):
        edge.sign(imports=(taken,))  # and all of it again
    edge.sign(imports=(taken,), proofs=(theirs.shown(),))
    assert edge.released == 4


def test_what_nobody_has_signed_over_there_is_not_taken(taking: Taking) -> None:
    """A package that they do not have, or have with other content; a release that never existed, with any number."""
    edge, theirs, lib = taking.edge, taking.theirs, taking.release()
    evil, forged = theirs.package(taking.own, "evil"), theirs.package(taking.own, revision=9)
    for invented, how in ((evil, "does not have it"), (forged, "has it as sha256:")):
        with refuses("unshown-import", match=how) as refused:
            edge.sign(imports=(theirs.taken(invented),), proofs=(theirs.shown(),))
        assert refused.value.by_package.keys() == {str(invented.name)}
    never = Digest.of(b"a release that never was")
    with refuses("unshown-import", match="there is no proof"):
        edge.sign(imports=(theirs.taken(lib, release=never),), proofs=(theirs.shown(),))
    with pytest.raises(UnprovenReleaseError, match="which is release 1 of"):
        edge.sign(imports=(replace(theirs.taken(lib), number=1_000_000),), proofs=(theirs.shown(),))
    assert edge.released == 0
    edge.sign(imports=(theirs.taken(lib),), proofs=(theirs.shown(),))  # and honest work continues


def test_an_invented_number_stands_in_nobodys_way(taking: Taking) -> None:
    edge, theirs, lib = taking.edge, taking.theirs, taking.release()
    with pytest.raises(UnprovenReleaseError):
        edge.sign(imports=(replace(theirs.taken(lib), number=1_000_000),), proofs=(theirs.shown(),))
    edge.sign(imports=(theirs.taken(lib),), proofs=(theirs.shown(),))
    newer = taking.release(2)
    edge.sign(imports=(theirs.taken(newer),), proofs=(theirs.shown(),))
    assert edge.released == 2


def test_an_earlier_release_of_theirs_is_shown_by_a_later_one(taking: Taking) -> None:
    edge, theirs, lib = taking.edge, taking.theirs, taking.release()
    taking.release(2)
    taking.release(3)
    cut = replace(theirs.shown(1), heads=(theirs.releases[2].digest, theirs.releases[0].digest))
    with pytest.raises(UnprovenReleaseError, match="release 3 does not come after"):
        edge.sign(imports=(theirs.taken(lib, number=1),), proofs=(cut,))
    edge.sign(imports=(theirs.taken(lib, number=1),), proofs=(theirs.shown(1),))
    assert edge.released == 1


def test_that_their_metadata_has_expired_since_takes_nothing_back(taking: Taking) -> None:
    """It was valid when control verified it: before the release is signed, tests run and days of soak pass."""
    edge = taking.edge
    taking.theirs = Theirs(edge.public.parent / "long ago", edge.builder.blobs, now=edge.now - timedelta(days=3000))
    taking.allow(taking.theirs.signed)
    lib, shown = taking.release(), taking.theirs.shown()
    for role in (shown.timestamp, shown.snapshot, shown.targets, shown.channel, *shown.roots):
        said = json.loads(edge.builder.blobs.read(role))["signed"]
        assert datetime.fromisoformat(said["expires"].replace("Z", "+00:00")) < edge.now, said["_type"]
    edge.sign(imports=(taking.theirs.taken(lib),), proofs=(shown,))
    assert edge.released == 1


def test_nothing_becomes_older_by_going_back_first_with_what_stays_the_same(taking: Taking) -> None:
    """Their `other` is the same in all of their releases, so an earlier release for it changes no package."""
    edge, theirs = taking.edge, taking.theirs
    libs = [taking.release(number, "other") for number in (1, 2, 3)]
    other = theirs.held[theirs.releases[0].digest][1]
    old = {"imports": (theirs.taken(libs[0], other, number=1),), "proofs": (theirs.shown(1),)}
    edge.sign(imports=(theirs.taken(libs[2], other),), proofs=(theirs.shown(),))
    edge.sign(imports=(theirs.taken(other),), proofs=(theirs.shown(),))
    edge.sign(imports=(theirs.taken(other, number=1),), proofs=(theirs.shown(1),))
    with refuses("unordered", match="it is older than that of release 3") as refused:
        edge.sign(**old)
    assert refused.value.by_package.keys() == {LIB}
    assert f"farm candidate retry edge {LIB}" in refused.value.remedy
    edge.order(Act.RETRY, packages={LIB: libs[0].digest})
    edge.sign(**old)
    # From there on newer releases follow without an order, as after an invented release number was accepted once.
    for number in (2, 3):
        edge.sign(imports=(theirs.taken(libs[number - 1], other, number=number),), proofs=(theirs.shown(number),))
    assert edge.released == 6


def test_that_one_becomes_older_by_an_order_makes_no_other_so(taking: Taking) -> None:
    edge, theirs = taking.edge, taking.theirs
    other = [theirs.package(taking.other, "other", revision=number) for number in (1, 2)]
    libs = [theirs.package(taking.own, revision=number) for number in (1, 2)]
    for packages in zip(libs, other, strict=True):
        theirs.publish(*packages)
    edge.sign(imports=(theirs.taken(libs[1], other[1]),), proofs=(theirs.shown(),))
    edge.sign(imports=(theirs.taken(other[1]),), proofs=(theirs.shown(),))
    edge.order(Act.RETRY, packages={f"{THEM}/other": other[0].digest})
    edge.sign(imports=(theirs.taken(other[0], number=1),), proofs=(theirs.shown(1),))
    with refuses("unordered") as refused:
        edge.sign(imports=(theirs.taken(libs[0], other[0], number=1),), proofs=(theirs.shown(1),))
    assert refused.value.by_package.keys() == {LIB}
    edge.sign(imports=(theirs.taken(libs[1], other[1]),), proofs=(theirs.shown(),))
    assert edge.released == 4


def test_a_record_of_before_learns_what_was_taken_newest(taking: Taking) -> None:
    edge, theirs, lib = taking.edge, taking.theirs, taking.release()
    newer = taking.release(2)
    edge.sign(imports=(theirs.taken(newer),), proofs=(theirs.shown(),))
    edge.decision.prepare()
    with closing(sqlite3.connect(edge.record.directory / "published.sqlite")) as database, database:
        database.execute("DROP TABLE newest_taken")
        database.execute("DELETE FROM seen WHERE channel LIKE '%/%'")
    edge.decision = edge.deciding()
    with refuses("unordered", match="it is older than that of release 2"):
        edge.sign(imports=(theirs.taken(lib, number=1),), proofs=(theirs.shown(1),))


def test_under_another_root_their_numbers_begin_anew(taking: Taking, tmp_path: Path) -> None:
    edge, theirs = taking.edge, taking.theirs
    lib = [taking.release(number) for number in (1, 2, 3)][-1]
    edge.sign(imports=(theirs.taken(lib),), proofs=(theirs.shown(),))
    anew = taking.theirs = Theirs(tmp_path / "anew", edge.builder.blobs)
    taking.allow(anew.signed)
    lib = taking.release(4)
    first = {"imports": (anew.taken(lib),), "proofs": (anew.shown(),)}
    with refuses("unordered"):
        edge.sign(**first)
    edge.order(Act.RETRY, packages={LIB: lib.digest})
    edge.sign(**first)
    lib = taking.release(5)
    edge.sign(imports=(anew.taken(lib),), proofs=(anew.shown(),))
    assert edge.released == 3


def test_what_shows_it_is_brought_once_and_nothing_besides(taking: Taking) -> None:
    """A later control relies on it: a corrupt document next to the good one would mislead that control."""
    edge, theirs, lib = taking.edge, taking.theirs, taking.release()
    good, taken = theirs.shown(), (theirs.taken(lib),)
    bad = replace(good, timestamp=Digest.of(b"a document that is nowhere"))
    for brought, code in {
        (bad,): MissingBlobError.code,
        (bad, good): MissingBlobError.code,
        (good, bad): "needless-showing",
        (good, replace(good)): "needless-showing",
    }.items():
        with refuses(code):
            edge.sign(imports=taken, proofs=brought)
    edge.sign(imports=taken, proofs=(good,))
    for needless in (good, bad):
        with refuses("needless-showing"):
            edge.sign(imports=taken, proofs=(needless,))
    assert edge.released == 1


def test_what_is_brought_though_it_was_shown_before_is_looked_at(taking: Taking) -> None:
    edge, theirs, lib = taking.edge, taking.theirs, taking.release(1, "other")
    (_, other) = theirs.held[theirs.releases[0].digest]
    edge.sign(imports=(theirs.taken(lib, other),), proofs=(theirs.shown(),))
    bad = replace(theirs.shown(), snapshot=theirs.shown().targets)
    with pytest.raises(UnprovenReleaseError):
        edge.sign(imports=(theirs.taken(lib),), proofs=(bad,))
    edge.sign(imports=(theirs.taken(lib),), proofs=(theirs.shown(),))
    assert edge.released == 2


def test_it_is_taken_of_where_it_is_signed_to_be(taking: Taking) -> None:
    """The address too: everybody who gets the release connects to it."""
    edge, theirs, lib = taking.edge, taking.theirs, taking.release()
    first, elsewhere = theirs.taken(lib), theirs.taken(lib, address="https://elsewhere.example")
    with refuses("unknown-origin", match=r"at https://elsewhere\.example under the root") as refused:
        edge.sign(imports=(elsewhere,), proofs=(theirs.shown(),))
    assert refused.value.by_package.keys() == {LIB}
    edge.sign(imports=(first,), proofs=(theirs.shown(),))
    with refuses("unknown-origin"):
        edge.sign(imports=(elsewhere,))
    moved = theirs.signed["distributions.yaml"].replace(b"https://" + THEM.encode(), b"https://elsewhere.example")
    taking.allow({"distributions.yaml": moved})
    zlib = edge.builder.build(edge.builder.recipe("zlib"))
    edge.sign(zlib, imports=(first,))  # what is unchanged keeps the address of that time
    edge.sign(imports=(elsewhere,))
    with refuses("unknown-origin"):
        edge.sign(imports=(first,))
    assert edge.released == 3


FORGERIES: dict[str, Callable[[Taking, Theirs, ReleaseProof], ReleaseProof]] = {}


def forgery(make: Callable[[Taking, Theirs, ReleaseProof], ReleaseProof]) -> None:
    FORGERIES[make.__name__] = make


@forgery
def a_channel_signed_by_others(taking: Taking, mallory: Theirs, shown: ReleaseProof) -> ReleaseProof:
    return replace(shown, channel=mallory.shown().channel)


@forgery
def targets_signed_by_others(taking: Taking, mallory: Theirs, shown: ReleaseProof) -> ReleaseProof:
    return replace(shown, targets=mallory.shown().targets, channel=mallory.shown().channel)


@forgery
def everything_signed_by_others(taking: Taking, mallory: Theirs, shown: ReleaseProof) -> ReleaseProof:
    return replace(mallory.shown(), roots=shown.roots)


@forgery
def another_root(taking: Taking, mallory: Theirs, shown: ReleaseProof) -> ReleaseProof:
    return mallory.shown()


@forgery
def a_root_that_theirs_have_not_signed(taking: Taking, mallory: Theirs, shown: ReleaseProof) -> ReleaseProof:
    return replace(mallory.shown(), roots=(*shown.roots, *mallory.shown().roots))


@forgery
def a_timestamp_signed_by_others(taking: Taking, mallory: Theirs, shown: ReleaseProof) -> ReleaseProof:
    return replace(shown, timestamp=mallory.shown().timestamp, snapshot=mallory.shown().snapshot)


@forgery
def a_snapshot_that_is_none(taking: Taking, mallory: Theirs, shown: ReleaseProof) -> ReleaseProof:
    return replace(shown, snapshot=shown.targets)


@forgery
def a_document_without_end(taking: Taking, mallory: Theirs, shown: ReleaseProof) -> ReleaseProof:
    return replace(shown, timestamp=taking.edge.builder.blobs.put_bytes(b" " * 20_000))


@forgery
def a_document_that_is_no_json(taking: Taking, mallory: Theirs, shown: ReleaseProof) -> ReleaseProof:
    return replace(shown, channel=taking.edge.builder.blobs.put_bytes(b"{"))


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_metadata_shows_nothing(taking: Taking, tmp_path: Path, name: str) -> None:
    """Others, with keys of their own, sign exactly this release, or another; honest work continues after each."""
    edge, theirs, lib = taking.edge, taking.theirs, taking.release()
    mallory = Theirs(tmp_path / "mallory", edge.builder.blobs)
    evil = mallory.package(taking.own, revision=9)
    mallory.publish(evil)
    forged = FORGERIES[name](taking, mallory, theirs.shown())
    forged = replace(forged, heads=mallory.shown().heads)
    with pytest.raises(UnprovenReleaseError if "without_end" not in name else Exception) as refused:
        edge.sign(imports=(mallory.taken(evil, root=theirs.root),), proofs=(forged,))
    assert refused.value.by_package.keys() == {LIB}
    assert edge.released == 0
    edge.sign(imports=(theirs.taken(lib),), proofs=(theirs.shown(),))


def test_evidence_has_bounds_and_is_left_out_when_there_is_none(taking: Taking) -> None:
    taking.release()
    shown = taking.theirs.shown()
    assert b"abroad" not in ReleaseEvidence().to_json()
    evidence = ReleaseEvidence(proofs=(shown,))
    assert ReleaseEvidence.from_json(evidence.to_json()) == evidence
    many = shown.heads * (MOST_HEADS + 1)
    for wrong in (replace(shown, heads=()), replace(shown, roots=()), replace(shown, heads=many)):
        with pytest.raises(InvalidEvidenceError, match="is empty, or has over"):
            ReleaseEvidence.from_json(ReleaseEvidence(proofs=(wrong,)).to_json())


class TestPromoted:
    """A promotion of one package skips the soak of the imports that it needs, and of no other imports."""

    @pytest.fixture
    def taking(self, tmp_path: Path) -> Taking:
        """Edge and stable have two of theirs, of which `web` needs one; a newer `web` is built."""
        taking = Taking(tmp_path, name="stable")
        taking.release(1, "other")
        self.allow(taking)
        web = self.web(taking, "1.0")
        for channel in (taking.edge, taking.edge.named("stable")):
            channel.sign(web, **self.taken(taking))
        self.web(taking, "2.0")
        return taking

    def allow(self, taking: Taking, soak: bytes = b"") -> None:
        policy = b"from: edge\ngates: [proof%s]\n" % soak
        taking.allow({"channels/stable.yaml": policy, **taking.theirs.signed})

    def web(self, taking: Taking, version: str) -> Package:
        recipe = taking.edge.builder.recipe("web", f"requires: [{LIB}]\n", version=version)
        return replace(taking.edge.builder.build(recipe), needs=(LIB,))

    def taken(self, taking: Taking, number: int = 0, **said: Any) -> dict[str, Any]:
        """Everything in a release of theirs, by default the newest, or the one with `number`."""
        theirs = taking.theirs
        released = theirs.releases[(number or len(theirs.releases)) - 1]
        taken = theirs.taken(*theirs.held[released.digest], number=number, **said)
        return {"imports": (taken,), "proofs": (theirs.shown(number),)}

    def promoted(self, taking: Taking, *names: str, number: int = 0) -> Callable[[], None]:
        """Let edge import theirs with the newer `web`, which soaks from then on; return what signs its promotion."""
        web = replace(taking.edge.builder.built["web"], needs=(LIB,))
        taken = self.taken(taking, number)
        taking.edge.sign(web, **taken)
        self.allow(taking, b", {soak: 7d}")
        stable = taking.edge.named("stable")
        with pytest.raises(RefusedReleaseError):
            stable.sign(web, **taken)
        target = stable.newest("edge").digest
        order = stable.order(Act.PROMOTE, origin="edge", target=target, packages=dict.fromkeys(names))
        return lambda: stable.sign(web, **taken, orders=[order])

    def test_what_it_needs_comes_along(self, taking: Taking) -> None:
        lib, other = taking.theirs.package(taking.own, revision=2), taking.theirs.package(taking.other, "other")
        taking.theirs.publish(lib, other)
        self.promoted(taking, "web")()
        assert taking.edge.named("stable").released == 2

    def test_it_does_not_come_without_what_is_promoted(self, taking: Taking) -> None:
        lib, other = taking.theirs.package(taking.own, revision=2), taking.theirs.package(taking.other, "other")
        taking.theirs.publish(lib, other)
        sign = self.promoted(taking, "web")
        stable = taking.edge.named("stable")
        target = stable.newest("edge").digest
        order = stable.order(Act.PROMOTE, origin="edge", target=target, packages={"web": None}, at=taking.edge.now)
        with refuses("gate-refused", match="soak") as refused:
            stable.sign(**self.taken(taking), orders=[order])
        assert refused.value.by_package.keys() == {LIB}
        sign()
        assert stable.released == 2

    def test_it_comes_alone_where_it_is_promoted_by_its_own_name(self, taking: Taking) -> None:
        lib, other = taking.theirs.package(taking.own, revision=2), taking.theirs.package(taking.other, "other")
        taking.theirs.publish(lib, other)
        self.promoted(taking, "web")
        stable = taking.edge.named("stable")
        order = stable.order(
            Act.PROMOTE, origin="edge", target=stable.newest("edge").digest, packages={LIB: None}, at=taking.edge.now
        )
        stable.sign(**self.taken(taking), orders=[order])
        assert stable.released == 2

    def test_another_that_has_become_newer_does_not(self, taking: Taking) -> None:
        lib = taking.theirs.package(taking.own, revision=2)
        taking.theirs.publish(lib, taking.theirs.package(taking.other, "other", revision=2))
        sign = self.promoted(taking, "web")
        with refuses("gate-refused", match="soak") as refused:
            sign()
        assert refused.value.by_package.keys() == {f"{THEM}/other"}

    def test_nor_does_another_go(self, taking: Taking) -> None:
        taking.theirs.publish(taking.theirs.package(taking.own, revision=2))
        sign = self.promoted(taking, "web")
        with refuses("gate-refused", match="edge has been without it since") as refused:
            sign()
        assert refused.value.by_package.keys() == {f"{THEM}/other"}

    def test_a_promotion_of_all_takes_all(self, taking: Taking) -> None:
        taking.theirs.publish(taking.theirs.package(taking.own, revision=2))
        self.promoted(taking)()
        assert taking.edge.named("stable").released == 2

    def test_nothing_becomes_older_along_with_it(self, taking: Taking) -> None:
        lib, other = taking.theirs.package(taking.own, revision=2), taking.theirs.package(taking.other, "other")
        taking.theirs.publish(lib, other)
        for channel in (taking.edge, taking.edge.named("stable")):
            channel.sign(**self.taken(taking))
        (old,) = self.taken(taking, 1)["imports"]
        taking.edge.order(Act.RETRY, packages={LIB: old.packages[0].descriptor})
        sign = self.promoted(taking, "web", number=1)
        with refuses("unordered", match="it is older than that of release 2") as refused:
            sign()
        assert refused.value.by_package.keys() == {LIB}
