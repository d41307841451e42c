"""The periodic tasks of a control worker: a failure of one thing delays nothing else."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from farm.errors import FarmError
from farm.server.application import FarmSettings
from farm.server.pipeline.channels import advance_all
from farm.server.pipeline.repository.order_delivery import OrderDelivery
from farm.server.pipeline.repository.signer_client import LONGEST_SIGNING
from farm.server.pipeline.round_result import RoundResult
from farm.server.tables.pipeline_states import RoundState
from workers import control
from workers.checker_client import CheckerClient
from workers.control import release_tasks

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.transaction.unit_of_work import Application


@dataclass
class Channel:
    channel: str
    trouble: Exception | None = None
    steps: int = 0

    def advance(self) -> RoundResult:
        self.steps += 1
        if self.trouble:
            raise self.trouble
        return RoundResult(self.channel, RoundState.RELEASED, "release 1 is published")


def test_a_channel_in_trouble_keeps_no_other_back(caplog: pytest.LogCaptureFixture) -> None:
    refused = FarmError("the signer does not answer", remedy="Start it.")
    channels = [Channel("edge", OSError("no space left")), Channel("beta", refused), Channel("stable")]
    with caplog.at_level("INFO", "farm.server"):
        logged: dict[str, str] = {}
        for _ in range(2):  # what is logged once is not logged again
            advance_all(channels, logged)  # type: ignore[arg-type]
    assert [channel.steps for channel in channels] == [2, 2, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "the round of channel edge failed: OSError('no space left')",
        "the round of channel beta failed: the signer does not answer Start it.",
        "stable: release 1 is published",
    ]
    assert "no space left" in caplog.text


def test_who_asks_for_a_release_waits_longer_than_it_may_be_looked_at(tmp_path: Path) -> None:
    """A caller that has gone never hears of a refusal, and would ask for the same check again, and so on."""
    assert CheckerClient(tmp_path / "checker.sock").deadline < LONGEST_SIGNING


@pytest.mark.parametrize("task", ["farm.control.orders", "farm.control.sign-previews"])
def test_what_waits_for_the_signer_keeps_no_other_duty_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    """The signer accepts nothing else while it checks a release; the same few threads also watch leases."""
    answered, brought = threading.Event(), threading.Event()

    def deliver(*_: object) -> None:
        answered.wait(30)
        brought.set()

    monkeypatch.setattr(OrderDelivery, "deliver", deliver)
    monkeypatch.setattr(control, "Channels", lambda *_parts: SimpleNamespace(sign_previews=deliver))  # there are none
    places = dict.fromkeys(("blobs", "logs", "recipes", "repository"), tmp_path)
    settings = FarmSettings(database="", toolchains=(), signer=tmp_path / "signer.sock", **places)
    periodic_tasks = {duty.task: duty for duty in release_tasks(cast("Application", None), settings, None)}
    periodic_tasks[task].run()
    assert not brought.is_set()
    answered.set()
    assert brought.wait(30)
