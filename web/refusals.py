"""Records refused requests in the audit trail, with limits, so that anonymous callers cannot fill it."""

from __future__ import annotations

import ipaddress
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.server.identities import access

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.server.transaction.unit_of_work import Application

_MINUTE, _HOUR = 60.0, 3600.0
_MOST_ADDRESSES = 10_000
_MOST_NETWORKS = 200
_FIRST = 5


@dataclass(frozen=True, slots=True)
class Refused:
    """A refused request: the caller and its address, the request, and the reason."""

    actor: str
    address: str
    method: str
    path: str
    code: str
    message: str

    @property
    def channel(self) -> str:
        """The channel that the request was about; empty if none."""
        before, found, rest = self.path.partition("/api/v1/channels/")
        return rest.partition("/")[0] if found and not before else ""


class RefusalBudget:
    """How many refusals of an address are recorded in a minute. The last one is marked as the last."""

    def __init__(self, a_minute: int = 60, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_minute = a_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._spent: dict[str, int] = {}

    def spend(self, address: str) -> int:
        """Return how many refusals may still be recorded for this address, this one included; 0: record none."""
        with self._lock:
            if self._clock() - self._began >= _MINUTE:
                self._began, self._spent = self._clock(), {}
            # Addresses beyond the limit share one budget: they are one attacker, or a very bad day.
            key = address if address in self._spent or len(self._spent) < _MOST_ADDRESSES else ""
            spent = self._spent.get(key, 0)
            self._spent[key] = spent + 1
            return max(0, self._a_minute - spent)


class StrangerTally:
    """Counts refused requests without a valid token or signature in an hour, by network.

    The first few refusals are recorded, then the tenth, the hundredth and so on: a million guesses make a dozen rows
    with their counts.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._counts: dict[str, int] = {}

    def count(self, address: str) -> int:
        """Count a refusal; return its number in this hour for its network."""
        network = household(address)
        with self._lock:
            if self._clock() - self._began >= _HOUR:
                self._began, self._counts = self._clock(), {}
            # So many networks are one attacker: those beyond the limit are counted together.
            key = network if network in self._counts or len(self._counts) < _MOST_NETWORKS else ""
            self._counts[key] = self._counts.get(key, 0) + 1
            return self._counts[key]


def household(address: str) -> str:
    """Return the network of one customer of a provider: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(found), 64), strict=False))
    return str(getattr(found, "ipv4_mapped", None) or found)


@dataclass(frozen=True, slots=True)
class Refusals:
    """The latest refusals: of known callers, and of unknown ones."""

    budget: RefusalBudget
    strangers: StrangerTally


def write_down(application: Application, refusals: Refusals, refused: Refused) -> None:
    """Record a refusal in the audit trail, unless its address has used up its share."""
    said = _of_known(refusals, refused) if refused.actor else _of_stranger(refusals, refused)
    if not said:
        return
    access.record(
        application,
        actor=refused.actor,
        action=f"{refused.method} {refused.path}",
        subject=refused.code,
        allowed=False,
        detail=said,
        address=refused.address,
        channel=refused.channel,
    )


def _of_known(refusals: Refusals, refused: Refused) -> str:
    left = refusals.budget.spend(refused.address)
    if left > 1:
        return refused.message
    return f"{refused.message} (no more of these are written down this minute)" if left else ""


def _of_stranger(refusals: Refusals, refused: Refused) -> str:
    count = refusals.strangers.count(refused.address)
    if count < _FIRST:
        return refused.message
    if count == _FIRST:
        return f"{refused.message} (of more in this hour the 10th, the 100th and so on are written down)"
    is_power_of_ten = str(count).strip("0") == "1"
    return f"{refused.message} (the {count:,}th refusal to this stranger within an hour)" if is_power_of_ten else ""
