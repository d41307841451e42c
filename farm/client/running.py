"""What farm has started, or made, and is running now: containers of its images, late-bound containers, bubblewrap."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from farm.client.image_making import record_in
from farm.client.run_engine import BUBBLEWRAP
from farm.client.run_record import LOG, still_runs
from farm.compat import SetRecord
from farm.compat.set_record import InvalidSetRecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from farm.engine.labelled import LabelledContainer

_PACKAGES = "/packages/"


@dataclass(frozen=True, slots=True)
class Running:
    """One container or run. `record` is its set, None where nobody here recorded it; then `stores` are its packages'
    directories. `command` gives what brings another build of a package into it, by the package's short name.
    """

    kind: Literal["container", "run"]
    name: str
    words: str
    record: SetRecord | None
    stores: tuple[str, ...]
    command: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Start:
    """A line of the log of runs."""

    record: SetRecord
    engine: str
    process: Any

    @property
    def stores(self) -> tuple[str, ...]:
        return tuple(sorted(each.store for each in self.record.packages))


def running(states: Iterable[Path], containers: Iterable[LabelledContainer]) -> list[Running]:
    """Return what runs: `containers` of the Docker Engine, and runs of bubblewrap that `states` have recorded."""
    starts = [start for state in states for start in _starts(state / LOG)]
    recorded = {start.stores: start.record for start in starts}
    found = [_container(each, recorded) for each in containers]
    return found + [_bubblewrap(each) for each in starts if each.engine == BUBBLEWRAP and still_runs(each.process)]


def _container(container: LabelledContainer, recorded: dict[tuple[str, ...], SetRecord]) -> Running:
    with suppress(InvalidSetRecordError):
        if record := record_in(container.labels):
            words = f"container {container.name} of {container.image}"
            return Running("container", container.name, words, record, (), _update_of(container.image))
    mounted = (path.removeprefix(_PACKAGES) for path in container.mounted if path.startswith(_PACKAGES))
    stores = tuple(sorted(store for store in mounted if "/" not in store))
    words = f"container {container.name}, late-bound"
    command = f"docker stop {shlex.quote(container.name)}"
    return Running("container", container.name, words, recorded.get(stores), stores, lambda _package: command)


def _update_of(image: str) -> Callable[[str], str]:
    return lambda package: f"farm image update {shlex.quote(image)} {package}"


def _bubblewrap(start: _Start) -> Running:
    pid = start.process["pid"]
    words = f"process {pid}, run by bubblewrap"
    return Running("run", f"process {pid}", words, start.record, start.stores, lambda _package: f"kill {pid}")


def _starts(log: Path) -> Iterator[_Start]:
    try:
        lines = log.read_bytes().splitlines()
    except OSError:
        return  # nothing was run there, or it is another user's
    for line in lines:
        with suppress(ValueError, KeyError, TypeError, AttributeError, InvalidSetRecordError):
            form = json.loads(line)
            yield _Start(SetRecord.from_json(json.dumps(form["record"]).encode()), form["engine"], form["process"])
