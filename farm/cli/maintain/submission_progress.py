"""How far the farm is that takes a submission: a line that moves on a terminal, and one for each stage elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from farm.cli.output import moving_line, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.api.submission_wire import SubmissionStep

_PATIENCE = 2.0
"""Seconds before progress is shown."""
_STAGES = {
    "reading": "the farm reads the recipes",
    "checking": "the farm checks how they are written",
    "storing": "the farm stores their files",
    "adding": "the farm adds them to the distribution",
    "planning": "the farm plans their builds",
}


@contextlib.contextmanager
def submitting() -> Iterator[Callable[[SubmissionStep], None]]:
    """Show how far the farm is that takes a submission, after two seconds: in a line that moves, elsewhere by stage."""
    begun, said = time.monotonic(), ""
    with moving_line() as show:

        def update(step: SubmissionStep) -> None:
            nonlocal said
            if time.monotonic() - begun < _PATIENCE:
                return
            stage = _STAGES[step.stage]
            show(f"{stage}: {step.done:,} of {step.total:,}" if step.total and step.done else stage)
            if said != step.stage and not sys.stderr.isatty():
                said = step.stage
                say(stage, err=True)

        yield update
