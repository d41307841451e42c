"""Row 3: parts of two releases combined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.trust.untrusted_metadata import UntrustedMetadataError

if TYPE_CHECKING:
    from pathlib import Path

    from farm.trust.index.release_index import ReleaseEntry
    from tests.threats.simulator import Mirror, Simulator


def swap(one: Path, other: Path) -> None:
    content = other.read_bytes()
    one.chmod(0o644)
    one.write_bytes(content)


def blob(mirror: Mirror, digest: str) -> Path:
    return mirror.root / "blobs" / "sha256" / digest[7:9] / digest[9:]


def entry_of(simulator: Simulator, name: str) -> ReleaseEntry:
    return simulator.distribution.entries[name][0]


@pytest.mark.parametrize("part", ["archive", "descriptor", "manifest", "provenance"])
def test_a_blob_of_the_release_before_under_the_new_name_is_refused(simulator: Simulator, part: str) -> None:
    old = entry_of(simulator, "say")
    simulator.release()
    subscriber = simulator.subscriber()
    mirror = simulator.mirror("mirror")
    new = entry_of(simulator, "say")
    swap(blob(mirror, getattr(new, part).digest), blob(mirror, getattr(old, part).digest))
    simulator.lead_to(mirror)
    error = subscriber.refuses("greet")
    assert "cannot fetch the" in error.message
    assert "expected" in error.message or "more than the" in error.message
    simulator.lead_back()
    assert subscriber.install("greet").set.releases[0].number == 2


def test_the_index_of_one_release_and_the_head_of_another_are_refused(simulator: Simulator) -> None:
    first = simulator.releases[0]
    second = simulator.release()
    subscriber = simulator.subscriber()
    mirror = simulator.mirror("mirror")
    swap(blob(mirror, second.index.digest), blob(mirror, first.index.digest))
    simulator.lead_to(mirror)
    assert "expected" in subscriber.refuses("greet").message


def test_the_head_of_one_release_under_the_metadata_of_another_is_refused(simulator: Simulator) -> None:
    first = simulator.releases[0]
    subscriber = simulator.subscriber()
    second = simulator.release()
    mirror = simulator.mirror("mirror")
    folder = mirror.root / "targets" / "channels" / "edge"
    swap(folder / f"{second.digest.hex}.release.json", folder / f"{first.digest.hex}.release.json")
    simulator.lead_to(mirror)
    error = subscriber.refuses("greet")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "mismatch"


@pytest.mark.parametrize("role", ["edge", "snapshot", "targets"])
def test_metadata_of_one_state_under_that_of_another_is_refused(simulator: Simulator, role: str) -> None:
    """Each document is named by version, length and digest in the one above it."""
    subscriber = simulator.subscriber()
    old = simulator.mirror("old")
    simulator.release()
    if role == "targets":
        simulator.keys("draft targets --repository public")
        simulator.sign_and_publish("targets")
    mirror = simulator.mirror("mirror")
    swap(mirror.path(role), old.path(role))
    simulator.lead_to(mirror)
    error = subscriber.refuses("greet")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "mismatch"
