"""Failures of the infrastructure, which end an attempt and are not the fault of its job. Plain values."""

from __future__ import annotations

from enum import StrEnum


class Trouble(StrEnum):
    """A failure of the farm's own infrastructure that ended an attempt. No job fails because of it.

    `LOST`, `ENGINE`, `DISK` and `WORKER` concern one worker; when several workers have them in turn, the job may be the
    cause. `ORIGIN` and `STORE` concern all workers.
    """

    NONE = ""
    LOST = "worker-lost"  # its lease ran out: killed, stopped, or cut off
    ENGINE = "engine"
    DISK = "disk"
    WORKER = "worker"  # anything else that went wrong at the worker
    ORIGIN = "origin"  # no origin of a source answers
    STORE = "store"  # the farm itself, or its store of blobs


OF_ONE_WORKER = (Trouble.LOST, Trouble.ENGINE, Trouble.DISK, Trouble.WORKER)
"""The troubles that a job may cause."""
