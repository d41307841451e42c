"""What the signer states of a release that it signs: a reader sees by which policy, and on what evidence."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm import __version__
from farm.core.names.digest import Digest
from farm.trust.attestation.check_results import MOST_PROVENANCES, Checked
from farm.trust.attestation.dsse import InvalidEnvelopeError, sign_statement
from farm.trust.attestation.release_summary import read_summary, summary_statement
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.delegation import role_of
from farm.trust.metadata.repository import Repository
from tests.checker.built import EDGE
from tests.checker.channel import Channel, opened_channel

if TYPE_CHECKING:
    from pathlib import Path

    from securesystemslib.signer import Key

    from farm.trust.index.release_index import Release


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    return opened_channel(tmp_path, EDGE)


def released(edge: Channel, *names: str) -> Release:
    edge.sign(*(edge.builder.build(edge.builder.recipe(name)) for name in names))
    release = Repository(edge.public).current("edge").release
    assert release is not None
    return release


def keys_of(edge: Channel) -> dict[str, Key]:
    targets = Repository(edge.public).head().targets
    assert targets.delegations
    return {keyid: targets.delegations.keys[keyid] for keyid in role_of(targets, edge.name).keyids}


def summary(edge: Channel, release: Release) -> bytes:
    return (edge.public / "summaries" / f"{release.digest.hex}.json").read_bytes()


def statement(content: bytes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(base64.b64decode(json.loads(content)["payload"]))
    return said


def test_each_release_has_one_that_says_what_was_looked_at(edge: Channel) -> None:
    first, second = released(edge, "zlib"), released(edge, "jq")
    content = summary(edge, second)
    read = read_summary(content, keys_of(edge), second)
    document = Repository(edge.public).builders_document(Repository(edge.public).head())
    assert read.policy == Digest.of(document)
    found = (Checked.PROVENANCE, Checked.SET, Checked.PLANS, Checked.GATES)
    assert read.checked == ("SLSA_BUILD_LEVEL_UNEVALUATED", *found)
    said = statement(content)
    assert said["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert said["subject"] == [
        {"name": "dist.example.org/edge/2", "digest": {"sha256": second.digest.hex}},
        {"name": "package set of dist.example.org/edge/2", "digest": {"sha256": second.package_set.hex}},
    ]
    predicate = said["predicate"]
    assert predicate["verifier"] == {"id": "urn:farm:signer:dist.example.org", "version": {"farm": __version__}}
    assert predicate["resourceUri"] == "urn:farm:channel:dist.example.org:edge"
    assert (predicate["verificationResult"], predicate["slsaVersion"]) == ("PASSED", "1.0")
    assert abs(datetime.fromisoformat(predicate["timeVerified"]) - datetime.now(UTC)).total_seconds() < 300
    inputs = {
        inputattestation["name"]: inputattestation["digest"]["sha256"]
        for inputattestation in predicate["inputAttestations"]
    }
    before = f"summaries/{first.digest.hex}.json"
    # Only the new packages: the earlier summaries describe the others.
    assert list(inputs) == ["evidence", before, "provenance of jq"]
    assert inputs[before] == Digest.of(summary(edge, first)).hex
    assert inputs["provenance of jq"] == edge.builder.built["jq"].entry.provenance.digest.hex
    evidence = edge.builder.blobs.read(Digest.from_hex(inputs["evidence"]))
    assert json.loads(evidence)["format"] == 1


def test_of_many_new_packages_the_index_names_the_provenances(edge: Channel) -> None:
    release, evidence = edge.prepare(edge.builder.build(edge.builder.recipe("zlib")))
    verified = edge.decision.check(release, evidence)
    assert len(verified.provenances) <= MOST_PROVENANCES
    many = replace(verified, new=tuple(map(str, range(100_000))), provenances=())
    said = summary_statement(release, many, datetime.now(UTC), None)["predicate"]["inputAttestations"]
    assert [attestation["name"] for attestation in said] == ["evidence", "index"]
    assert said[1]["digest"] == {"sha256": release.index.digest.hex}


def test_one_of_another_release_channel_or_key_is_none(edge: Channel) -> None:
    first, second = released(edge, "zlib"), released(edge, "jq")
    content, keys = summary(edge, second), keys_of(edge)
    with pytest.raises(InvalidEnvelopeError, match="about another release"):
        read_summary(content, keys, first)
    with pytest.raises(InvalidEnvelopeError, match="about another release"):
        read_summary(content, keys, replace(second, channel="stable"))
    stranger = CryptoSigner.generate_ed25519()
    with pytest.raises(InvalidEnvelopeError, match="no allowed key"):
        read_summary(sign_statement(statement(content), stranger), keys, second)
    signer = next(signer for signer in read_signers(edge.keys / "online") if signer.public_key.keyid in keys)
    said = statement(content)
    for changed in (
        said | {"predicateType": "https://slsa.dev/provenance/v1"},
        said | {"predicate": said["predicate"] | {"verificationResult": "FAILED"}},
        said | {"predicate": {}},
    ):
        with pytest.raises(InvalidEnvelopeError, match=r"no summary of what passed|lacks"):
            read_summary(sign_statement(changed, signer), keys, second)


def test_what_is_asked_for_again_keeps_the_one_that_it_has(edge: Channel) -> None:
    """The answer to control may be lost: control asks again, and nothing is new by then."""
    release, evidence = edge.prepare(edge.builder.build(edge.builder.recipe("zlib")))
    edge.ask(release, evidence)
    content = summary(edge, release)
    edge.ask(release, evidence)
    assert summary(edge, release) == content
