"""`farm notify`: from the command line to a real receiver, through the outbox; and the example of the docs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.server.events.deliveries import deliver_due
from farm.server.tables.states import Role
from farm.store.http.address_guard import AddressGuard
from farm.store.http.exchange import ExchangePolicy
from tests.cli.shell import Shell, signed_in
from tests.farms.small import recipe
from tests.farms.stocked import StockedFarm
from tests.server.events.receiver import Receiver, is_signed, receiving
from web.auth import Guards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.server.tables.session import Database

PAGE = Path(__file__).parents[3] / "docs" / "submissions.md"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def shell(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    stocked = StockedFarm.open(database, tmp_path, real_time=True)
    with signed_in(stocked, monkeypatch, "me", Role.MAINTAINER):
        yield Shell(stocked, capsys, tmp_path / "none")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST.:1", "a.localhost", "[::1]:80", "10.0.0.1", "127.1", "0x7f000001"]
)
def test_an_address_that_nothing_would_be_sent_to_is_refused_at_once(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    stocked = StockedFarm.open(database, tmp_path, real_time=True)
    guards = Guards(webhooks=AddressGuard.of(["192.168.7.0/24"], "FARM_WEBHOOK_NETWORKS"))
    with signed_in(stocked, monkeypatch, "me", Role.MAINTAINER, guards=guards):
        shell = Shell(stocked, capsys, tmp_path / "none")
        said = shell.run("notify", "add", f"https://{host}/farm", status=1)
        assert f"the address {host.removesuffix(':1').removesuffix(':80').strip('[]').lower()} is refused: " in said
        assert "an operator can list private networks in FARM_WEBHOOK_NETWORKS" in said
        assert "no webhooks" in shell.run("notify", "list")
        shell.run("notify", "add", "https://192.168.7.9/farm")
        shell.run("notify", "add", "https://ci.example.org/farm")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def send(shell: Shell, *, allowed: str = "127.0.0.0/8") -> int:
    policy = ExchangePolicy(AddressGuard.of([allowed]), seconds=2.0)
    return deliver_due(shell.stocked.application, policy, "https://farm.example.org")


@contextmanager
def control(shell: Shell, **how: str) -> Iterator[None]:
    """Send what is due again and again, as control does."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(0.1):
            send(shell, **how)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_webhook_is_added_tried_listed_and_removed(shell: Shell, receiver: Receiver) -> None:
    said = shell.run("notify", "add", receiver.url, "--events", "job.failed,submission.done")
    first, second = said.splitlines()
    assert first == f"webhook 1: {receiver.url}"
    secret = re.fullmatch(r"secret (whsec_\S+)", second)
    assert secret
    assert "not shown again" in shell.stderr
    with control(shell):
        assert shell.run("notify", "test", "1") == "webhook 1 has taken it\n"
    assert [message["type"] for message in receiver.messages()] == ["webhook.test"]
    assert all(is_signed(headers, body, secret[1]) for headers, body in receiver.got)
    shell.stocked.submit(recipe("low"))
    shell.stocked.build_all()
    assert send(shell) == 1
    assert receiver.messages()[-1]["type"] == "submission.done"
    listed = shell.run("notify", "list")
    assert re.search(r"1 +http://127.0.0.1:\d+/hook +job.failed,submission.done +last delivered ", listed)
    assert "whsec_" not in listed + json.dumps(shell.json("notify", "list"))
    assert shell.run("notify", "remove", "1") == f"webhook 1 is removed: {receiver.url}\n"
    assert shell.run("notify", "list") == "no webhooks\n"
    assert "you have no webhook 1" in shell.run("notify", "remove", "1", status=1)


def test_what_is_wrong_with_one_is_listed_with_the_reason(shell: Shell, receiver: Receiver) -> None:
    shell.run("notify", "add", receiver.url)
    with control(shell, allowed="10.0.0.0/8"):
        message = shell.run("notify", "test", "1", status=1)
    assert message == ""
    assert "is refused: 127.0.0.1 is this machine's own (loopback)" in shell.run("notify", "list")
    assert receiver.got == []
    receiver.answers.append(410)
    with shell.stocked.application.writing() as unit:
        unit.session.connection().exec_driver_sql("UPDATE delivery SET due_at = created_at")
    send(shell)
    assert "disabled" in shell.run("notify", "list")
    assert "Remove it, and add it again" in shell.run("notify", "test", "1", status=1)


def test_wrong_addresses_and_kinds_are_refused_with_what_there_is(shell: Shell) -> None:
    assert "There are job.failed, job.recovered" in shell.run(
        "notify", "add", "https://x.org", "--events", "job", status=2
    )
    assert "only http and https" in shell.run("notify", "add", "file:///etc/passwd", status=1)


def test_the_example_of_the_docs_verifies_a_message_and_refuses_others(
    shell: Shell, receiver: Receiver, tmp_path: Path
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "receive.py").write_text(program)
    secret = shell.json("notify", "add", receiver.url)["secret"]
    shell.stocked.submit(recipe("low"))
    assert send(shell) == 1
    headers, body = receiver.got[0]

    def verify(headers: dict[str, str], body: bytes, secret: str) -> subprocess.CompletedProcess[str]:
        arguments = [secret, headers["webhook-id"], headers["webhook-timestamp"], headers["webhook-signature"]]
        command = [sys.executable, str(tmp_path / "receive.py"), *arguments]
        return subprocess.run(command, input=body.decode(), capture_output=True, text=True, check=False)

    good = verify(headers, body, secret)
    assert (good.returncode, good.stdout) == (0, "submission.accepted\n"), good.stderr
    assert verify(headers, body + b" ", secret).returncode != 0
    assert verify({**headers, "webhook-id": "msg_other"}, body, secret).returncode != 0
    assert verify({**headers, "webhook-timestamp": "1614265330"}, body, secret).returncode != 0
    assert verify(headers, body, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").returncode != 0
