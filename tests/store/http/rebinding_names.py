"""Sends messages to names whose addresses change; run by `test_exchange.py` in a network namespace of its own.

There the C library asks a real name server on the loopback's port 53, and `INSIDE` and `OUTSIDE` are addresses of this
machine. Prints as JSON, for each name, how each message to it ended; and how many each receiver got.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack

from farm.errors import FarmError
from farm.store.http.address_guard import AddressGuard
from farm.store.http.exchange import ExchangePolicy, exchange
from tests.client.name_server import NameServer
from tests.server.events.receiver import receiving

OUTSIDE, INSIDE, PORT = "10.9.0.1", "10.66.0.1", 8000
ANSWERS = {
    "steady.example": [[OUTSIDE]],
    "rebinding.example": [[OUTSIDE], [INSIDE]],
    "two-faced.example": [[OUTSIDE, INSIDE]],
}


def main() -> None:
    """Send two messages to each name; only the network of `OUTSIDE` is allowed."""
    names, policy = NameServer(53), ExchangePolicy(AddressGuard.of([f"{OUTSIDE}/32"], "FARM_WEBHOOK_NETWORKS"), 5.0)
    names.addresses = {name: list(answers) for name, answers in ANSWERS.items()}
    with ExitStack() as running:
        running.enter_context(names.running())
        outside, inside = (running.enter_context(receiving(PORT, host)) for host in (OUTSIDE, INSIDE))
        ended = {name: [_sent(name, policy) for _ in range(2)] for name in ANSWERS}
        found = {"ended": ended, "outside": len(outside.got), "inside": len(inside.got)}
    sys.stdout.write(json.dumps(found))


def _sent(name: str, policy: ExchangePolicy) -> str:
    try:
        return str(exchange("POST", f"http://{name}:{PORT}/", {}, policy, body=b"{}").status)
    except FarmError as error:
        return f"{error.message} {error.remedy}"


if __name__ == "__main__":
    main()
