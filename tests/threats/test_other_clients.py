"""What is published works with independent clients: python-tuf's own, tuf-js's, and cosign."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.ngclient import Updater

from farm.trust.keys.key_files import public_pem, write_public_key
from farm.trust.layout import BUILDERS_TARGET, release_target
from tests.threats.simulator import Simulator, serving
from tests.trust.commands import CommandRunner

if TYPE_CHECKING:
    from pathlib import Path

TUF_JS = "tuf-js@5.0.1"
SCRIPT = """
const { Updater } = require('tuf-js');
const [url, path] = process.argv.slice(2);
(async () => {
  const updater = new Updater({
    metadataDir: 'metadata', metadataBaseUrl: `${url}/metadata`, targetDir: 'targets', targetBaseUrl: `${url}/targets`,
  });
  await updater.refresh();
  const found = await updater.getTargetInfo(path);
  if (!found) { console.log('none'); return; }
  console.log(require('fs').readFileSync(await updater.downloadTarget(found), 'utf8'));
})().catch((error) => { console.error(error.constructor.name + ': ' + error.message); process.exit(1); });
"""


def with_python_tuf(simulator: Simulator, url: str, state: Path, path: str) -> bytes | None:
    (state / "targets").mkdir(parents=True, exist_ok=True)
    updater = Updater(
        metadata_dir=str(state),
        metadata_base_url=f"{url}/metadata/",
        target_dir=str(state / "targets"),
        target_base_url=f"{url}/targets/",
        bootstrap=(simulator.public / "metadata" / "1.root.json").read_bytes(),
    )
    found = updater.get_targetinfo(path)
    if found is None:
        return None
    with open(updater.download_target(found), "rb") as file:  # noqa: PTH123  # the path is the updater's word
        return file.read()


def test_python_tufs_own_client_reads_it_before_and_after_keys_change(simulator: Simulator, tmp_path: Path) -> None:
    edge, state = release_target("edge"), tmp_path / "state"
    with serving(simulator.public) as url:
        assert with_python_tuf(simulator, url, state, edge) == simulator.releases[0].to_json()
        assert with_python_tuf(simulator, url, state, "channels/nowhere/release.json") is None
        for role in ("timestamp", "snapshot", "edge"):
            simulator.replace_online_key(role, f"{role}-2")
        second = simulator.release()
        for place in (state, tmp_path / "another"):
            assert with_python_tuf(simulator, url, place, edge) == second.to_json()
            assert with_python_tuf(simulator, url, place, BUILDERS_TARGET)


@pytest.fixture(scope="module")
def tuf_js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which node finds tuf-js."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("tuf-js")
    (folder / "package.json").write_text('{"name": "client", "private": true}\n')
    (folder / "client.js").write_text(SCRIPT)
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", TUF_JS]
    installed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"npm cannot install {TUF_JS}: {installed.stderr.strip().splitlines()[-1:]}")
    return folder


@pytest.mark.scenario
def test_tuf_js_reads_it_before_and_after_keys_change(simulator: Simulator, tuf_js: Path) -> None:
    (tuf_js / "metadata").mkdir()
    (tuf_js / "targets").mkdir()
    shutil.copy(simulator.public / "metadata" / "1.root.json", tuf_js / "metadata" / "root.json")

    def read(url: str, path: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["node", "client.js", url, path], cwd=tuf_js, capture_output=True, text=True, check=False)

    edge = release_target("edge")
    with serving(simulator.public) as url:
        first = read(url, edge)
        assert first.stdout.strip() == simulator.releases[0].to_json().decode(), first.stderr
        assert read(url, "channels/nowhere/release.json").stdout.strip() == "none"
        for role in ("timestamp", "snapshot", "edge"):
            simulator.replace_online_key(role, f"{role}-2")
        second = simulator.release()
        assert read(url, edge).stdout.strip() == second.to_json().decode()
        # And it refuses what it should; otherwise the checks above would prove nothing.
        path = simulator.public / "metadata" / "timestamp.json"
        content = path.read_bytes()
        at = content.index(b'"expires":') + 14
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert read(url, edge).returncode == 1


@pytest.mark.skipif(shutil.which("cosign") is None, reason="cosign is not installed: script/bootstrap --test")
def test_cosign_verifies_the_provenance_of_a_package(simulator: Simulator, tmp_path: Path) -> None:
    entry, _ = simulator.distribution.entries["say"]
    other, _ = simulator.distribution.entries["alone"]
    for name, blob in (("provenance", entry.provenance), ("descriptor", entry.descriptor), ("other", other.descriptor)):
        (tmp_path / name).write_bytes(simulator.distribution.read(blob))
    write_public_key(tmp_path / "builder.pub", simulator.distribution.builder.public_key)
    (tmp_path / "builder.pem").write_text(CommandRunner(tmp_path).run("export builder.pub --pem"))
    (tmp_path / "stranger.pem").write_bytes(public_pem(CryptoSigner.generate_ed25519().public_key))

    def verify(key: str, blob: str) -> subprocess.CompletedProcess[str]:
        options = ("--type", "slsaprovenance1", "--insecure-ignore-tlog", "--signature", "provenance")
        return subprocess.run(
            ["cosign", "verify-blob-attestation", "--key", key, *options, blob],
            cwd=tmp_path,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    good = verify("builder.pem", "descriptor")
    assert good.returncode == 0, good.stderr
    assert "Verified OK" in good.stderr + good.stdout
    assert verify("stranger.pem", "descriptor").returncode != 0
    assert verify("builder.pem", "other").returncode != 0


@pytest.mark.skipif(shutil.which("cosign") is None, reason="cosign is not installed: script/bootstrap --test")
def test_cosign_verifies_what_the_signer_states_of_a_release(simulator: Simulator, tmp_path: Path) -> None:
    """As docs/subscribe.md says: with the key of the channel, on the release's published file."""
    public, release = simulator.public, simulator.releases[0]
    (keyid,) = json.loads((public / "keys" / "index.json").read_bytes())["channels"]["edge"]
    summary = public / "summaries" / f"{release.digest.hex}.json"
    heads = {"release": public / "targets/channels/edge" / f"{release.digest.hex}.release.json"}
    heads["set"] = public / "blobs/sha256" / release.package_set.hex[:2] / release.package_set.hex[2:]
    heads["other"] = public / "keys" / "index.json"

    def verify(about: str, key: Path, kind: str = "https://slsa.dev/verification_summary/v1") -> int:
        options = ("--type", kind, "--insecure-ignore-tlog", "--signature", str(summary))
        return subprocess.run(
            ["cosign", "verify-blob-attestation", "--key", str(key), *options, str(heads[about])],
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
        ).returncode

    key = public / "keys" / f"{keyid}.pem"
    assert verify("release", key) == verify("set", key) == 0
    (builder,) = json.loads((public / "keys" / "index.json").read_bytes())["builders"]
    assert verify("other", key) != 0
    assert verify("release", public / "keys" / f"{builder}.pem") != 0
    assert verify("release", key, "slsaprovenance1") != 0
