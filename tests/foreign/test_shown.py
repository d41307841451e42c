"""A farm shows its signer the proof of its imports, from what it stored while it followed the other distribution."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from farm.checker.imported import check_imported
from farm.checker.reading.published_documents import PublishedDocuments
from farm.core.names.digest import Digest
from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.set_gates import ProofGate
from farm.core.recipe.distributions import OtherDistribution
from farm.server.federation import imported
from farm.signing.evidence import ReleaseEvidence
from farm.store.blobs import BlobStore
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.index.release_index import Release
from farm.trust.metadata.signed_policy import policy_of_files
from tests.farms.importing import ImportingFarm
from tests.farms.releasing import EDGE
from tests.farms.small import recipe
from tests.foreign.neighbours import FIRST
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database
    from tests.foreign.neighbours import Neighbours

SSL = f"{FIRST}/openssl"
STABLE = ChannelPolicy("stable", (ProofGate(),), from_channel="edge")


@pytest.fixture
def taking(neighbours: Neighbours, database: Database, tmp_path: Path) -> ImportingFarm:
    taking = ImportingFarm.beside(neighbours, database, tmp_path / "farm")
    taking.shape("web", "1.0", {}, requires=(SSL,))
    taking.submit(recipe("web", more=f"requires: [{SSL}]\n"))
    return taking


def update(neighbours: Neighbours, version: str) -> None:
    files = {"bin/openssl": "#!/usr/bin/say\n", "share/openssl/version": version}
    neighbours.first.package("openssl", files, version=version)
    neighbours.first.publish()


def check_newest(taking: ImportingFarm, neighbours: Neighbours, channel: str = "edge") -> ReleaseEvidence:
    """Check as the checker does, with only the blobs that were brought to it; return the evidence."""
    assert neighbours.first.founded is not None
    public = BlobStore(taking.signer.repository.root / "blobs")
    root = Digest(neighbours.first.founded.fingerprint)
    signed = {FIRST: OtherDistribution(FIRST, neighbours.address, "edge", root)}
    evidence = ReleaseEvidence.from_json(public.read(taking.signer.evidence[-1]))
    release = taking.head(channel)
    previous = Release.from_json(public.read(release.previous)) if release.previous else None
    check_imported(release, previous, signed, evidence.proofs, PublishedDocuments(public))
    return evidence


def test_a_release_shows_what_it_takes_anew_and_nothing_else(taking: ImportingFarm, neighbours: Neighbours) -> None:
    taking.follow()
    taking.decide()
    first = check_newest(taking, neighbours)
    assert [len(proof.heads) for proof in first.proofs] == [1]
    taking.submit(recipe("own"))
    taking.decide()
    assert check_newest(taking, neighbours).proofs == ()
    update(neighbours, "3.1")
    assert taking.follow() == 1
    taking.decide()
    (second,) = check_newest(taking, neighbours).proofs
    assert second.release == taking.taken().release != first.proofs[0].release
    taking.pipeline = taking.channel(STABLE)
    taking.decide()
    assert check_newest(taking, neighbours, "stable").proofs == (second,)


def test_what_a_control_of_before_has_seen_is_shown_by_what_is_newest_now(
    taking: ImportingFarm, neighbours: Neighbours
) -> None:
    """It has recorded releases, and stored nothing that proves their signatures."""
    taking.follow()
    update(neighbours, "3.1")
    taking.follow()
    taking.decide()
    with taking.application.database.connection() as connection:
        connection.execute(text("UPDATE imported_release SET shown = ''"))
    taking.submit(recipe("own"))
    taking.decide()  # what is unchanged needs no proof
    assert check_newest(taking, neighbours).proofs == ()
    update(neighbours, "3.2")
    taking.follow()
    taking.pipeline = taking.channel(STABLE)
    taking.decide()
    assert taking.taken("stable").number == 2
    (shown,) = check_newest(taking, neighbours, "stable").proofs
    assert len(shown.heads) == 2


def test_where_nothing_is_kept_the_signer_refuses_and_a_look_mends_it(
    taking: ImportingFarm, neighbours: Neighbours
) -> None:
    taking.follow()
    with taking.application.database.connection() as connection:
        connection.execute(text("UPDATE imported_release SET shown = ''"))
    taking.decide()
    with refuses("unshown-import", match="there is no proof"):
        check_newest(taking, neighbours)
    assert taking.follow() == 0  # nothing new except that
    taking.pipeline = taking.channel(STABLE)
    taking.decide()
    assert check_newest(taking, neighbours, "stable").proofs


def test_an_older_database_learns_of_what_is_taken_from_what_shows_it(
    taking: ImportingFarm, neighbours: Neighbours
) -> None:
    """Their newest release is a different one by now: following them would not reveal what is in force here."""
    lose_what_is_known(taking, neighbours)
    taking.follow()
    taking.decide()
    assert taking.head().number == 3
    assert taking.taken().number == 2


@pytest.mark.parametrize("where", ["before it", "after it", "with a later release"])
def test_a_spoiled_document_beside_that_is_passed_over(
    taking: ImportingFarm, neighbours: Neighbours, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Earlier signers accepted it, next to the good one or where nothing was newly imported."""
    public, sign, good = BlobStore(taking.signer.repository.root / "blobs"), taking.signer.sign, []

    def spoiled(release: Release, evidence: Digest) -> None:
        release_evidence = ReleaseEvidence.from_json(public.read(evidence))
        good.extend(release_evidence.proofs)
        bad = [replace(good[0], timestamp=digest) for digest in (Digest.of(b"nowhere"), good[0].snapshot)]
        first, later = {
            "before it": ((*bad, *release_evidence.proofs), ()),
            "after it": ((*release_evidence.proofs, *bad), ()),
            "with a later release": (release_evidence.proofs, bad),
        }[where]
        brought = tuple(first if release_evidence.proofs else later)
        sign(release, public.put_bytes(replace(release_evidence, proofs=brought).to_json()))

    monkeypatch.setattr(taking.signer, "sign", spoiled)
    lose_what_is_known(taking, neighbours)
    monkeypatch.setattr(taking.signer, "sign", sign)
    with taking.application.reading() as unit:
        assert imported.shown(unit.session, good[0].release, good[0].roots[0]) == json.dumps(good[0].to_dict())


def lose_what_is_known(taking: ImportingFarm, neighbours: Neighbours) -> None:
    """Make two releases, delete what the database knows of them, and let control recover their imports."""
    taking.signer.states = True
    taking.follow()
    taking.decide()
    taking.submit(recipe("own"))
    taking.decide()
    with taking.application.database.connection() as connection:
        for table in ("candidate_pin", "imported_package", "imported_release", "membership", "release"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    update(neighbours, "3.1")
    taking.pipeline = taking.channel(EDGE)
    assert taking.pipeline.advance().state == "released"


def test_a_release_names_the_address_that_is_signed(taking: ImportingFarm, neighbours: Neighbours) -> None:
    """The signer requires it, whichever mirror was followed when their release was seen."""
    assert neighbours.first.founded is not None
    taking.follow()
    taking.decide()
    assert taking.taken().address == neighbours.address
    there = f"{{address: https://moved.example, channel: edge, root: '{neighbours.first.founded.fingerprint}'}}"
    policy = policy_of_files({"distributions.yaml": f"{FIRST}: {there}\n".encode()}, [], None)
    sign_policy(
        taking.signer.repository, taking.signer.repository.root.parent / "keys", policy, taking.application.clock()
    )
    taking.submit(recipe("own"))
    taking.decide()
    assert taking.head().number == 2
    assert taking.taken().address == "https://moved.example"
