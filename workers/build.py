"""The build worker: woken by Celery, it claims jobs over the farm's HTTP API, builds and tests, and reports.

`python -m workers.build --settings FILE`. It has no database URL; a message from Redis tells it only that there may be
work. It needs root, because it mounts; see `farm.container.mounts`.
"""

from __future__ import annotations

from farm.extras import exit_without

if __name__ == "__main__":
    exit_without("worker", "python -m workers.build")

import argparse
import logging
import random
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from celery import signals

from farm.api.wire import BUILD_WAKE, LARGEST_NUMBER
from farm.api.worker_client import WorkerClient
from farm.container.janitor import Janitor
from farm.container.sandbox import connect
from farm.errors import FarmError, plain_text
from workers.broker import BUILD_QUEUE, celery_app, log_to_stderr, say_when_ready, worker_arguments
from workers.build_loop import BuildLoop
from workers.build_settings import BuildSettings
from workers.fitness import check_mounts
from workers.workshop import load_worker_key, open_workshop

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

_LOG = logging.getLogger("farm.worker")


def build_app(broker: str, work: Callable[[int], object]) -> Celery:
    """Return the application whose one task wakes the worker. The job that a message names is only a hint."""
    app = celery_app("farm-build", broker, BUILD_QUEUE)

    @app.task(name=BUILD_WAKE)
    def wake(job_id: object) -> None:
        if type(job_id) is not int or not 0 < job_id <= LARGEST_NUMBER:
            raise FarmError(f"{str(job_id)[:100]!r} is not the number of a job", code="invalid-wake")
        work(job_id)

    return app


def run_periodically(seconds: float, stop: threading.Event, do: Callable[[], object], name: str) -> threading.Thread:
    """Call a function repeatedly in a thread of its own until `stop` is set. An error is logged and ends nothing."""

    def run() -> None:
        # Workers that started together must not keep asking at the same moment.
        while not stop.wait(seconds * random.uniform(0.8, 1.2)):  # noqa: S311
            try:
                do()
            except Exception:  # noqa: BLE001  # one failed turn must not end the timer
                _LOG.exception("%s failed", name)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def main(arguments: list[str] | None = None) -> int:
    """Run a build worker until a signal ends it; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers.build", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="JSON file, see workers.build_settings")
    options = parser.parse_args(arguments)
    log_to_stderr()
    try:
        run(BuildSettings.read(options.settings))
    except FarmError as error:
        sys.stderr.write(f"{plain_text(error, 'build worker')}\n")
        return error.exit_status
    return 0


def run(settings: BuildSettings) -> None:
    """Run a build worker until a signal ends it. Raises what opening the workshop raises."""
    signer, key = load_worker_key(settings.key)
    client = WorkerClient(settings.farm, settings.name, key)
    engine = connect(settings.docker)
    workshop = open_workshop(settings, client, engine, signer)
    loop = BuildLoop(client, workshop, settings.toolchains)
    janitor = Janitor(engine, workshop.attempts)
    janitor.sweep()
    # Celery handles signals only once it runs. One that comes earlier waits until the check has removed its container.
    stop_requested = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop_requested.set())
    check_mounts(workshop)
    if stop_requested.is_set():
        return

    def stop(**_: object) -> None:
        loop.stop()

    signals.worker_shutting_down.connect(stop, weak=False)
    say_when_ready(settings.name)
    run_periodically(settings.sweep_seconds, loop.stopping, janitor.sweep, "janitor")
    run_periodically(settings.idle_seconds, loop.stopping, loop.work_if_idle, "idle timer")
    try:
        app = build_app(settings.broker, loop.work)
        app.worker_main(worker_arguments(f"build-{settings.name}", BUILD_QUEUE, concurrency=1))
    finally:
        loop.stop()
        loop.work()  # returns once the job at work has been given back
        client.close()


if __name__ == "__main__":
    sys.exit(main())
