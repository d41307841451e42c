"""The runs of bubblewrap that are running now; `farm.client.audit.running_containers` has the containers."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from farm.client.run.engine import BUBBLEWRAP
from farm.client.run.record import LOG, still_runs
from farm.core.sets.members.set_record import InvalidSetRecordError, SetRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from farm.core.plan.job import BlobRef


@dataclass(frozen=True, slots=True)
class Running:
    """One container or run.

    `record` is its set, None where no record of it is here; then `stores` are the directories of its packages.
    `command` returns the command that installs another build of a package, by its short name. `unattributed` describes
    where its content differs from its set; `evidence` are known provenances by descriptor.
    """

    kind: Literal["container", "run"]
    name: str
    words: str
    record: SetRecord | None
    stores: tuple[str, ...]
    command: Callable[[str], str]
    unattributed: tuple[str, ...] = ()
    evidence: Mapping[str, BlobRef] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """A line of the log of runs; `process` as `still_runs` reads it."""

    record: SetRecord
    engine: str
    process: Any

    @property
    def stores(self) -> tuple[str, ...]:
        """The directories of its packages."""
        return tuple(sorted(package.store for package in self.record.packages))


def starts(states: Iterable[Path]) -> list[Start]:
    """Return the starts that these state directories have recorded, oldest first in each."""
    return [start for state in states for start in _read(state / LOG)]


def bubblewrap_runs(recorded: Iterable[Start]) -> list[Running]:
    """Return the runs of bubblewrap that are alive."""
    return [_bubblewrap(start) for start in recorded if start.engine == BUBBLEWRAP and still_runs(start.process)]


def _bubblewrap(start: Start) -> Running:
    pid = start.process["pid"]
    words = f"process {pid}, run by bubblewrap"
    return Running("run", f"process {pid}", words, start.record, start.stores, lambda _package: f"kill {pid}")


def _read(log: Path) -> Iterator[Start]:
    try:
        lines = log.read_bytes().splitlines()
    except OSError:
        return  # nothing was run there, or it is another user's
    for line in lines:
        with suppress(ValueError, KeyError, TypeError, AttributeError, InvalidSetRecordError):
            form = json.loads(line)
            yield Start(SetRecord.from_json(json.dumps(form["record"]).encode()), form["engine"], form["process"])
