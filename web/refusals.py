"""Records refused requests in the audit trail, with limits, so that anonymous callers cannot fill it."""

from __future__ import annotations

import ipaddress
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.server.identities import access

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.server.transaction.unit_of_work import Application

_MOST_A_MINUTE = 60
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


class Tally:
    """Counts by key, from the start again after so many seconds.

    Keys beyond the first `most` are counted together: they are one attacker, or a very bad day.
    """

    def __init__(self, seconds: float, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._began = clock()
        self._counts: dict[str, int] = {}

    def count(self, key: str) -> int:
        """Count one more for a key, and return how many there are now."""
        with self._lock:
            if self._clock() - self._began >= self._seconds:
                self._began, self._counts = self._clock(), {}
            key = key if key in self._counts or len(self._counts) < self._most else ""
            self._counts[key] = self._counts.get(key, 0) + 1
            return self._counts[key]


def network_of(address: str) -> str:
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
    """The latest refusals: of known callers by address, in a minute; of unknown ones by network, in an hour.

    Of a known caller the first refusals are recorded. Of unknown ones it is the first few, then the tenth, the
    hundredth and so on: a million guesses make a dozen rows with their counts.
    """

    known: Tally = field(default_factory=lambda: Tally(60.0, most=10_000))
    strangers: Tally = field(default_factory=lambda: Tally(3600.0, most=200))


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
    count = refusals.known.count(refused.address)
    if count < _MOST_A_MINUTE:
        return refused.message
    last = count == _MOST_A_MINUTE
    return f"{refused.message} (further refusals in this minute are not recorded)" if last else ""


def _of_stranger(refusals: Refusals, refused: Refused) -> str:
    count = refusals.strangers.count(network_of(refused.address))
    if count < _FIRST:
        return refused.message
    if count == _FIRST:
        return f"{refused.message} (of further refusals in this hour, only the 10th, the 100th and so on are recorded)"
    is_power_of_ten = str(count).strip("0") == "1"
    return f"{refused.message} (the {count:,}th refusal to this stranger within an hour)" if is_power_of_ten else ""
