"""Closing the terminal ends a command, unless `nohup` forbids it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from farm.cli.signals import ending_signals

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def hangup() -> Iterator[None]:
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("handler", "ending"),
    [(signal.SIG_DFL, [signal.SIGTERM, signal.SIGHUP]), (signal.SIG_IGN, [signal.SIGTERM])],
)
def test_a_hangup_ends_a_command_unless_it_is_ignored(handler: signal.Handlers, ending: list[signal.Signals]) -> None:
    signal.signal(signal.SIGHUP, handler)
    assert list(ending_signals()) == ending
