"""Row 8: keys change while clients are at any older version: none is locked out at any instant."""

from __future__ import annotations

import itertools
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tuf.api.metadata import Metadata

from farm.client.repository.readers import DirectoryReader
from farm.trust.keys.signers import Signers
from farm.trust.verification.client_metadata import ChannelMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.trust.index.release_index import Release
    from tests.threats.simulator import Simulator


class Clients:
    """Hosts that updated from the repository at different times, and one that never has."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._root = (simulator.public / "metadata" / "1.root.json").read_bytes()
        self._folder = simulator.folder / "clients"
        self._numbers = itertools.count()

    def leave_one(self) -> None:
        """Let a host update now, and not again until the test asks."""
        self._newest(self._folder / f"old-{next(self._numbers)}")

    def all_get_on(self, release: Release) -> None:
        """Every host, each as it was left, and a new one, gets the newest release."""
        self._folder.mkdir(exist_ok=True)
        states = [*sorted(self._folder.glob("old-*")), None]
        for state in states:
            copy = self._folder / "copy"
            if state:
                shutil.copytree(state, copy, symlinks=True)
            assert self._newest(copy) == release
            shutil.rmtree(copy)

    def _newest(self, state: Path) -> Release:
        return ChannelMetadata(state, self._root, DirectoryReader(self._simulator.public)).newest("edge")[0]


@pytest.fixture
def clients(simulator: Simulator) -> Clients:
    clients = Clients(simulator)
    clients.leave_one()
    return clients


def versions(simulator: Simulator) -> Iterator[str]:
    yield from (path.name for path in sorted((simulator.public / "metadata").glob("*.root.json")))


def test_every_key_changes_in_turn_and_every_client_gets_on(simulator: Simulator, clients: Clients) -> None:
    for number, role in enumerate(("timestamp", "snapshot", "edge", "advisories"), 2):
        simulator.replace_online_key(role, f"{role}-{number}")
        clients.all_get_on(simulator.releases[-1])
        clients.leave_one()
        simulator.release(f"{number}.0")
        clients.all_get_on(simulator.releases[-1])
        clients.leave_one()


def test_root_gets_a_new_key_and_a_higher_threshold(simulator: Simulator, clients: Clients) -> None:
    simulator.keys(
        "new ann",
        "new ben",
        "draft root --repository public --add-key ann.pub --add-key ben.pub --threshold 2",
        "sign root.draft --key keys/offline/root --yes",
    )
    said = simulator.refused_keys("publish root.draft --repository public --online keys/online")
    assert "root version 2 needs 2 and has 1" in said
    simulator.keys("sign root.draft --key ann --yes", "publish root.draft --repository public --online keys/online")
    clients.all_get_on(simulator.releases[-1])
    clients.leave_one()
    (simulator.folder / "root.draft").unlink()
    # The first key is removed; Ann and Ben are enough.
    simulator.keys(
        "draft root --repository public --remove-key keys/offline/root.pub",
        "sign root.draft --key ann --yes",
        "sign root.draft --key ben --yes",
        "publish root.draft --repository public --online keys/online",
    )
    simulator.release()
    clients.all_get_on(simulator.releases[-1])
    assert list(versions(simulator)) == ["1.root.json", "2.root.json", "3.root.json"]


def test_the_key_of_targets_changes_in_two_steps(simulator: Simulator, clients: Clients) -> None:
    """First targets with old and new signatures, then the root that names the new key: the reverse order is refused."""
    simulator.keys(
        "new keys/offline/targets-2",
        "draft root --repository public --role targets --remove-key keys/offline/targets.pub "
        "--add-key keys/offline/targets-2.pub",
        "sign root.draft --key keys/offline/root --yes",
    )
    said = simulator.refused_keys("publish root.draft --repository public --online keys/online")
    assert "the published targets would not hold under root version 2" in said
    assert "--for-root" in said
    clients.all_get_on(simulator.releases[-1])
    simulator.keys(
        "draft targets --repository public --for-root root.draft",
        "sign targets.draft --key keys/offline/targets --yes",
    )
    said = simulator.refused_keys("publish targets.draft --repository public --online keys/online")
    assert "targets, by root version 2 needs 1 and has 0" in said
    simulator.keys(
        "sign targets.draft --key keys/offline/targets-2 --yes",
        "publish targets.draft --repository public --online keys/online",
    )
    clients.all_get_on(simulator.releases[-1])
    clients.leave_one()
    simulator.keys("publish root.draft --repository public --online keys/online")
    clients.all_get_on(simulator.releases[-1])
    simulator.release()
    clients.all_get_on(simulator.releases[-1])


def test_while_keys_change_the_timestamp_bears_the_signatures_of_old_and_new(
    simulator: Simulator, clients: Clients
) -> None:
    old = set(simulator.repository.head().root.roles["timestamp"].keyids)
    simulator.keys(
        "new keys/online/timestamp-2",
        "draft root --repository public --role timestamp --remove-key keys/online/timestamp.pub "
        "--add-key keys/online/timestamp-2.pub",
        "sign root.draft --key keys/offline/root --yes",
        "publish root.draft --repository public --online keys/online",
    )
    new = set(simulator.repository.head().root.roles["timestamp"].keyids)
    for _ in range(2):
        timestamp = Metadata.from_file(str(simulator.public / "metadata" / "timestamp.json"))
        assert set(timestamp.signatures) == old | new
        clients.all_get_on(simulator.releases[-1])
        # As long as the old key is here, later signatures are also valid for a client that just read the old root.
        simulator.repository.refresh_timestamp(simulator.online, datetime.now(UTC))
    without = Signers({k: v for k, v in simulator.online.by_keyid.items() if k not in old})
    simulator.repository.refresh_timestamp(without, datetime.now(UTC))
    timestamp = Metadata.from_file(str(simulator.public / "metadata" / "timestamp.json"))
    assert set(timestamp.signatures) == new
    clients.all_get_on(simulator.releases[-1])


def test_a_lost_key_of_the_timestamp_is_replaced_all_the_same(simulator: Simulator, clients: Clients) -> None:
    for name in ("timestamp", "timestamp.pub"):
        (simulator.folder / "keys" / "online" / name).unlink()
    lost = next(iter(simulator.repository.head().root.roles["timestamp"].keyids))
    said = simulator.keys(
        "new keys/online/timestamp-2",
        f"draft root --repository public --role timestamp --remove-key {lost} --add-key keys/online/timestamp-2.pub",
        "sign root.draft --key keys/offline/root --yes",
        "publish root.draft --repository public --online keys/online",
    )
    assert "not all old keys of timestamp are here" in said
    clients.all_get_on(simulator.releases[-1])


def test_a_renewal_of_root_and_targets_changes_nothing_else(simulator: Simulator, clients: Clients) -> None:
    before = simulator.repository.head()
    simulator.keys("draft root --repository public --expires-days 700")
    simulator.sign_and_publish("root")
    simulator.keys("draft targets --repository public --expires-days 700")
    simulator.sign_and_publish("targets")
    after = simulator.repository.head()
    assert (after.root.version, after.targets.version) == (2, 2)
    assert after.root.expires > before.root.expires
    assert after.targets.expires > before.targets.expires
    assert after.root.roles == before.root.roles
    assert after.targets.delegations == before.targets.delegations
    clients.all_get_on(simulator.releases[-1])
