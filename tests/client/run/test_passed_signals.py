"""Signals reach what `farm run` starts through bubblewrap, whenever they come."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from farm.client.run.bubblewrap import _PASSED_ON, _PassedOn

if TYPE_CHECKING:
    from collections.abc import Iterator

_CAUGHT = "sh -c 'trap \"exit 5\" TERM; echo ready; while :; do sleep 0.05; done'; exit $?"


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in _PASSED_ON}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_one_that_comes_before_it_is_known_whom_it_is_for_is_not_lost() -> None:
    """On a busy machine the command runs, and prints that, before its process id has been read."""
    signals = _PassedOn()
    process = subprocess.Popen(["sh", "-c", _CAUGHT], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.kill(os.getpid(), signal.SIGTERM)
    signals.go_to(process, process.pid)
    assert process.wait() == 5
    process.stdout.close()
