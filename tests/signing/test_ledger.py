"""The ledger is append-only: a changed, truncated or replaced entry is reported, an incomplete write is repaired."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.signing.entries import OrderTaken, Released, ReportOpened, RootPinned, Signing
from farm.signing.ledger import STATE_EVERY, DamagedLedgerError, Ledger, LedgerError, LedgerReader
from farm.signing.reports import ReportError, take_report
from farm.trust.attestation.curator_order import NO_RELEASE, Act, CuratorOrder, order_statement
from farm.trust.attestation.dsse import sign_statement
from farm.trust.keys.key_files import create_key
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

D = Digest.of(b"something")
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def report(number: int) -> ReportOpened:
    return ReportOpened("edge", number, D, "jq 1.0-1", "it crashes")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "record"


@pytest.fixture
def ledger(place: Path) -> Ledger:
    made = Ledger(place)
    made.append(RootPinned(1, D), report(1))
    made.append(report(2))
    return made


def test_what_is_written_is_read_by_others_and_after_a_start(ledger: Ledger, place: Path) -> None:
    kinds = [line.entry.kind for line in LedgerReader(place).lines()]
    assert kinds == ["begun", "root", "report", "report"]
    assert LedgerReader(place).state() == Ledger(place).state() == ledger.state()
    assert len(ledger.state().reports) == 2


def test_a_reader_sees_what_comes_later(ledger: Ledger, place: Path) -> None:
    reader = LedgerReader(place)
    reader.state()
    ledger.append(report(3))
    assert len(reader.state().reports) == 3


def test_two_writers_one_after_the_other_do_not_part(ledger: Ledger, place: Path) -> None:
    other = Ledger(place)
    other.append(report(3))
    ledger.append(report(4))
    assert [line.number for line in LedgerReader(place).lines()] == [1, 2, 3, 4, 5, 6]
    assert other.state() == ledger.state()


@pytest.mark.parametrize("line", range(3))
def test_a_changed_entry_is_found(ledger: Ledger, place: Path, line: int) -> None:
    """No entry after the last one names it, so its time or content could be forged."""
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b"20", b"21", 1)
    ledger.path.write_bytes(b"".join(lines))
    with pytest.raises(DamagedLedgerError, match=rf"entry {line + 2} does not follow") as found:
        list(LedgerReader(place).lines())
    assert "Bring the directory back" in found.value.remedy


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_missing_entry_is_found(ledger: Ledger, place: Path, gone: int) -> None:
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    with pytest.raises(DamagedLedgerError):
        Ledger(place)


def test_a_file_that_is_cut_short_under_a_running_signer_is_found(ledger: Ledger) -> None:
    content = ledger.path.read_bytes()
    ledger.path.write_bytes(content[: content.rstrip().rindex(b"\n") + 1])
    with pytest.raises(DamagedLedgerError, match="entry 4 is missing: the file was cut short"):
        ledger.append(report(3))
    ledger.path.unlink()
    with pytest.raises(DamagedLedgerError, match="the file is gone"):
        ledger.append(report(3))


def test_after_a_start_it_is_found_by_what_was_counted_together(ledger: Ledger, place: Path, tmp_path: Path) -> None:
    ledger.append(*(report(number) for number in range(3, 3 + STATE_EVERY)))
    assert ledger.state_path.exists()
    whole = ledger.path.read_bytes()
    early = b"\n".join(whole.split(b"\n")[:4]) + b"\n"
    ledger.path.write_bytes(early)
    expected = rf"entry {STATE_EVERY + 4}, the last one in ledger\.state, is missing: the file was cut short"
    with pytest.raises(DamagedLedgerError, match=expected):
        Ledger(place)
    with pytest.raises(DamagedLedgerError, match=expected):
        list(LedgerReader(place).lines())
    ledger.path.unlink()
    with pytest.raises(DamagedLedgerError, match="the file is gone"):
        Ledger(place).append(report(1))
    other = Ledger(tmp_path / "other")
    other.append(*(report(number) for number in range(3 + STATE_EVERY)))
    shutil.copy(other.path, ledger.path)
    with pytest.raises(DamagedLedgerError, match=r"the last one in ledger\.state, has changed"):
        Ledger(place)
    with pytest.raises(DamagedLedgerError, match=r"the last one in ledger\.state, has changed"):
        list(LedgerReader(place).lines())
    ledger.path.write_bytes(whole)
    assert len(Ledger(place).state().reports) == STATE_EVERY + 2


def test_a_start_reads_only_what_was_not_counted_together(ledger: Ledger, place: Path) -> None:
    ledger.append(*(report(number) for number in range(3, 3 + STATE_EVERY)))
    ledger.append(report(5000))
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    lines[5] = b"x" * (len(lines[5]) - 1) + b"\n"
    ledger.path.write_bytes(b"".join(lines))
    assert Ledger(place).state() == ledger.state()
    with pytest.raises(DamagedLedgerError, match="entry 6 cannot be read"):
        list(LedgerReader(place).lines())


def test_what_was_counted_together_is_done_again_where_it_is_lost(ledger: Ledger, place: Path) -> None:
    ledger.append(*(report(number) for number in range(3, 3 + STATE_EVERY)))
    counted = json.loads(ledger.state_path.read_bytes())
    del counted["state"]["withdrawn-orders"]
    of_before = canonical_json(counted | {"format": 2})
    for damage in (None, b"{}", b"rubbish", of_before):
        if damage is None:
            ledger.state_path.unlink()
        else:
            ledger.state_path.write_bytes(damage)
        assert Ledger(place).state() == ledger.state()
        assert json.loads(ledger.state_path.read_bytes())["number"] == STATE_EVERY + 4


def test_half_a_line_is_removed(ledger: Ledger, place: Path) -> None:
    before = ledger.path.read_bytes()
    with ledger.path.open("ab") as file:
        file.write(b'{"at":"2026')
    reader = LedgerReader(place)
    assert reader.state() == ledger.state()
    assert len(list(reader.lines())) == 4
    assert reader.torn
    again = Ledger(place)
    assert len(list(reader.lines())) == 4
    assert not reader.torn
    assert again.path.read_bytes() == before
    again.append(report(3))
    assert len(list(LedgerReader(place).lines())) == 5


def test_a_writer_that_is_killed_leaves_whole_entries(tmp_path: Path) -> None:
    place = tmp_path / "record"
    program = (
        "import sys; from pathlib import Path; from tests.signing.test_ledger import Ledger, report\n"
        "ledger, number = Ledger(Path(sys.argv[1])), 0\n"
        "while True:\n    number += 1; ledger.append(report(number)); print(number, flush=True)"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(place)], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    while int(child.stdout.readline()) < 20:
        pass
    child.send_signal(signal.SIGKILL)
    last = [int(line) for line in child.stdout.read().split()][-1:]
    child.wait()
    acknowledged = last[0] if last else 20
    assert len(Ledger(place).state().reports) >= acknowledged
    Ledger(place).append(report(10_000))


def test_a_directory_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    with pytest.raises(LedgerError, match="others than the signer can write"):
        Ledger(tmp_path)


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="needs /dev/full")
def test_what_cannot_be_written_counts_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    before, content = ledger.state(), ledger.path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LedgerError, match="No space left"):
        ledger.append(report(3))
    monkeypatch.undo()
    assert (ledger.state(), ledger.path.read_bytes()) == (before, content)


def test_the_state_survives_being_written_down(tmp_path: Path) -> None:
    key = create_key(tmp_path / "key")
    ledger = Ledger(tmp_path / "record", clock=lambda: NOW)
    orders: list[dict[str, object]] = [
        {"act": Act.HOLD, "packages": {"jq": None, "zlib": None}},
        {"act": Act.LIFT, "packages": {"zlib": None}},
        {"act": Act.FREEZE, "until": NOW + timedelta(days=2)},
        {"act": Act.ROLLBACK, "target": D},
        {"act": Act.WITHDRAW_APPROVAL, "packages": {"jq": D}},
    ]
    for number, said in enumerate(orders):
        order = CuratorOrder(
            distribution="dist.example.org",
            channel="edge",
            base=NO_RELEASE,
            curator="ann",
            reason="so",
            at=NOW + timedelta(seconds=number),
            expires=NOW + timedelta(days=1),
            **said,  # type: ignore[arg-type]
        )
        ledger.append(OrderTaken(sign_statement(order_statement(order), key).decode()))
    (permit,) = ledger.state().permits
    ledger.append(Signing("edge", 1, D, ("k",), (permit,), (D,)), Released("edge", D), Signing("edge", 2, D, ("k",)))
    state = ledger.state()
    assert list(state.held("edge", "dist.example.org", NOW)) == ["jq"]
    assert (list(state.freezes), len(state.entered)) == ([("edge", "dist.example.org")], 5)
    assert state.permits[permit].used_by == D
    assert type(state).from_dict(json.loads(json.dumps(state.to_dict()))) == state


def test_an_entry_that_could_not_be_read_again_is_not_written(ledger: Ledger, place: Path) -> None:
    before = (place / "ledger").read_bytes()
    with pytest.raises(LedgerError, match="longer than any may be"):
        ledger.append(replace(report(3), reason="\0" * (1 << 18)))
    assert (place / "ledger").read_bytes() == before
    ledger.append(report(3))
    assert len(Ledger(place).state().reports) == 3


def test_what_it_has_come_to_may_be_lost_beside_it(
    ledger: Ledger, place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_path: Path, _content: bytes) -> None:
        raise OSError("no room")

    monkeypatch.setattr("farm.signing.ledger.replace_file", full)
    for number in range(3, STATE_EVERY + 3):
        ledger.append(report(number))
    assert "no room" in caplog.text
    assert len(Ledger(place).state().reports) == STATE_EVERY + 2


class TestReports:
    def report_form(self, number: int, package: str = "jq", channel: str = "edge") -> bytes:
        digest = Digest.of(package.encode())
        return canonical_json(ReportOpened(channel, number, digest, f"{package} 1.0-1", "it crashes").to_dict())

    def test_of_a_channel_that_there_is_not_is_none(self, ledger: Ledger) -> None:
        with pytest.raises(ReportError, match="there is no channel nightly"):
            take_report(ledger, self.report_form(7, channel="nightly"), ["edge"])

    def test_under_a_known_number_about_something_else_is_another(self, ledger: Ledger) -> None:
        """An attacker who can invent a report must not block somebody else's."""
        for package in ("jq", "zlib", "jq"):
            assert take_report(ledger, self.report_form(7, package), ["edge"]) == 7
        kinds = [line.entry.kind for line in ledger.lines()]
        assert kinds.count("report") == 4
        for package in ("jq", "zlib"):
            assert ledger.state().reported("edge", Digest.of(package.encode()))
        assert Ledger(ledger.path.parent).state() == ledger.state()

    def test_are_bounded_over_all_channels(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("farm.signing.reports.MOST_REPORTS_IN_ALL", 4)
        for number, channel in enumerate(("edge", "stable"), 7):
            take_report(ledger, self.report_form(number, channel=channel), ["edge", "stable"])
        with refuses("too-many-reports", match="4 reports are open in all"):
            take_report(ledger, self.report_form(9), ["edge", "stable"])
        assert take_report(ledger, self.report_form(8, channel="stable"), ["edge", "stable"]) == 8  # it is known

    def test_are_bounded_on_a_channel(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("farm.signing.reports.MOST_REPORTS", 2)
        with refuses("too-many-reports", match="2 reports are open on edge"):
            take_report(ledger, self.report_form(9), ["edge", "stable"])
        take_report(ledger, self.report_form(9, channel="stable"), ["edge", "stable"])
