"""What a signed provenance says of the code that a build may have copied."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.plan.consumption import Consumption, OpenedFiles
from farm.trust.attestation.dsse import InvalidEnvelopeError, sign_statement
from farm.trust.attestation.provenance import (
    BuildRun,
    ProvenanceError,
    build_number_of,
    build_statement,
    read_consumed,
)
from farm.trust.keys.key_files import create_key
from tests.core.plan.values import dependency, planned

if TYPE_CHECKING:
    from pathlib import Path

    from securesystemslib.signer import CryptoSigner

DEPENDENCIES = (dependency("oniguruma"), dependency("zlib"))
ONIGURUMA, ZLIB = (
    Consumption(library.name, library.tree, static=OpenedFiles.of(static))
    for library, static in zip(DEPENDENCIES, ([], ["lib/libz.a"]), strict=True)
)


@pytest.fixture
def signer(tmp_path: Path) -> CryptoSigner:
    return create_key(tmp_path / "worker.pem")


def statement(signer: CryptoSigner, *consumed: Consumption) -> dict[str, Any]:
    plan = planned(dependencies=DEPENDENCIES)
    run = BuildRun(signer.public_key.keyid, "1", "then", "now", Digest.of(b"log"), {}, consumed)
    return build_statement(plan, Digest.of(b"recipe"), (), (), run)


def read(signer: CryptoSigner, said: dict[str, Any]) -> tuple[Consumption, ...]:
    return read_consumed(sign_statement(said, signer), {signer.public_key.keyid: signer.public_key})


def test_what_was_opened_of_each_dependency_is_read_back(signer: CryptoSigner) -> None:
    assert read(signer, statement(signer, ZLIB, ONIGURUMA)) == (ONIGURUMA, ZLIB)


def test_of_a_dependency_that_is_not_spoken_of_nothing_is_known(signer: CryptoSigner) -> None:
    assert read(signer, statement(signer, ZLIB)) == (replace(ONIGURUMA, is_known=False), ZLIB)


def test_what_is_said_of_another_tree_is_not_taken_for_this_one(signer: CryptoSigner) -> None:
    said = statement(signer, ZLIB, ONIGURUMA)
    said["predicate"]["buildDefinition"]["resolvedDependencies"][-1]["digest"]["sha256"] = "0" * 64
    assert read(signer, said) == (ONIGURUMA, Consumption(ZLIB.library, ZLIB.tree, is_known=False))


@pytest.mark.parametrize("annotation", [["lib/libz.a"], {"static": 1}, "all"])
def test_what_cannot_be_read_is_refused(signer: CryptoSigner, annotation: Any) -> None:
    said = statement(signer, ZLIB, ONIGURUMA)
    said["predicate"]["buildDefinition"]["resolvedDependencies"][-1]["annotations"]["opened"] = annotation
    with pytest.raises(ProvenanceError):
        read(signer, said)


def test_the_number_of_a_first_build_leaves_the_statement_as_it_was(signer: CryptoSigner) -> None:
    said = statement(signer)
    assert said["predicate"]["buildDefinition"]["internalParameters"].keys() == {"plan"}
    assert build_number_of(sign_statement(said, signer)) == 1


def test_a_number_is_read_back_from_the_statement(signer: CryptoSigner) -> None:
    said = statement(signer)
    said["predicate"]["buildDefinition"]["internalParameters"]["build"] = 7
    envelope = sign_statement(said, signer)
    assert build_number_of(envelope) == 7
    for wrong in (0, -1, "7", 7.0, True, None):
        said["predicate"]["buildDefinition"]["internalParameters"]["build"] = wrong
        with pytest.raises(ProvenanceError, match="number"):
            build_number_of(canonical_json(sign_as_is(said)))


def sign_as_is(said: dict[str, Any]) -> dict[str, Any]:
    return {"payload": base64.b64encode(json.dumps(said).encode()).decode(), "payloadType": "x", "signatures": []}


def test_what_another_key_signed_is_not_read(signer: CryptoSigner, tmp_path: Path) -> None:
    other = create_key(tmp_path / "other.pem").public_key
    with pytest.raises(InvalidEnvelopeError):
        read_consumed(sign_statement(statement(signer, ZLIB), signer), {other.keyid: other})
