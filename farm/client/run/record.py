"""The log of runs on this host: a line of `STATE/runs.jsonl` for each start, with the record of the set.

The module imports as little as possible: every start of a container loads it.
"""

from __future__ import annotations

import json
import os

from farm.container.process_start import process_start

TYPE_CHECKING = False  # as of `typing`, which takes long to load
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.core.sets.members.set_record import SetRecord

LOG = "runs.jsonl"


def run_form(record: SetRecord, links: Path) -> dict[str, object]:
    """Return the record of a set that runs, as JSON values: its digest, its links, its packages and releases."""
    return {"set": record.digest, "links": links.name, "record": json.loads(record.to_json())}


def append_run(state: str, now: str, run: Mapping[str, object], command: str, engine: str) -> None:
    """Append a run, as `run_form` returns it. One write, whole or not at all. `now` is RFC 3339.

    `engine` is docker or bubblewrap. `command` is the first word of the command: others may be secret.
    """
    # This process becomes Docker's command, or waits for bubblewrap: either way it exists as long as the run.
    boot, started = process_start(os.getpid())
    process = {"pid": os.getpid(), "boot": boot, "started": started}
    line = json.dumps({"at": now, "command": command, "engine": engine, **run, "process": process})
    descriptor = os.open(f"{state}/{LOG}", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)


def still_runs(process: object) -> bool:
    """Return whether the process of a record (its `process`) still exists, and its number was not used again."""
    if not isinstance(process, dict) or not isinstance(process.get("pid"), int):
        return False
    return process_start(process["pid"]) == (process.get("boot"), process.get("started"))
