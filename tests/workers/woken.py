"""A build worker that only records which jobs it was woken for: `python -m tests.workers.woken BROKER FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from workers.broker import BUILD_QUEUE, log_to_stderr, say_when_ready, worker_arguments
from workers.build import build_app


def main() -> None:
    broker, file = sys.argv[1], Path(sys.argv[2])

    def work(job_id: int) -> None:
        with file.open("a") as lines:
            lines.write(f"{job_id}\n")

    log_to_stderr()
    say_when_ready("woken")
    build_app(broker, work).worker_main(worker_arguments("woken", BUILD_QUEUE, concurrency=1))


if __name__ == "__main__":
    main()
