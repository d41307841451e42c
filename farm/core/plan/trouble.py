"""What may keep an attempt from its end without being the doing of what it was at. Plain values."""

from __future__ import annotations

from enum import StrEnum


class Trouble(StrEnum):
    """What kept an attempt from its end that is nothing the job did: the farm's own infrastructure. No job fails of it.

    `LOST`, `ENGINE`, `DISK` and `WORKER` are of one worker, and may after all be the job's doing, when one worker after
    the other has them at it. `ORIGIN` and `STORE` are everybody's.
    """

    NONE = ""
    LOST = "worker-lost"  # its lease ran out: killed, stopped, or cut off
    ENGINE = "engine"
    DISK = "disk"
    WORKER = "worker"  # anything else that went wrong at the worker
    ORIGIN = "origin"  # no origin of a source answers
    STORE = "store"  # the farm itself, or its store of blobs


OF_ONE_WORKER = (Trouble.LOST, Trouble.ENGINE, Trouble.DISK, Trouble.WORKER)
"""It can be that the job does this to each worker that has it."""
