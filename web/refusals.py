"""Refused requests go into the audit trail, but strangers cannot make the farm write without end."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.control import access

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.control.desk import Office

_MINUTE = 60.0
_MOST_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was refused: who asked from where, what for, and why not."""

    actor: str
    address: str
    method: str
    path: str
    code: str
    message: str

    @property
    def channel(self) -> str:
        """Which channel the request was about; empty when it was about none."""
        before, found, rest = self.path.partition("/api/v1/channels/")
        return rest.partition("/")[0] if found and not before else ""


class RefusalBudget:
    """How many refusals of each address are written down in a minute. The last one that is says that it is."""

    def __init__(self, a_minute: int = 60, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_minute = a_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._spent: dict[str, int] = {}

    def spend(self, address: str) -> int:
        """Return how many refusals may still be written for this address, this one included; 0: do not write."""
        with self._lock:
            if self._clock() - self._began >= _MINUTE:
                self._began, self._spent = self._clock(), {}
            # Addresses beyond the bound share one budget: they are one attacker, or a very bad day.
            key = address if address in self._spent or len(self._spent) < _MOST_ADDRESSES else ""
            spent = self._spent.get(key, 0)
            self._spent[key] = spent + 1
            return max(0, self._a_minute - spent)


def write_down(office: Office, budget: RefusalBudget, refused: Refused) -> None:
    """Write a refusal into the audit trail, unless its address had its share this minute."""
    left = budget.spend(refused.address)
    if not left:
        return
    access.record(
        office,
        actor=refused.actor,
        action=f"{refused.method} {refused.path}",
        subject=refused.code,
        allowed=False,
        detail=refused.message if left > 1 else f"{refused.message} (no more of these are written down this minute)",
        address=refused.address,
        channel=refused.channel,
    )
