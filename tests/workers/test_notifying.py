"""The control worker sends messages to webhooks; killed at any moment, it loses none."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from farm.server.events.webhooks import add_webhook
from tests.farms.small import recipe
from tests.server.events.receiver import is_signed, receiving
from tests.workers.programs import eventually, program

pytestmark = pytest.mark.redis

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.application import FarmSettings
    from tests.farms.small import SmallFarm


def test_control_that_is_killed_while_a_receiver_has_the_message_sends_it_again(
    farm: SmallFarm, settings: FarmSettings, tmp_path: Path
) -> None:
    file, log = tmp_path / "farm.json", tmp_path / "control.log"
    address = "https://farm.example.org"
    allowing = settings.model_copy(update={"webhook_networks": ("127.0.0.0/8",), "address": address})
    file.write_text(allowing.model_dump_json())
    run = ("workers.control", "--settings", str(file))
    with receiving() as receiver:
        with farm.application.writing() as unit:
            _, secret = add_webhook(unit, "token:me", receiver.url, ())
        farm.submit(recipe("low"))
        with program(log, *run, ready="ready.") as control:
            receiver.before = lambda: os.kill(control.pid, signal.SIGKILL)
            eventually(lambda: control.poll() is not None, what="control is killed")
        receiver.before = lambda: None
        assert len(receiver.got) == 1
        with program(log, *run, ready="ready."):
            eventually(lambda: len(receiver.got) == 2, seconds=90, what="it is sent again")
        assert receiver.ids()[0] == receiver.ids()[1]
        assert receiver.got[0][1] == receiver.got[1][1]
        assert all(is_signed(headers, body, secret) for headers, body in receiver.got)
        assert receiver.messages()[0]["data"]["url"] == f"{address}/submissions/1"
    assert secret not in log.read_text()
