"""Messages to addresses that people name: sent to the address that was checked, wherever a name or an answer leads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from farm.store.http.address_guard import AddressGuard
from farm.store.http.exchange import ExchangePolicy, exchange
from tests.server.events.receiver import receiving
from tests.store.http import rebinding_names
from tests.store.http.rebinding_names import INSIDE, OUTSIDE

ROOT = Path(__file__).parents[3]
_ALONE = """\
set -e
ip link set lo up
ip addr add {outside}/32 dev lo
ip addr add {inside}/32 dev lo
mount --bind {resolver} /etc/resolv.conf
exec "$@"
"""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with receiving() as elsewhere, receiving() as named:
        named.answers, named.header = [status], ("Location", elsewhere.url)
        policy = ExchangePolicy(AddressGuard.of(["127.0.0.0/8"]))
        assert exchange("POST", named.url, {}, policy, body=b"{}").status == status
        assert (len(named.got), len(elsewhere.got)) == (1, 0)


@pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "ip", "mount"))), reason="needs root, and iproute2"
)
def test_a_message_goes_to_the_address_that_was_checked_and_to_no_other(tmp_path: Path) -> None:
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")
    script = _ALONE.format(outside=OUTSIDE, inside=INSIDE, resolver=resolver)
    ended = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", script, "sh", sys.executable, "-m", rebinding_names.__name__],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(ended.stdout)
    assert (found["outside"], found["inside"]) == (3, 0)
    assert found["ended"]["steady.example"] == ["204", "204"]
    assert found["ended"]["rebinding.example"][0] == "204"
    for refused in (found["ended"]["rebinding.example"][1], *found["ended"]["two-faced.example"]):
        assert f"is refused: {INSIDE} is private or reserved" in refused
        assert "an operator can list private networks in FARM_WEBHOOK_NETWORKS" in refused
