"""`farm keys ledger`: its history, what is in force now, and that a truncated file is no complete ledger."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.cli.main import main
from farm.core.names.digest import Digest
from farm.signing.entries import OrderTaken, Released, ReportOpened, RootPinned, Signing, TargetsSeen
from farm.signing.ledger import STATE_EVERY, Ledger
from farm.trust.attestation.curator_order import NO_RELEASE, Act, CuratorOrder, order_statement
from farm.trust.attestation.dsse import sign_statement

D, OTHER, BUILD = Digest.of(b"release 1"), Digest.of(b"release 2"), Digest.of(b"a build of jq")
KEY = CryptoSigner.generate_ed25519()


@dataclass
class Record:
    """A ledger, and the command that shows it."""

    ledger: Ledger
    said: pytest.CaptureFixture[str]
    stderr: str = ""

    def order(self, act: Act, **said: Any) -> CuratorOrder:
        now = datetime.now(UTC)
        about = {"distribution": "dist.example.org", "channel": "edge", "base": NO_RELEASE, "curator": "ann"}
        times = {"at": now, "expires": now + timedelta(days=30), "reason": "so"}
        order = CuratorOrder(act=act, **(about | times | said))  # type: ignore[arg-type]
        self.ledger.append(OrderTaken(sign_statement(order_statement(order), KEY).decode()))
        return order

    def shown(self, *options: str, status: int = 0) -> str:
        self.said.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["keys", "ledger", str(self.ledger.path.parent), *options])
        output, self.stderr = self.said.readouterr()
        assert (ended.value.code or 0) == status, (output, self.stderr)
        return output


@pytest.fixture
def record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Record:
    return Record(Ledger(tmp_path / "ledger"), capsys)


def report(number: int) -> ReportOpened:
    return ReportOpened("edge", number, BUILD, "jq 1.0-1", "it crashes")


def test_what_is_in_force_is_listed(record: Record) -> None:
    record.ledger.append(RootPinned(1, D), TargetsSeen(3, ("k",)), report(7), report(8))
    record.order(Act.HOLD, packages={"jq": None, "zlib": None})
    record.order(Act.LIFT, packages={"zlib": None})
    record.order(Act.FREEZE, channel="stable", until=datetime.now(UTC) + timedelta(days=2))
    record.order(Act.FREEZE, channel="old", until=datetime.now(UTC) - timedelta(seconds=1))
    record.order(Act.CLOSE_REPORT, number=8, target=BUILD)
    record.order(Act.WITHDRAW_APPROVAL, packages={"jq": BUILD})
    used = record.order(Act.ROLLBACK, target=D)
    taken_back = record.order(Act.ROLLBACK, target=OTHER)
    withdrawal = record.order(Act.WITHDRAW_ORDER, target=taken_back.digest, curator="bob")
    good = record.order(Act.PROMOTE, origin="lab", target=OTHER, packages={"jq": None})
    record.ledger.append(Signing("edge", 2, OTHER, ("k",), (used.digest,)), Released("edge", OTHER))

    form = json.loads(record.shown("--now", "--json"))
    assert form["root"] == {"version": 1, "digest": D}
    assert (form["targets"], form["releases"]) == (3, [{"channel": "edge", "release": OTHER, "release-number": 2}])
    assert [(freez["channel"], freez["act"]) for freez in form["freezes"]] == [("stable", "freeze")]
    assert [hold["packages"] for hold in form["holds"]] == [{"jq": None}]
    assert form["reports"] == [report(7).to_dict()]
    (order,) = form["orders"]
    assert order == {
        "order": good.digest,
        "act": "promote",
        "channel": "edge",
        "curator": "ann",
        "reason": "so",
        "at": good.at.isoformat(),
        "expires": good.expires.isoformat(),
        "packages": {"jq": None},
        "target": OTHER,
        "from": "lab",
    }
    assert [(withdrawn["order"], withdrawn["target"]) for withdrawn in form["withdrawn-orders"]] == [
        (withdrawal.digest, taken_back.digest)
    ]
    (approval,) = form["withdrawn-approvals"]
    assert (approval["channel"], approval["package"], approval["curator"]) == ("edge", BUILD, "ann")
    assert f"of {BUILD} on edge (order {approval['order']})" in record.shown("--now")

    shown = record.shown("--now")
    assert (
        f"promote jq {OTHER} from lab on edge by ann: so (order {good.digest}, expires {good.expires:%Y-%m-%d}" in shown
    )
    assert f"report     7 on edge, jq 1.0-1, {BUILD}: it crashes" in shown
    assert used.digest not in shown


def test_an_entry_says_what_an_order_is_about_and_what_came_of_it(record: Record) -> None:
    used = record.order(Act.ROLLBACK, target=D)
    taken_back = record.order(Act.ROLLBACK, target=OTHER, reason="oops")
    record.order(Act.WITHDRAW_ORDER, target=taken_back.digest, curator="bob")
    record.order(Act.CLOSE_REPORT, number=8, target=BUILD)
    record.ledger.append(Signing("edge", 2, OTHER, ("k",), (used.digest,)), Released("edge", OTHER))
    shown = record.shown()
    expires = f"expires {used.expires:%Y-%m-%d %H:%M}"
    assert f"rollback {D} on edge by ann: so (order {used.digest}, {expires}), used by {OTHER}" in shown
    assert f"rollback {OTHER} on edge by ann: oops (order {taken_back.digest}, {expires}), withdrawn by bob" in shown
    assert f"close report 8 {BUILD} on edge by ann" in shown
    came = {load["order"]: load for load in json.loads(record.shown("--json")) if "order" in load}
    assert came[used.digest]["used-by"] == OTHER
    assert came[taken_back.digest]["withdrawn-by"] == "bob"


@pytest.mark.parametrize("options", [(), ("--now",), ("--json",)])
def test_a_ledger_that_was_cut_short_is_refused(record: Record, options: tuple[str, ...]) -> None:
    record.ledger.append(*map(report, range(1, STATE_EVERY + 10)))
    lines = record.ledger.path.read_bytes().splitlines(keepends=True)
    record.ledger.path.write_bytes(b"".join(lines[: STATE_EVERY - 3]))
    record.shown(*options, status=1)
    assert (
        f"entry {STATE_EVERY + 10}, the last one in ledger.state, is missing: the file was cut short" in record.stderr
    )


def test_the_page_tells_how_to_end_a_flood_of_reports(record: Record, tmp_path: Path) -> None:
    """Its own commands, with `echo` in place of the farm: a hundred reports for each command."""
    record.ledger.append(*map(report, range(1, 231)), replace(report(7), channel="stable"))
    page = (Path(__file__).parents[3] / "docs" / "operate.md").read_text()
    listing, closing = re.findall(r"(?ms)^```\n(.*?)^```$", page.split("#### A flood of reports")[1])[:2]
    (tmp_path / "form").write_text(record.shown("--now", "--json"))
    script = f"{listing}{closing}".replace("farm keys ledger ledger --now --json", "cat form").replace(
        " farm ", " echo "
    )
    ran = subprocess.run(["bash", "-ec", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    commands = ran.stdout.splitlines()
    assert [line.count("--resolve") for line in commands] == [100, 100, 30]
    assert commands[0].startswith(f"channel report edge --resolve 1 --descriptor {BUILD} --resolve 2 ")
    assert len((tmp_path / "invented").read_text().splitlines()) == 230


def test_half_a_line_is_told(record: Record) -> None:
    record.ledger.append(report(1), report(2))
    assert "half a line" not in record.shown() + record.stderr
    content = record.ledger.path.read_bytes()
    record.ledger.path.write_bytes(content[:-20])
    assert json.loads(record.shown("--json"))[-1]["report"] == 1
    assert "there is half a line after entry 2" in record.stderr
    Ledger(record.ledger.path.parent)  # as the signer opens it at its start
    assert "half a line" not in record.shown() + record.stderr
