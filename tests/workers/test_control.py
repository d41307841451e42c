"""The duties of a control worker: what goes wrong with one thing keeps nothing else back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.database.pipeline_states import StepState
from farm.errors import FarmError
from farm.release.deciding import Step
from workers.control import advance_all

if TYPE_CHECKING:
    import pytest


@dataclass
class Channel:
    channel: str
    trouble: Exception | None = None
    steps: int = 0

    def advance(self) -> Step:
        self.steps += 1
        if self.trouble:
            raise self.trouble
        return Step(self.channel, StepState.RELEASED, "release 1 is published")


def test_a_channel_in_trouble_keeps_no_other_back(caplog: pytest.LogCaptureFixture) -> None:
    refused = FarmError("the signer does not answer", remedy="Start it.")
    channels = [Channel("edge", OSError("no space left")), Channel("beta", refused), Channel("stable")]
    with caplog.at_level("INFO", "farm.control"):
        advance_all(channels)
    assert [each.steps for each in channels] == [1, 1, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "edge does not go forward",
        "beta does not go forward: the signer does not answer Start it.",
        "stable: release 1 is published",
    ]
    assert "no space left" in caplog.text
