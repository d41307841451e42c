"""Blobs missing from the public store are restored from the farm's own, in turn and when the signer asks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.server.pipeline.publishing.lost_blobs import BlobWatch
from farm.server.pipeline.repository.signer_client import SignerRefusedError
from farm.store.blobs import BlobStore
from farm.trust.index.tree import entries
from farm.trust.layout import BLOBS
from tests.farms.small import recipe
from workers.refusals import read_refusal, refusal_form

if TYPE_CHECKING:
    from farm.trust.index.release_index import Release, ReleaseEntry
    from tests.farms.releasing import ReleasingFarm


@pytest.fixture
def released(releasing: ReleasingFarm) -> ReleasingFarm:
    releasing.submit(*(recipe(name) for name in ("a", "b", "c")))
    releasing.settle()
    return releasing


def public(releasing: ReleasingFarm) -> BlobStore:
    return BlobStore(releasing.signer.repository.root / BLOBS)


def held(releasing: ReleasingFarm) -> list[ReleaseEntry]:
    newest = releasing.signer.repository.current("edge").release
    assert newest is not None
    return list(entries(lambda blob: public(releasing).read(blob.digest), newest.index))


def watch(releasing: ReleasingFarm, at_once: int) -> BlobWatch:
    root = releasing.signer.repository.root
    return BlobWatch(releasing.application, root, at_once=at_once)


def test_what_is_gone_is_put_back_a_part_at_a_time(released: ReleasingFarm, caplog: pytest.LogCaptureFixture) -> None:
    taken = [held(released)[0].archive.digest, held(released)[2].archive.digest, held(released)[1].recipe]
    cut_off = held(released)[1].archive.digest
    for digest in taken:
        public(released).delete(digest)
    place = public(released).path(cut_off)
    place.unlink()
    place.write_bytes(b"cut off")
    looking = watch(released, 4)
    counts = [looking.check() for _ in range(12)]
    assert max(counts) == 4
    assert sum(counts) > 4 * 4
    for digest in (*taken, cut_off):
        public(released).verify(digest)
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert sorted(digest for digest in (*taken, cut_off) if any(digest in line for line in said)) == sorted(
        (*taken, cut_off)
    )


def test_it_begins_anew_and_says_of_what_nobody_has_that_it_is_gone(
    released: ReleasingFarm, caplog: pytest.LogCaptureFixture
) -> None:
    looking = watch(released, 1000)
    looking.check()
    looking.check()
    digest = held(released)[0].archive.digest
    public(released).delete(digest)
    released.application.blobs.delete(digest)
    looking.check()
    assert any(digest in message and "from the farm's own" in message for message in caplog.messages)


def test_a_directory_in_the_place_of_a_blob_is_replaced(
    released: ReleasingFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it contains; also when the signer asks."""
    first, second = held(released)[0].descriptor.digest, held(released)[1].facts.digest
    for digest in (first, second):
        public(released).delete(digest)
        (public(released).path(digest) / "deep").mkdir(parents=True)
        (public(released).path(digest) / "deep" / "x").write_bytes(b"x")
    looking = watch(released, 1000)
    looking.check()
    looking.check()
    public(released).verify(second)
    public(released).delete(first)
    public(released).path(first).mkdir()
    refusing(released, monkeypatch, [first])
    released.submit(recipe("after"))
    released.settle()
    assert released.releases() == 2


def test_what_cannot_be_put_back_is_not_said_to_be_gone(
    released: ReleasingFarm, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the log, nor to the client that requests a release."""
    digest = held(released)[0].descriptor.digest
    public(released).delete(digest)
    shard = public(released).path(digest).parent
    shard.rename(shard.with_name("aside"))
    shard.symlink_to("nowhere")
    looking = watch(released, 1000)
    looking.check()
    looking.check()
    said = [record.getMessage() for record in caplog.records if digest in record.getMessage()]
    assert any("cannot be restored" in line and str(shard) in line for line in said)
    assert not any("from the farm's own" in line for line in said)
    shard.unlink()  # so that the other blobs in it can be restored
    shard.with_name("aside").rename(shard)

    def sign(_release: Release, _evidence: Digest) -> None:
        if not shard.is_symlink():
            shard.rename(shard.with_name("aside"))
            shard.symlink_to("nowhere")
        raise SignerRefusedError(f"the store has no blob {digest}", lost_blobs=(digest,))

    monkeypatch.setattr(released.signer, "sign", sign)
    released.submit(recipe("after"))
    text = str(released.settle())
    assert "cannot be restored" in text
    assert "no intact copy" not in text


def test_the_signer_is_asked_again_once_what_it_missed_is_back(
    released: ReleasingFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed = [held(released)[0].descriptor.digest, held(released)[1].facts.digest]
    for digest in missed:
        public(released).delete(digest)
    asked = refusing(released, monkeypatch, missed)
    released.submit(recipe("after"))
    released.settle()
    assert released.releases() == 2
    assert asked == [missed[0]]  # the second was restored at the same time


def test_it_is_not_asked_for_ever(released: ReleasingFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a signer that reports blobs missing although they exist."""
    missed = held(released)[0].descriptor.digest
    count = 0

    def sign(_release: Release, _evidence: Digest) -> None:
        nonlocal count
        count += 1
        raise SignerRefusedError("there is no such blob", lost_blobs=(missed,))

    monkeypatch.setattr(released.signer, "sign", sign)
    released.submit(recipe("after"))
    assert released.settle().newest is not None
    assert count == 2
    assert released.releases() == 1


def test_which_blobs_are_lost_passes_through_a_refusal() -> None:
    """Also those whose absence raised an error; an error about none is as it was before."""
    digest = Digest.of(b"x")
    inner, outer = FarmError("gone"), FarmError("it cannot be said")
    inner.lost_blobs = (digest,)
    outer.__cause__ = inner
    assert "blobs" not in refusal_form(FarmError("no"))
    form = refusal_form(outer)
    assert form["blobs"] == [digest]
    assert read_refusal(canonical_json(form)).lost_blobs == (digest,)
    del form["blobs"]
    assert read_refusal(canonical_json(form)).lost_blobs == ()  # by an older checker


def refusing(releasing: ReleasingFarm, monkeypatch: pytest.MonkeyPatch, missed: list[Digest]) -> list[Digest]:
    """Let the signer refuse as long as one of these blobs is missing; return those that it has named."""
    asked: list[Digest] = []
    honest = releasing.signer.sign

    def sign(release: Release, evidence: Digest) -> None:
        for digest in missed:
            if not public(releasing).has(digest):
                asked.append(digest)
                raise SignerRefusedError(f"the store has no blob {digest}", lost_blobs=(digest,))
        honest(release, evidence)

    monkeypatch.setattr(releasing.signer, "sign", sign)
    return asked
