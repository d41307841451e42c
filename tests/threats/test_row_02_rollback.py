"""Row 2: rollback of metadata and of a release's number; a fast-forward, and the recovery from it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from farm.trust.index.release_index import NotASuccessorError
from farm.trust.metadata.repository import StaleReleaseError
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.threats.simulator import EVER, Simulator, successor


def reason(error: object) -> str:
    assert isinstance(error, UntrustedMetadataError), error
    return error.reason


@pytest.mark.parametrize("roles", [("timestamp",), ("timestamp", "snapshot"), ("timestamp", "snapshot", "edge")])
def test_older_metadata_is_refused(simulator: Simulator, roles: tuple[str, ...]) -> None:
    old = simulator.mirror("old")
    simulator.release()
    subscriber = simulator.subscriber()
    subscriber.install()
    mirror = simulator.mirror("mirror")
    for role in roles:
        mirror.path(role).write_bytes(old.path(role).read_bytes())
    simulator.lead_to(mirror)
    assert reason(subscriber.refuses()) in {"rollback", "mismatch", "signature"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"number": 1}, "is older than release 3"),
        ({"number": 2}, "is older than release 3"),
        ({"number": 3, "previous": None}, "differs from the one that was seen before"),
        ({"number": 4, "released_at": "2025-12-31T00:00:00Z"}, "2025-12-31"),
    ],
)
def test_an_older_release_under_newer_metadata_is_refused(
    simulator: Simulator, changes: dict[str, object], says: str
) -> None:
    """A thief of the online keys, or an owner's own mistake, cannot lead clients back."""
    simulator.release("2.0")
    newest = simulator.release("3.0")
    subscriber = simulator.subscriber()
    subscriber.install()
    mirror = simulator.mirror("mirror")
    mirror.forge_release(successor(newest, **changes), simulator.online)
    simulator.lead_to(mirror)
    error = subscriber.refuses()
    assert reason(error) == "rollback"
    assert says in error.message


def test_the_signer_publishes_no_release_that_goes_back(simulator: Simulator) -> None:
    newest = simulator.release()
    for wrong in (simulator.releases[0], successor(newest, released_at="2025-12-31T00:00:00Z")):
        before = simulator.repository.current("edge").release
        with pytest.raises((StaleReleaseError, NotASuccessorError)):
            simulator.repository.publish(wrong, simulator.online, datetime.now(UTC))
        assert simulator.repository.current("edge").release == before


def test_after_a_fast_forward_rotating_root_and_channel_leads_clients_on(simulator: Simulator) -> None:
    """A thief of all online keys signs such high numbers that nothing of the owner's can follow."""
    subscriber = simulator.subscriber()
    subscriber.install()
    mirror = simulator.mirror("mirror")
    forged = successor(simulator.releases[0], number=1_000_000)
    mirror.forge_release(forged, simulator.online, versions=EVER)
    simulator.lead_to(mirror)
    subscriber.install()

    simulator.lead_back()
    real = simulator.release()
    assert reason(subscriber.refuses()) == "rollback"

    for role in ("timestamp", "snapshot", "edge"):
        simulator.replace_online_key(role, f"{role}-2")
    generation = subscriber.install("alone")
    assert generation.set.releases[0].number == real.number
    assert subscriber.installed()["bin/say"] == "\x7fsay 2.0"
    # The thief's keys are no longer valid for anyone.
    simulator.lead_to(mirror)
    assert reason(subscriber.refuses()) in {"signature", "rollback", "mismatch"}


def test_rotating_the_timestamp_alone_does_not_let_an_old_release_in(simulator: Simulator) -> None:
    """What a host has seen of a channel is forgotten when the channel's own keys change, and not before."""
    newest = simulator.release()
    subscriber = simulator.subscriber()
    subscriber.install()
    for role in ("timestamp", "snapshot"):
        simulator.replace_online_key(role, f"{role}-2")
    mirror = simulator.mirror("mirror")
    mirror.forge_release(simulator.releases[0], simulator.online)
    simulator.lead_to(mirror)
    assert reason(subscriber.refuses()) == "rollback"
    assert newest.number == 2
