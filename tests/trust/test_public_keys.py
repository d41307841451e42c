"""The files of public keys in a published repository: exactly those of its metadata, in a form that openssl reads."""

from __future__ import annotations

import base64
import json
import subprocess
from typing import TYPE_CHECKING

from farm.trust.attestation.dsse import PAYLOAD_TYPE
from farm.trust.keys.key_files import load_public_key
from farm.trust.metadata.repository import Repository
from tests.threats.simulator import Simulator

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def index(simulator: Simulator) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((simulator.public / "keys" / "index.json").read_text())
    return found


def pems(simulator: Simulator) -> set[str]:
    return {path.stem for path in (simulator.public / "keys").glob("*.pem")}


def test_openssl_verifies_a_provenance_with_the_file_of_its_builder(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path / "farm")
    (builder,) = index(simulator)["builders"]
    entry, _ = simulator.distribution.entries["say"]
    envelope = json.loads(simulator.distribution.read(entry.provenance))
    payload = base64.b64decode(envelope["payload"])
    (signature,) = envelope["signatures"]
    assert signature["keyid"] == builder
    (tmp_path / "signed").write_bytes(f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} ".encode() + payload)
    (tmp_path / "signature").write_bytes(base64.b64decode(signature["sig"]))
    files = ["-in", str(tmp_path / "signed"), "-sigfile", str(tmp_path / "signature")]

    def verify(keyid: str) -> bool:
        key = ["-pubin", "-inkey", str(simulator.public / "keys" / f"{keyid}.pem")]
        return subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", *key, *files], check=False).returncode == 0

    assert verify(builder)
    assert not verify(index(simulator)["channels"]["edge"][0])


def test_they_are_those_of_the_metadata_before_and_after_keys_change(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path / "farm")
    online = simulator.folder / "keys" / "online"
    old = load_public_key(online / "edge.pub").keyid
    builder = simulator.distribution.builder.public_key.keyid
    assert index(simulator) == {"builders": [builder], "channels": {"edge": [old]}}
    assert pems(simulator) == {builder, old}
    simulator.replace_online_key("edge", "edge-2")
    new = load_public_key(online / "edge-2.pub").keyid
    assert index(simulator) == {"builders": [builder], "channels": {"edge": [new]}}
    assert pems(simulator) == {builder, new}


def test_a_repository_of_before_gets_them(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path / "farm")
    found = index(simulator)
    for path in (simulator.public / "keys").iterdir():
        path.unlink()
    (simulator.public / "keys").rmdir()
    Repository(simulator.public).refresh_public_keys()
    assert index(simulator) == found
