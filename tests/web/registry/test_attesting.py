"""The channel's signature on images of the farm's registry: made by the signer, which computes each image itself."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx
import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.oci.cosign import cosign_tag
from farm.server.pipeline.repository.signer_client import (
    ImageSignerClient,
    SignerRefusedError,
    SignerUnreachableError,
)
from farm.signing.sign import sign_image
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.image_request import AskedImage, UnsignableImageError
from farm.trust.attestation.image_statement import check_image_statement, image_statement
from farm.trust.blob_limits import LARGEST_ENVELOPE
from farm.trust.keys.key_files import load_public_key, public_pem
from farm.trust.keys.signers import Signers, read_signers
from farm.trust.metadata.repository import Repository
from tests.checker.checked_signing import ChecksHere
from tests.checker.signer_process import checker_process, images_socket, signer_process
from tests.foreign.neighbours import FIRST, Neighbours
from tests.oci.cosign import Cosign, needs_cosign
from tests.refusing import refuses
from tests.threats.simulator import Simulator
from tests.web.registry.conftest import copied, published
from tests.web.registry.running import RunningRegistry, making, running_registry
from web.registry.attesting import Attesting
from web.registry.budget import Bounds
from web.registry.names import ImageName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.client.image.records import ImageRecord
    from farm.trust.attestation.check_results import CheckedImage
    from tests.client.distribution import SmallDistribution

GREET = ImageName("edge", ("greet",))


@contextmanager
def running_signer(distribution: SmallDistribution, folder: Path) -> Iterator[Path]:
    """The signer in its own process; yields the socket on which it answers requests about images."""
    assert distribution.founded is not None
    keys = str(distribution.founded.online.relative_to(folder))
    with checker_process(folder, distribution.public), signer_process(folder, distribution.public, keys=keys):
        yield images_socket(folder)


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[tuple[RunningRegistry, Path]]:
    """A registry that asks a signer, and the directory of the distribution; nothing more is published."""
    folder = tmp_path_factory.mktemp("signing")
    distribution = published(folder, "quiet")
    distribution.publish()
    with (
        copied(migrated_sqlite, folder) as database,
        running_signer(distribution, folder) as socket,
        running_registry(database, folder / "farm", distribution.public, socket) as registry,
    ):
        yield registry, folder


def channels_key(registry: RunningRegistry, to: Path) -> Path:
    """Fetch the key of the channel as docs/subscribe.md says."""
    keys = f"{registry.url}/repository/keys"
    (keyid,) = httpx.get(f"{keys}/index.json").json()["channels"]["edge"]
    to.write_bytes(httpx.get(f"{keys}/{keyid}.pem").content)
    return to


@needs_cosign
@pytest.mark.parametrize("tag", ["latest", "1", "1-plain"])
def test_cosign_verifies_an_image_by_the_key_of_its_channel(
    signing: tuple[RunningRegistry, Path], tmp_path: Path, tag: str
) -> None:
    registry, _ = signing
    cosign, name = Cosign(tmp_path), f"{registry.host}/edge/greet/alone:{tag}"
    key = channels_key(registry, tmp_path / "edge.pem")
    (statement,) = cosign.verify(name, key)
    digest = registry.digest("edge/alone/greet", tag)
    assert statement["subject"] == [
        {"name": "dist.example.org/edge/alone/greet", "digest": {"sha256": digest.removeprefix("sha256:")}}
    ]
    named = {package["name"]: package.get("versionInfo") for package in statement["predicate"]["packages"]}
    assert named.items() >= {"alone": "1.0-1", "greet": "1.0-1", "say": "1.0-1"}.items()
    tree = cosign.tree(name)
    assert all(cosign_tag(Digest(digest), kind) in tree for kind in ("att", "sbom"))
    sbom = cosign.sbom(name)
    assert sbom["packages"][0]["checksums"][0]["checksumValue"] == digest.removeprefix("sha256:")
    (tmp_path / "stranger.pem").write_bytes(public_pem(CryptoSigner.generate_ed25519().public_key))
    assert cosign.verify(name, tmp_path / "stranger.pem") == []


def test_who_lists_referrers_gets_the_word_of_the_newest_release_that_was_asked_for(
    signing: tuple[RunningRegistry, Path],
) -> None:
    registry, _ = signing
    digest = registry.digest("edge/say", "1")
    assert registry.digest("edge/say", "2") == digest
    listed = registry.ask(f"edge/say/referrers/{digest}").json()["manifests"]
    said = [referrer for referrer in listed if referrer["artifactType"] == "application/vnd.in-toto+json"]
    assert [referrer["annotations"]["farm.releases"] for referrer in said] == ["dist.example.org/edge@2"]


def test_the_socket_takes_questions_about_images_and_nothing_else(
    signing: tuple[RunningRegistry, Path], distribution: SmallDistribution
) -> None:
    _, folder = signing
    http = httpx.Client(
        transport=httpx.HTTPTransport(uds=str(folder / "images" / "signer.sock")), base_url="http://signer"
    )
    assert distribution.released is not None
    for path in ("/releases", "/advisories"):
        assert http.post(path, content=distribution.released.to_json()).status_code == 404
    asked = AskedImage("edge", 1, ("greet",), plain=False)
    digest = '"digest":"sha256:' + "0" * 64 + '"'
    for content in (
        b"",
        b"[]",
        asked.to_json()[:-1] + f",{digest}}}".encode(),  # nobody gives it a digest
        replace(asked, packages=()).to_json(),
        replace(asked, packages=("say", "greet")).to_json(),
        replace(asked, packages=("../greet",)).to_json(),
        replace(asked, packages=tuple(f"p{number:02}" for number in range(33))).to_json(),
        replace(asked, number=0).to_json(),
        asked.to_json().replace(b"false", b"1"),
        b" " * (17 << 10),
        replace(asked, number=3).to_json(),
        replace(asked, channel="nowhere").to_json(),
        replace(asked, packages=("nothing",)).to_json(),
    ):
        assert http.post("/images", content=content).status_code == 409, content
    assert http.post("/images", content=asked.to_json()).status_code == 200


def test_it_signs_what_the_registry_serves_and_the_release_that_was_asked_for(
    distribution: SmallDistribution, tmp_path: Path
) -> None:
    images = making(distribution, tmp_path / "registry")
    first = images.tagged(GREET, "1")
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud"}, version="1.1")
    distribution.publish()
    repository, signers = signing_with(distribution)
    keys = SignedBy(distribution).keys
    for number, tag, plain in ((1, "1", False), (2, "latest", False), (1, "1-plain", True), (2, "2-plain", True)):
        envelope = sign_image(
            repository, signers, ChecksHere(repository), AskedImage("edge", number, ("greet",), plain)
        )
        check_image_statement(envelope, keys, images.tagged(GREET, tag))
    assert images.tagged(GREET, "1") == first != images.tagged(GREET, "2")


def test_it_needs_the_keys_of_the_channel(distribution: SmallDistribution) -> None:
    repository, signers = signing_with(distribution)
    keys = SignedBy(distribution).keys
    others = Signers({keyid: signer for keyid, signer in signers.by_keyid.items() if keyid not in keys})
    with refuses("missing-signer"):
        sign_image(repository, others, ChecksHere(repository), AskedImage("edge", 1, ("greet",), plain=False))


def test_packages_of_another_distribution_are_not_vouched_for(tmp_path: Path) -> None:
    neighbours = Neighbours(tmp_path)
    neighbours.address = "http://127.0.0.1:1"  # where nothing listens
    neighbours.second.package("web", {"bin/web": "#!/usr/bin/openssl\n"}, requires=(f"{FIRST}/openssl",))
    neighbours.publish("openssl", "say")
    repository, signers = signing_with(neighbours.second)
    with pytest.raises(UnsignableImageError, match=f"packages of {FIRST}"):
        sign_image(repository, signers, ChecksHere(repository), AskedImage("edge", 1, ("web",), plain=False))


@dataclass(frozen=True, kw_only=True)
class PaddedChecks(ChecksHere):
    """The checker's own code; spaces at the end of each bill of materials bring it to `size` bytes."""

    size: int

    def make_image(self, asked: AskedImage) -> CheckedImage:
        made = super().make_image(asked)
        return replace(made, sbom=made.sbom.ljust(self.size))


