"""The result of a round of a channel's pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.server.tables.pipeline_states import RoundState


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What a round did; `message` describes it for people."""

    channel: str
    state: RoundState
    message: str = ""
