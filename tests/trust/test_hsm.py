"""Online keys in an HSM: SoftHSM is one in software, used through PKCS#11 like any other."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pkcs11
import pkcs11.util.ec
import pytest
from tuf.api.metadata import Metadata

from farm.trust.ceremony.ceremony import allow_more_builders, found_channels
from farm.trust.keys.key_files import KeyFileError, create_key, load_public_key
from farm.trust.keys.signers import SigningError, load_signer, read_signers
from tests.trust.commands import CommandRunner
from tests.trust.conftest import Published, found

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")

pytestmark = [
    pytest.mark.filterwarnings("ignore::getpass.GetPassWarning"),
    pytest.mark.skipif(
        not shutil.which("softhsm2-util") or not MODULE.exists(),
        reason="softhsm2 is not installed: script/bootstrap --test",
    ),
]

# A PKCS#11 library is loaded and initialised once in a process, so all its tokens must be in one place from the start.
TOKENS = ("online", "offline")
PIN = "1234"


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two tokens with an EC key of id 2 each, and the environment that leads to them."""
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        patch.setenv("PYKCS11LIB", str(MODULE))
        for token in TOKENS:
            initialise = ("--init-token", "--free", "--label", token, "--pin", PIN, "--so-pin", PIN)
            subprocess.run(["softhsm2-util", *initialise], check=True, capture_output=True)
        for token in TOKENS:
            with pkcs11.lib(str(MODULE)).get_token(token_label=token).open(user_pin=PIN, rw=True) as session:
                parameters = session.create_domain_parameters(
                    pkcs11.KeyType.EC,
                    {pkcs11.Attribute.EC_PARAMS: pkcs11.util.ec.encode_named_curve_parameters("secp256r1")},
                    local=True,
                )
                parameters.generate_keypair(store=True, id=b"\x02", label="farm")
        yield folder


def pin(path: Path, text: str = PIN) -> None:
    path.write_text(f"{text}\n")
    path.chmod(0o600)


@pytest.fixture
def with_timestamp_in_hsm(hsm: Path, tmp_path: Path) -> Published:
    """A repository whose timestamp has a key in the HSM, and no longer one in a file."""
    published = found(tmp_path, datetime.now(UTC))
    runner = CommandRunner(tmp_path)
    runner.run("new keys/online/timestamp-hsm --uri hsm:2?label=online", answer=f"{PIN}\n")
    pin(tmp_path / "keys/online/timestamp-hsm.pin")
    key = "keys/online/timestamp-hsm.pub --remove-key keys/online/timestamp.pub"
    runner.run(f"draft root --repository public --role timestamp --add-key {key}")
    runner.run("sign root.draft --key keys/offline/root --yes")
    runner.run("publish root.draft --repository public --online keys/online")
    for gone in ("timestamp", "timestamp.pub"):
        (tmp_path / "keys/online" / gone).unlink()
    return published


def test_a_client_accepts_a_timestamp_that_an_hsm_has_signed(with_timestamp_in_hsm: Published, tmp_path: Path) -> None:
    published = with_timestamp_in_hsm
    release = published.publish(1)
    assert published.client(tmp_path / "client").newest("edge")[0] == release
    timestamp = Metadata.from_file(str(published.root / "metadata" / "timestamp.json"))
    public = load_public_key(tmp_path / "keys/online/timestamp-hsm.pub")
    assert (public.scheme, list(timestamp.signatures)) == ("ecdsa-sha2-nistp256", [public.keyid])


def test_a_channel_may_be_signed_by_an_hsm(hsm: Path, tmp_path: Path) -> None:
    published = found(tmp_path, datetime.now(UTC))
    CommandRunner(tmp_path).run("new keys/online/stable --uri hsm:2?label=online", answer=f"{PIN}\n")
    pin(tmp_path / "keys/online/stable.pin")
    assert found_channels(published.repository, published.keys, ["edge", "stable"], datetime.now(UTC)) == ("stable",)
    stable = published.repository.delegated(published.repository.head(), "stable")
    assert stable.version == 1


def test_an_offline_key_may_lie_in_an_hsm(hsm: Path, tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    runner.run("new ann --uri hsm:2?label=offline", answer=f"{PIN}\n")
    runner.run("new targets")
    runner.run("init --repository public --keys keys --root-key ann.pub --targets-key targets.pub")
    runner.run("sign root.draft --key ann.uri --yes", answer=f"{PIN}\n")
    runner.run("sign targets.draft --key targets --yes")
    for draft in ("root", "targets"):
        runner.run(f"publish {draft}.draft --repository public --online keys/online")
    assert [role["version"] for role in runner.json("show public")] == [1] * 6


def test_a_wrong_pin_is_told_and_changes_nothing(with_timestamp_in_hsm: Published, tmp_path: Path) -> None:
    published = with_timestamp_in_hsm
    before = (published.root / "metadata" / "timestamp.json").read_bytes()
    pin(tmp_path / "keys/online/timestamp-hsm.pin", "9999")
    with pytest.raises(SigningError, match="did not sign timestamp") as caught:
        published.publish(1)
    assert "PIN" in caught.value.remedy
    assert (published.root / "metadata" / "timestamp.json").read_bytes() == before


def test_a_pin_that_others_can_read_is_refused(with_timestamp_in_hsm: Published, tmp_path: Path) -> None:
    (tmp_path / "keys/online/timestamp-hsm.pin").chmod(0o644)
    with pytest.raises((SigningError, KeyFileError), match="others can read it"):
        with_timestamp_in_hsm.repository.refresh_timestamp(read_signers(tmp_path / "keys/online"), datetime.now(UTC))


def test_a_token_that_is_not_there_is_told(hsm: Path, tmp_path: Path) -> None:
    said = CommandRunner(tmp_path).refused("new key --uri hsm:2?label=nowhere", answer=f"{PIN}\n")
    assert "No PKCS#11 token found for label nowhere" in said
    (tmp_path / "key.uri").write_text('{"uri": "hsm:2"}')
    with pytest.raises(KeyFileError, match="public"):
        load_signer(tmp_path / "key.uri")


def test_builders_are_allowed_as_before(with_timestamp_in_hsm: Published, tmp_path: Path) -> None:
    other = create_key(tmp_path / "worker-2").public_key
    repository, keys = with_timestamp_in_hsm.repository, with_timestamp_in_hsm.keys
    assert allow_more_builders(repository, keys, [other], datetime.now(UTC)) == 1
