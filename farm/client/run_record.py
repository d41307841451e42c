"""What ran on this host: a line of `STATE/runs.jsonl` for each start, with the record of the set."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.compat import SetRecord

LOG = "runs.jsonl"


def record_run(state: Path, now: str, record: SetRecord, command: Sequence[str], engine: str) -> None:
    """Append what runs: the set by its digest, its packages and releases. One write, whole or not at all.

    `now` is RFC 3339, `engine` docker or bubblewrap. Of the command only the first word is kept: others may be secret.
    """
    line = json.dumps(
        {
            "at": now,
            "command": command[0],
            "engine": engine,
            "set": record.digest,
            "record": json.loads(record.to_json()),
            "process": _this_process(),
        }
    )
    descriptor = os.open(state / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)


def still_runs(process: object) -> bool:
    """Return whether a process of a record (`process` there) is still there, and not another of its number."""
    if not isinstance(process, dict) or not isinstance(process.get("pid"), int):
        return False
    return _started(process["pid"]) == (process.get("boot"), process.get("started"))


def _this_process() -> dict[str, object]:
    # It becomes Docker's command, or waits for bubblewrap: either way it is there as long as what runs.
    boot, started = _started(os.getpid())
    return {"pid": os.getpid(), "boot": boot, "started": started}


def _started(pid: int) -> tuple[str, int] | tuple[None, None]:
    """Return when a process was started: which boot of the machine, and clock ticks since then (proc(5))."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return boot, int(fields[19])
    except (OSError, IndexError, ValueError):
        return None, None