def test_a_bill_of_materials_of_the_largest_size_is_signed_and_a_larger_one_is_not(
    distribution: SmallDistribution,
) -> None:
    """Its spaces do not get into the envelope, which therefore is not too large."""
    repository, signers = signing_with(distribution)
    asked = AskedImage("edge", 1, ("greet",), plain=False)
    largest, larger = (PaddedChecks(repository, size=LARGEST_ENVELOPE + more) for more in (0, 1))
    assert sign_image(repository, signers, largest, asked)
    with pytest.raises(UnsignableImageError, match=f"its bill of materials has {LARGEST_ENVELOPE + 1} bytes"):
        sign_image(repository, signers, larger, asked)


class SignedBy:
    """A signer in this process, which counts requests; `answer` replaces its answer."""

    def __init__(self, distribution: SmallDistribution, name: str = "edge") -> None:
        self.repository, self.signers = signing_with(distribution)
        assert distribution.founded is not None
        key = load_public_key(distribution.founded.online / f"{name}.pub")
        self.keys = {key.keyid: key}
        self.asked: list[AskedImage] = []
        self.answer: bytes | FarmError | None = None

    def attest(self, asked: bytes) -> bytes:
        self.asked.append(AskedImage.from_json(asked))
        if isinstance(self.answer, FarmError):
            raise self.answer
        checker = ChecksHere(self.repository)
        return self.answer or sign_image(self.repository, self.signers, checker, self.asked[-1])


def signing_with(distribution: SmallDistribution) -> tuple[Repository, Signers]:
    assert distribution.founded is not None
    return Repository(distribution.public), read_signers(distribution.founded.online)


