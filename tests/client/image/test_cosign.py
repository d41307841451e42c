"""cosign finds next to a pushed image what farm attached, and also what others have attested."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.client.image.evidence import attested_sbom, sbom_among
from farm.client.image.push import registry_connections
from farm.oci.cosign import MOST_LAYERS, SIGNATURE, attestations_manifest, cosign_tag
from farm.oci.image_reference import RemoteReference
from farm.oci.push import push_image
from farm.oci.registry import Repository
from farm.oci.registry_credentials import Credentials
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.image_statement import image_statement
from farm.trust.keys.key_files import public_pem
from tests.client.images import build, subscribe
from tests.oci.cosign import Cosign, needs_cosign
from tests.oci.registry_server import PROGRAM, Registry, fetched, running_registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.client.image.records import ImageRecord
    from farm.client.repository.host import Host
    from farm.oci.referrers import Referrer
    from tests.client.distribution import SmallDistribution

pytestmark = [needs_cosign, pytest.mark.skipif(not Path(PROGRAM).exists(), reason="needs Debian's docker-registry")]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running_registry(tmp_path / "registry") as found:
        yield found


@pytest.fixture
def cosign(tmp_path: Path) -> Cosign:
    return Cosign(tmp_path)


@pytest.fixture
def image(distribution: SmallDistribution, host: Host) -> ImageRecord:
    subscribe(host, distribution)
    return build(host, "greet", "alone", name="x:1")


def push(host: Host, image: ImageRecord, to: str, more: Sequence[Referrer] = ()) -> str:
    target = RemoteReference.parse(to)
    repository = Repository(target, Credentials(), registry_connections, plain_http=True)
    try:
        push_image(image.image, host.blobs, repository, target.tag, referrers=[*image.referrers, *more])
    finally:
        repository.close()
    return to


def signed(host: Host, image: ImageRecord, signer: CryptoSigner) -> Referrer:
    statement = image_statement(image.digest, "tools", sbom_among(image.referrers, host.blobs))
    return attested_sbom(image.image.manifest, sign_statement(statement, signer), {}, host.blobs)


def written(path: Path, signer: CryptoSigner) -> Path:
    path.write_bytes(public_pem(signer.public_key))
    return path


def test_cosign_finds_the_bill_of_materials_and_the_provenance_of_every_package(
    registry: Registry, cosign: Cosign, distribution: SmallDistribution, host: Host, image: ImageRecord
) -> None:
    name = push(host, image, f"{registry.host}/tools:1")
    tree = cosign.tree(name)
    assert cosign_tag(image.digest, "att") in tree
    assert cosign_tag(image.digest, "sbom") in tree
    assert cosign.sbom(name) == json.loads(sbom_among(image.referrers, host.blobs))
    builder = written(cosign.folder / "builder.pem", distribution.builder)
    kind = "slsaprovenance1"
    carried = cosign.verify(name, builder, kind, "--check-claims=false")
    assert {subject["name"] for statement in carried for subject in statement["subject"]} == {
        f"dist.example.org/{name} 1.0-1" for name in ("alone", "greet", "say")
    }
    assert cosign.verify(name, builder, kind) == []  # it is about packages, not about the image
    stranger = written(cosign.folder / "stranger.pem", CryptoSigner.generate_ed25519())
    assert cosign.verify(name, stranger, kind, "--check-claims=false") == []
    assert cosign.verify(name, builder) == []


def test_who_pushes_signs_what_the_image_is_made_of(
    registry: Registry, cosign: Cosign, host: Host, image: ImageRecord
) -> None:
    mine, stranger = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
    name = push(host, image, f"{registry.host}/tools:1", [signed(host, image, mine)])
    (statement,) = cosign.verify(name, written(cosign.folder / "mine.pem", mine))
    assert statement["subject"][0]["digest"] == {"sha256": image.digest.hex}
    assert {package["name"] for package in statement["predicate"]["packages"]} == {"alone", "greet", "image", "say"}
    assert cosign.verify(name, written(cosign.folder / "stranger.pem", stranger)) == []
    other = build(host, "say", name="y:1")
    lying = push(host, other, f"{registry.host}/tools:2", [signed(host, image, mine)])
    assert cosign.verify(lying, cosign.folder / "mine.pem") == []


def test_what_others_have_attested_stays_and_others_can_attest_more(
    registry: Registry, cosign: Cosign, host: Host, image: ImageRecord
) -> None:
    first, second = CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()
    name = push(host, image, f"{registry.host}/tools:1", [signed(host, image, first)])
    assert cosign.run("generate-key-pair").returncode == 0
    (cosign.folder / "note.json").write_text('{"seen": true}')
    attest = ["--key", "cosign.key", "--predicate", "note.json", "--type", "custom", "--tlog-upload=false", "--yes"]
    done = cosign.run("attest", *attest, "--allow-http-registry", name)
    assert done.returncode == 0, done.stderr
    push(host, image, name, [signed(host, image, second)])
    assert len(cosign.verify(name, written(cosign.folder / "first.pem", first))) == 1
    assert len(cosign.verify(name, written(cosign.folder / "second.pem", second))) == 1
    assert len(cosign.verify(name, cosign.folder / "cosign.pub", "custom")) == 1
    before = fetched(registry, f"/v2/tools/manifests/{cosign_tag(image.digest, 'att')}")
    push(host, image, name)
    assert fetched(registry, f"/v2/tools/manifests/{cosign_tag(image.digest, 'att')}") == before


def test_a_bill_of_materials_that_somebody_attached_stays(
    registry: Registry, cosign: Cosign, host: Host, image: ImageRecord
) -> None:
    name = f"{registry.host}/tools:1"
    push(host, image, name)
    (cosign.folder / "mine.json").write_text('{"mine": true}')
    done = cosign.run("attach", "sbom", "--sbom", "mine.json", "--type", "spdx", "--allow-http-registry", name)
    assert done.returncode == 0, done.stderr
    push(host, image, name)
    assert cosign.sbom(name) == {"mine": True}


def test_of_more_attestations_than_cosign_reads_those_of_packages_are_left_out() -> None:
    def manifest(*layers: tuple[str, str]) -> bytes:
        listed = [{"annotations": {SIGNATURE: "", "predicateType": kind}, "digest": digest} for digest, kind in layers]
        return json.dumps({"layers": listed, "subject": {}}).encode()

    provenance = manifest(*((f"p{number}", "https://slsa.dev/provenance/v1") for number in range(MOST_LAYERS + 5)))
    found = attestations_manifest([provenance, manifest(("image", "https://spdx.dev/Document"))])
    assert found is not None
    digests = [layer["digest"] for layer in json.loads(found)["layers"]]
    assert (len(digests), digests[0]) == (MOST_LAYERS, "image")
    assert "subject" not in json.loads(found)
    assert attestations_manifest([json.dumps({"layers": [{"digest": "unsigned"}]}).encode()]) is None
