"""Starts programs of the farm quickly, each as its own process: the modules that they share are imported once, here.

Run as `python -m tests.attack.nursery MODULE...`. Reads one JSON order from each line of its input: `{"start": [MODULE,
ARGUMENT...], "log": PATH}`, which it answers with the process number, or `{"stop": NUMBER}`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


_AT_THE_FIRST_REQUEST = (
    "_strptime",
    "anyio._backends._asyncio",
    "pydantic.v1",
    "tuf.api.serialization.json",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""Modules that a web server imports when it answers for the first time, which takes as long as a test's requests."""


class Nursery:
    """The process that starts others, as seen by a test."""

    def __init__(self, *modules: str) -> None:
        command = [sys.executable, "-m", "tests.attack.nursery", *modules]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, module: str, *arguments: str, log: Path) -> int:
        return self._order({"start": [module, *arguments], "log": str(log)})

    def stop(self, pid: int) -> None:
        self._order({"stop": pid})

    def _order(self, order: dict[str, Any]) -> int:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


def _start(module: str, arguments: list[str], log: str) -> int:
    child = os.fork()
    if child:
        return child
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(written, 1)
    os.dup2(written, 2)
    sys.argv = [module, *arguments]
    try:
        importlib.import_module(module).main()
    finally:
        os._exit(0)


def _stop(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)  # everything that it signed is on disk
    os.waitpid(pid, 0)
    return pid


def main() -> None:
    """Carry out orders until the input ends; then end the remaining processes."""
    for module in (*sys.argv[1:], *_AT_THE_FIRST_REQUEST):
        importlib.import_module(module)
    gc.freeze()  # a look through all that for garbage would copy it into each process
    started: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            module, *arguments = order["start"]
            answer = _start(module, arguments, order["log"])
            started.add(answer)
        else:
            answer = _stop(order["stop"])
            started.discard(answer)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    for pid in started:
        _stop(pid)


if __name__ == "__main__":
    main()
