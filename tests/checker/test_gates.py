"""The checker evaluates the gates of single packages by the signed policy; the pipeline's word does not count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.reading.refusal import RefusedReleaseError
from farm.trust.attestation.approval import approval_statement
from farm.trust.attestation.curator_order import Act
from farm.trust.attestation.dsse import sign_statement
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.metadata.repository import Repository
from tests.checker.built import DISTRIBUTION, Builder
from tests.checker.channel import Channel, opened_channel
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LICENSES = b"gates: [proof, licenses: {deny: [AGPL-3.0-only]}]\n"
HOST = b'gates: [proof, host: {kernel: "5.10"}]\n'


@pytest.fixture
def channel(tmp_path: Path) -> Callable[[bytes], Channel]:
    return lambda policy: opened_channel(tmp_path, policy)


def test_a_license_that_the_signed_policy_denies_is_not_signed(channel: Callable[[bytes], Channel]) -> None:
    edge = channel(LICENSES)
    edge.sign(edge.builder.build(edge.builder.recipe("free")))
    agpl = edge.builder.build(edge.builder.recipe("viral", license="AGPL-3.0-only"))
    with refuses("gate-refused", match=r"viral 1\.0-1 may not enter edge: it is licensed AGPL-3\.0-only"):
        edge.sign(agpl)
    either = edge.builder.build(edge.builder.recipe("either", license="MIT OR AGPL-3.0-only"))
    edge.sign(either)
    assert edge.released == 2


def test_a_host_that_is_not_promised_is_not_asked_for(channel: Callable[[bytes], Channel]) -> None:
    edge = channel(HOST)
    with refuses("gate-refused", match=r"it needs Linux 6\.1 of its host"):
        edge.sign(edge.builder.build(edge.builder.recipe("new", more='host: {kernel: "6.1"}\n')))
    edge.sign(edge.builder.build(edge.builder.recipe("old", more='host: {kernel: "5.4"}\n')))


@pytest.mark.parametrize(
    ("signer", "changes"),
    [
        ("mallory", {}),
        ("alice", {"curator": "ben"}),
        ("alice", {"channel": "stable"}),
        ("alice", {"removed": True}),
        ("alice", {"distribution": "quite.another.example"}),
        ("nobody", {}),
    ],
)
def test_without_the_approvals_of_signed_curators_nothing_enters(
    channel: Callable[[bytes], Channel], signer: str, changes: dict[str, Any]
) -> None:
    keys = {name: CryptoSigner.generate_ed25519() for name in ("alice", "ben", "mallory")}
    people = b"".join(b"  %s: '%s'\n" % (name.encode(), _hex(keys[name])) for name in ("alice", "ben"))
    edge = channel(b"gates: [proof]\n")
    edge.builder.owners = {"curators.yaml": b"curators:\n" + people}
    edge.builder.policies = {"channels/edge.yaml": b"gates: [proof, approvals: {count: 2}]\n"}
    sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), edge.now)
    package = edge.builder.build(edge.builder.recipe("zlib"))

    def approval(who: str, **said: Any) -> bytes:
        statement = approval_statement(package.descriptor, **({"channel": "edge", "curator": who} | said))
        return sign_statement(statement, keys[who])

    given = [approval("ben"), approval("ben"), b"rubbish"]
    wrong = [] if signer == "nobody" else [approval(signer, **changes)]
    with refuses("gate-refused", match="1 of 2 have approved it"):
        edge.sign(package, approvals=[*given, *wrong])
    edge.sign(package, approvals=[*given, *wrong, approval("alice", distribution=DISTRIBUTION)])
    assert edge.released == 1


def _hex(key: CryptoSigner) -> bytes:
    return str(key.public_key.keyval["public"]).encode()


def test_what_the_channel_has_held_comes_back_under_a_stricter_policy_with_its_whole_set_alone(
    channel: Callable[[bytes], Channel],
) -> None:
    edge = channel(b"gates: [proof]\n")
    free, other = (edge.builder.build(edge.builder.recipe(name)) for name in ("free", "other"))
    viral = edge.builder.build(edge.builder.recipe("viral", license="AGPL-3.0-only"))
    edge.sign(free)
    without = edge.newest().digest
    edge.sign(viral)
    before = edge.newest().digest
    edge.sign(remove=["viral"], orders=[edge.order(Act.ROLLBACK, target=without)])
    edge.order(Act.RETRY, packages={"viral": viral.descriptor.digest})
    edge.builder.policies = {"channels/edge.yaml": LICENSES}
    sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), edge.now)
    with refuses("gate-refused", match="it is licensed AGPL-3"):
        edge.sign(viral)
    with refuses("gate-refused", match="it is licensed AGPL-3"):
        edge.sign(viral, other)
    edge.sign(viral, orders=[edge.order(Act.ROLLBACK, target=before)])
    assert edge.released == 4


def test_a_channel_of_which_no_policy_is_signed_releases_nothing(tmp_path: Path) -> None:
    nightly = opened_channel(tmp_path, LICENSES, name="nightly")
    with pytest.raises(RefusedReleaseError, match="no policy of nightly is signed"):
        nightly.sign(nightly.builder.build(nightly.builder.recipe("free")))


def test_the_builder_tells_the_policy_that_is_signed(tmp_path: Path) -> None:
    builder = Builder.at(tmp_path)
    builder.policies = {"channels/edge.yaml": LICENSES}
    assert builder.policy().files == {"channels/edge.yaml": LICENSES.decode()}
