"""What a local build reports while it runs: its progress, its log, and notes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.build.sources.fetch_all import FetchProgress
    from farm.build.toolchain.toolchain import Making
    from farm.container.log_record import LogRecord


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """The progress of a local build: `number` of `total` recipes.

    `seconds` is the time of a `built` recipe; `log` is where the log of one that is being built grows.
    """

    recipe: str
    state: Literal["unpacking", "building", "rebuilding", "built", "fetched", "kept", "testing"]
    number: int = 1
    total: int = 1
    seconds: float = 0.0
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class BuildAhead:
    """A recipe that will be built; or that may have to be, unless `is_certain`: it depends on what is built before it.

    `seconds` is how long its newest known build took; None if none is known.
    """

    recipe: str
    is_certain: bool
    seconds: float | None


@dataclass(frozen=True, slots=True)
class WorkAhead:
    """What is built before the recipes `wanted` can be built, or with `tests` be tested, in this order."""

    wanted: tuple[str, ...]
    tests: bool
    builds: tuple[BuildAhead, ...]


@dataclass(frozen=True)
class Reports:
    """What is called with the progress, the log and notes of a local build; `doing` with what a build begins to do.

    `ahead` is called before the first build, unless only what was asked for is built. `detail` gets notes for those who
    want to know why something is built; `sources` is entered with the number of sources to fetch, and its value called
    with each change. `toolchain` is entered while a toolchain is made.
    """

    progress: Callable[[BuildProgress], None] = lambda _: None
    doing: Callable[[str], None] = lambda _: None
    ahead: Callable[[WorkAhead], None] = lambda _: None
    log: Callable[[LogRecord], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None
    detail: Callable[[str], None] = lambda _: None
    sources: Callable[[int], AbstractContextManager[Callable[[FetchProgress], None]]] = lambda _: nullcontext(
        lambda _progress: None
    )
    toolchain: Making = lambda _: nullcontext(lambda _doing: None)
