"""The signer, before it serves."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.reading.published_identities import PublishedRecord
from farm.signing.entries import OrderTaken
from farm.signing.ledger import Ledger
from farm.signing.sign import take_order
from farm.trust.attestation.curator_order import Act
from farm.trust.attestation.dsse import InvalidEnvelopeError
from farm.trust.keys.key_files import create_key
from farm.trust.keys.signers import Signers
from farm.trust.metadata.repository import Repository
from tests.checker.channel import opened_channel
from tests.checker.checked_signing import ChecksHere
from tests.client.distribution import SmallDistribution
from workers import signer
from workers.check_bounds import CheckDeadline
from workers.checker import Checks
from workers.image_process import ImageProcess

if TYPE_CHECKING:
    from datetime import datetime

    from farm.trust.attestation.check_results import CheckedOrder


def test_a_key_that_others_can_read_is_told_in_one_line(tmp_path: Path) -> None:
    create_key(tmp_path / "keys" / "timestamp")
    (tmp_path / "keys" / "timestamp").chmod(0o644)
    places = ("--repository", "public", "--keys", "keys", "--socket", "signer/signer.sock")
    ended = subprocess.run(
        [sys.executable, "-m", "workers.signer", *places], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: cannot use the key file keys/timestamp: ")
    assert line.endswith("Run `chmod 600 keys/timestamp`, or name another file.")


def test_a_folder_that_everybody_gets_into_is_refused(tmp_path: Path) -> None:
    (tmp_path / "signer").mkdir(mode=0o755)
    (tmp_path / "signer").chmod(0o755)
    places = ("--repository", "public", "--keys", "keys", "--socket", "signer/signer.sock")
    ended = subprocess.run(
        [sys.executable, "-m", "workers.signer", *places], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: every user can enter signer, where the signer listens. Run `chmod o= signer`")


def test_a_record_that_cannot_be_filled_is_told_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    distribution = SmallDistribution(tmp_path)
    for version in ("1", "2"):
        distribution.package("a", {"share/a": version}, version=version)
        distribution.publish()
    assert distribution.released is not None
    assert distribution.released.previous is not None
    distribution.blobs.delete(distribution.released.previous)
    record = PublishedRecord(tmp_path / "another record")
    images = ImageProcess(distribution.public, tmp_path / "ledger", 60)
    Checks(Repository(distribution.public), record, Ledger(tmp_path / "ledger"), CheckDeadline(60), images).prepare()
    assert "the release before release 2 of edge cannot be read" in caplog.text


class _BrokenRepository(Repository):
    """Its keys are in a service whose library raises its own errors, the first two times."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(Path("public"))
        self.asked = 0
        self._stop = stop

    def check_releases(self) -> None:
        pass

    def refresh_timestamp(self, _signers: Signers, _now: datetime) -> None:
        self.asked += 1
        if self.asked == 3:
            self._stop.set()
        raise RuntimeError("CKR_DEVICE_ERROR")


def test_a_key_service_that_breaks_does_not_end_the_signing_of_timestamps(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(signer, "RETRY_PERIOD", 0.0)
    stop = threading.Event()
    repository = _BrokenRepository(stop)
    signer.keep_timestamp_fresh(repository, Signers(), stop)
    assert repository.asked == 3
    assert "CKR_DEVICE_ERROR" in caplog.text


class _WithoutFolderOfKeys(_BrokenRepository):
    def refresh_timestamp(self, _signers: Signers, _now: datetime) -> None:
        self._stop.set()

    def refresh_public_keys(self) -> None:
        raise PermissionError("public/keys is another's")


def test_public_keys_that_cannot_be_written_do_not_keep_the_timestamp(caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    signer.keep_timestamp_fresh(_WithoutFolderOfKeys(stop), Signers(), stop)
    assert "the public keys could not be written as files: public/keys is another's" in caplog.text


class _CountedChecks(ChecksHere):
    """The checker's own code, which counts the orders that it checks."""

    asked = 0

    def check_order(self, envelope: bytes) -> CheckedOrder:
        _CountedChecks.asked += 1
        return super().check_order(envelope)


def orders_in(ledger: Ledger) -> list[OrderTaken]:
    return [line.entry for line in ledger.lines() if isinstance(line.entry, OrderTaken)]


def test_an_order_is_checked_and_written_down_once_however_often_it_is_brought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_CountedChecks, "asked", 0)
    edge = opened_channel(tmp_path, b"gates: [proof]\n")
    order = edge.given(Act.FREEZE)
    checks, envelope = _CountedChecks(edge.repository), edge.signed(order)
    for _ in range(2):
        assert take_order(edge.repository, checks, edge.ledger, envelope) == order.digest
    assert checks.asked == 1
    assert orders_in(edge.ledger) == [OrderTaken(envelope.decode())]


def test_an_order_that_the_checker_refuses_is_not_written_down(tmp_path: Path) -> None:
    edge = opened_channel(tmp_path, b"gates: [proof]\n")
    forged = edge.signed(edge.given(Act.FREEZE), CryptoSigner.generate_ed25519())
    with pytest.raises(InvalidEnvelopeError, match="no allowed key"):
        take_order(edge.repository, ChecksHere(edge.repository), edge.ledger, forged)
    assert orders_in(edge.ledger) == []
