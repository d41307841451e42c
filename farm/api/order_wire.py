"""The JSON of a job's order as a maintainer reads it, to carry it out on another machine."""

from __future__ import annotations

from typing import Any

from farm.api.wire import Wire
from farm.api.worker_wire import ToolchainWire


class JobOrderWire(Wire):
    """What a build job is built from. `order` is a `farm.core.plan.job.BuildOrder` as JSON."""

    job: int
    order: dict[str, Any]
    toolchain: ToolchainWire
