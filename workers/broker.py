"""The configuration that all Celery programs of the farm share. Redis only wakes; the database decides.

Only JSON is read, and only registered tasks run. Being able to write to Redis gives no control: there is no remote
control, no events, no results. A message that comes twice, late or never changes nothing.
"""

from __future__ import annotations

import logging

from celery import Celery, signals
from kombu import Queue

BUILD_QUEUE = "farm-build"
CONTROL_QUEUE = "farm-control"
VISIBILITY_SECONDS = 3600


def celery_app(name: str, broker: str, queue: str) -> Celery:
    """Return a Celery application that consumes `queue`. `broker` is a Redis URL (`redis+socket:///PATH`)."""
    app = Celery(name, broker=broker, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        event_serializer="json",
        result_serializer="json",
        task_queues=[Queue(queue)],
        task_default_queue=queue,
        task_create_missing_queues=True,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # The default of 5 s is shorter than a blocking read.
        broker_transport_options={
            "visibility_timeout": VISIBILITY_SECONDS,
            "socket_timeout": 30,
            "socket_connect_timeout": 5,
            "health_check_interval": 10,
        },
        timezone="UTC",
    )
    return app


def worker_arguments(name: str, queue: str, *, concurrency: int) -> list[str]:
    """Return the command line of a worker: threads, so that its main loop stays responsive while it works."""
    return [
        "worker",
        "--pool=threads",
        f"--concurrency={concurrency}",
        f"--queues={queue}",
        f"--hostname={name}@%h",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
        "--loglevel=WARNING",
    ]


def log_to_stderr() -> None:
    """Log the farm's messages, and the warnings of libraries, to standard error."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("farm").setLevel(logging.INFO)


def say_when_ready(name: str) -> None:
    """Log when this process's worker begins to take messages."""

    def log_ready(**_: object) -> None:
        logging.getLogger("farm.worker").info("%s is ready.", name)

    signals.worker_ready.connect(log_ready, weak=False)
