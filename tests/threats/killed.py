"""A publisher that is killed at its Nth access to the file system: a child process, and the kernel's own SIGKILL."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TOUCHES = frozenset({"open", "os.rename", "os.remove", "os.mkdir"})


def dies_at(touch: int, act: Callable[[], object], places: str, *, touches: frozenset[str] = _TOUCHES) -> bool:
    """Run `act` in a child that is killed at its `touch`th access to a file below `places`.

    `touches` are the events (`sys.addaudithook`) that count.

    Returns whether it was killed; an `act` that fails without being killed fails the test.
    """
    child = os.fork()
    if child == 0:
        left = touch

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in touches and str(arguments[0]).startswith(places):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            sys.addaudithook(watch)
            act()
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        assert os.WTERMSIG(ended) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(ended) == 0, "it failed by itself"
    return False


def fork(act: Callable[[], int]) -> int:
    """Run `act` in a child and return the child's process id; it exits with what `act` returns."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = act()
        finally:
            os._exit(status)
    return child


def exit_status(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