def attesting(distribution: SmallDistribution, folder: Path) -> tuple[Attesting, ImageRecord, SignedBy]:
    images, signer = making(distribution, folder), SignedBy(distribution)
    record = images.cache.image(images.tagged(GREET, "latest"))
    assert record is not None
    return Attesting(images.releases, images.cache, Bounds(), signer), record, signer  # type: ignore[arg-type]


def words(record: ImageRecord) -> int:
    return sum(referrer.artifact_type == "application/vnd.in-toto+json" for referrer in record.referrers)


def test_it_is_asked_once_for_an_image_of_a_release(distribution: SmallDistribution, tmp_path: Path) -> None:
    attest, record, signer = attesting(distribution, tmp_path / "registry")
    assert words(record) == 0
    for _ in range(2):
        record = attest.attested(record)
    assert (words(record), len(signer.asked)) == (1, 1)


def test_when_the_key_of_the_channel_has_changed_it_is_asked_again(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path / "farm")
    attest, record, _ = attesting(simulator.distribution, tmp_path / "registry")
    assert words(attest.attested(record)) == 1
    simulator.replace_online_key("edge", "edge-2")
    signer = SignedBy(simulator.distribution, "edge-2")
    images = making(simulator.distribution, tmp_path / "registry")
    again = Attesting(images.releases, images.cache, Bounds(), signer)  # type: ignore[arg-type]
    found = again.attested(record)
    assert (words(found), len(signer.asked)) == (2, 1)
    layers = json.loads(images.cache.blobs.read(again.cosigned(found, "att") or record.digest))["layers"]
    envelopes = [images.cache.blobs.read(Digest(layer["digest"])) for layer in layers[:2]]
    signed = [set(Envelope.from_dict(json.loads(envelope)).signatures) for envelope in envelopes]
    assert set(signer.keys) in signed


def test_what_is_not_signed_about_this_very_image_is_not_handed_on(
    distribution: SmallDistribution, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    attest, record, signer = attesting(distribution, tmp_path / "registry")
    (edge,) = (crypto_signer for keyid, crypto_signer in signer.signers.by_keyid.items() if keyid in signer.keys)
    right = image_statement(record.digest, "edge/greet", b"{}")
    for lie in (
        sign_statement(right, CryptoSigner.generate_ed25519()),
        sign_statement(image_statement(Digest.of(b"other"), "edge/greet", b"{}"), edge),
        sign_statement(right | {"predicateType": "https://example.org/other"}, edge),
        sign_statement({"_type": "of nothing"}, edge),
        b"no envelope",
        SignerUnreachableError("it is not well"),
    ):
        signer.answer = lie
        assert words(attest.attested(record)) == 0
    assert len([logged for logged in caplog.records if logged.levelno == logging.ERROR]) == 6
    signer.answer = sign_statement(right, edge)
    assert words(attest.attested(record)) == 1


def test_what_the_signer_refuses_it_is_not_asked_again(
    distribution: SmallDistribution, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    attest, record, signer = attesting(distribution, tmp_path / "registry")
    signer.answer = SignerRefusedError("of more than 120 packages some share layers")
    for _ in range(3):
        assert words(attest.attested(record)) == 0
    assert len(signer.asked) == 1
    assert "of more than 120 packages some share layers" in caplog.text


def test_when_the_checker_ended_while_it_looked_it_is_asked_again(
    distribution: SmallDistribution, tmp_path: Path
) -> None:
    attest, record, signer = attesting(distribution, tmp_path / "registry")
    signer.answer = SignerRefusedError("the checker ended while it looked at it", said="check-broken")
    assert words(attest.attested(record)) == 0
    signer.answer = None
    assert words(attest.attested(record)) == 1


def test_an_image_that_somebody_put_on_the_shelf_is_not_vouched_for(
    distribution: SmallDistribution, tmp_path: Path
) -> None:
    """An attacker in the registry's process can serve anything, and gets no signature of the channel for it."""
    attest, record, _ = attesting(distribution, tmp_path / "registry")
    other = replace(record, manifest=record.config)
    assert words(attest.attested(other)) == 0


def test_without_a_signer_the_provenance_is_found_all_the_same(registry: RunningRegistry) -> None:
    digest = registry.digest("edge/greet")
    found = registry.ask(f"edge/greet/manifests/{cosign_tag(Digest(digest), 'att')}")
    kinds = {layer["annotations"]["predicateType"] for layer in found.json()["layers"]}
    assert kinds == {"https://slsa.dev/provenance/v1"}
    again = registry.ask(f"edge/greet/manifests/{found.headers['docker-content-digest']}")
    assert again.content == found.content
    nothing = cosign_tag(Digest.of(b"nothing"), "att")
    assert registry.refused(f"edge/greet/manifests/{nothing}")[:2] == (404, "MANIFEST_UNKNOWN")
    signature = cosign_tag(Digest(digest), "sig")
    assert registry.refused(f"edge/greet/manifests/{signature}")[:2] == (404, "MANIFEST_UNKNOWN")


def test_the_client_of_the_socket_says_that_nobody_is_there(tmp_path: Path) -> None:
    with pytest.raises(FarmError, match="does not answer"):
        ImageSignerClient(tmp_path / "none.sock").attest(b"{}")
