"""What a local build reports while it runs: its progress, its log, and notes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.build.sources.fetch_all import FetchProgress
    from farm.container.log_record import LogRecord


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """The progress of a local build: `number` of `total` recipes. `seconds` is the time of a `built` recipe."""

    recipe: str
    state: Literal["building", "built", "fetched", "kept", "testing"]
    number: int
    total: int
    seconds: float = 0.0


@dataclass(frozen=True)
class Reports:
    """What is called with the progress, the log and notes of a local build.

    `detail` gets notes for those who want to know why something is built; `sources` is entered with the number of
    sources to fetch, and its value called with each change.
    """

    progress: Callable[[BuildProgress], None] = lambda _: None
    log: Callable[[LogRecord], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None
    detail: Callable[[str], None] = lambda _: None
    sources: Callable[[int], AbstractContextManager[Callable[[FetchProgress], None]]] = lambda _: nullcontext(
        lambda _progress: None
    )
