"""Row 5: fewer than threshold keys stolen, or all online keys: what a thief can do, and how the owner recovers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, TargetFile, Targets

from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.keys.key_files import load_key
from farm.trust.keys.signers import Signers, read_signers, signed
from farm.trust.layout import BUILDERS_TARGET
from farm.trust.metadata.builders import builders_document
from farm.trust.untrusted_metadata import UntrustedMetadataError
from farm.trust.verification.client_metadata import ChannelMetadata
from tests.threats.simulator import Mirror, Simulator
from tests.trust.commands import CommandRunner
from tests.trust.conftest import DirectoryReader

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shared(tmp_path: Path) -> CommandRunner:
    """A repository whose root needs two of three people, and whose targets need two of two."""
    runner = CommandRunner(tmp_path / "shared")
    people = ("ann", "ben", "eve")
    for person in people:
        runner.run(f"new {person}.root")
        runner.run(f"new {person}.targets")
    roots = " ".join(f"--root-key {person}.root.pub" for person in people)
    targets = " ".join(f"--targets-key {person}.targets.pub" for person in people[:2])
    runner.run(f"init --repository public --keys keys {roots} --root-threshold 2 {targets} --targets-threshold 2")
    for role in ("root", "targets"):
        for person in people[:2]:
            runner.run(f"sign {role}.draft --key {person}.{role} --yes")
        runner.run(f"publish {role}.draft --repository public --online keys/online")
        (runner.folder / f"{role}.draft").unlink()
    return runner


def client(runner: CommandRunner) -> ChannelMetadata:
    root = (runner.folder / "public/metadata/1.root.json").read_bytes()
    return ChannelMetadata(runner.folder / "state", root, DirectoryReader(runner.folder / "public"))


def reason_of(runner: CommandRunner) -> str:
    with pytest.raises(UntrustedMetadataError) as caught:
        client(runner).newest("edge")
    return caught.value.reason


def test_one_stolen_key_of_root_makes_no_root(shared: CommandRunner) -> None:
    """Neither by the thief's own code, nor with the farm's commands."""
    metadata = shared.folder / "public/metadata"
    root = Metadata.from_file(str(metadata / "1.root.json")).signed
    thief = CryptoSigner.generate_ed25519()
    root.version = 2
    root.add_key(thief.public_key, "targets")
    root.roles["targets"].threshold = 1
    stolen = load_key(shared.folder / "eve.root")
    (metadata / "2.root.json").write_bytes(signed(root, [stolen, thief]))
    assert reason_of(shared) == "signature"
    (metadata / "2.root.json").unlink()
    assert reason_of(shared) == "missing"  # no release yet, and everything is valid

    shared.run("draft root --repository public --threshold 1")
    shared.run("sign root.draft --key eve.root --yes")
    said = shared.refused("publish root.draft --repository public --online keys/online")
    assert "root version 1 needs 2 and has 1" in said
    assert not (metadata / "2.root.json").exists()


def test_one_stolen_key_of_targets_allows_no_builder(shared: CommandRunner) -> None:
    shared.run("new thief")
    shared.run("draft targets --repository public --allow-builder thief.pub")
    shared.run("sign targets.draft --key ben.targets --yes")
    assert "needs 2 and has 1" in shared.refused("publish targets.draft --repository public --online keys/online")

    mirror = Mirror(shared.folder / "public")
    document = builders_document([load_key(shared.folder / "thief").public_key])

    def allow(targets: Targets) -> None:
        mirror.repository.write_target(BUILDERS_TARGET, document)
        targets.targets[BUILDERS_TARGET] = TargetFile.from_data(BUILDERS_TARGET, document, ["sha256"])

    mirror.forge_targets(
        allow, Signers.of(load_key(shared.folder / "ben.targets")), read_signers(shared.folder / "keys/online")
    )
    assert reason_of(shared) == "signature"


def test_the_stolen_keys_are_replaced_by_the_people_that_are_left(shared: CommandRunner) -> None:
    """Eve's key of root is stolen: Ann and Ben remove it, and add Eve's new one."""
    shared.run("new eve.root-2")
    shared.run("draft root --repository public --remove-key eve.root.pub --add-key eve.root-2.pub")
    assert "is none of" in shared.refused("sign root.draft --key eve.targets --yes")
    for person in ("ann", "ben"):
        shared.run(f"sign root.draft --key {person}.root --yes")
    shared.run("publish root.draft --repository public --online keys/online")
    assert reason_of(shared) == "missing"
    # From now on what Eve's old key signs does not count.
    (shared.folder / "root.draft").unlink()
    shared.run("draft root --repository public")
    assert "is none of" in shared.refused("sign root.draft --key eve.root --yes")


@pytest.mark.parametrize("role", ["root", "targets"])
def test_all_online_keys_together_sign_nothing_for_an_offline_role(simulator: Simulator, role: str) -> None:
    subscriber = simulator.subscriber()
    subscriber.install()
    mirror = simulator.mirror("mirror")
    thief = CryptoSigner.generate_ed25519()
    if role == "root":
        root = mirror.document("root")
        root.version = 2
        root.add_key(thief.public_key, "targets")
        mirror.write("root", root, simulator.online)
    else:
        document = builders_document([thief.public_key])

        def allow(targets: Targets) -> None:
            mirror.repository.write_target(BUILDERS_TARGET, document)
            targets.targets[BUILDERS_TARGET] = TargetFile.from_data(BUILDERS_TARGET, document, ["sha256"])

        mirror.forge_targets(allow, simulator.online, simulator.online)
    simulator.lead_to(mirror)
    error = subscriber.refuses("alone")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "signature"


def test_a_thief_of_all_online_keys_gets_no_package_of_his_own_to_clients(simulator: Simulator) -> None:
    """The thief can publish a release; its packages still need a builder that the offline keys allow."""
    subscriber = simulator.subscriber()
    subscriber.install()
    thief = simulator.distribution
    stranger = CryptoSigner.generate_ed25519()
    thief.package("say", {"bin/say": "\x7fevil"}, version="6.6", signed_by=stranger)
    thief.publish(checked=False)
    error = subscriber.refuses("greet")
    assert isinstance(error, InvalidEnvelopeError)
    assert "no allowed key" in error.message


def test_after_all_online_keys_were_stolen_the_owner_goes_on_with_new_ones(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    subscriber.install()
    stolen = simulator.online
    for role in ("timestamp", "snapshot", "edge", "advisories"):
        simulator.replace_online_key(role, f"{role}-2")
    assert not stolen.by_keyid.keys() & simulator.online.by_keyid.keys()
    release = simulator.release()
    assert subscriber.install("alone").set.releases[0].number == release.number
    mirror = simulator.mirror("mirror")
    head = mirror.repository.head()
    head.timestamp.version += 1
    mirror.write("timestamp", head.timestamp, stolen)
    simulator.lead_to(mirror)
    error = subscriber.refuses("greet")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "signature"
