"""Row 1, for programs that start anew each time: a run accepts no news from a frozen mirror, and continues without."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.offline import last_verified
from tests.client.host_shell import MOUNT, shell
from tests.threats.simulator import needs_faketime

if TYPE_CHECKING:
    from tests.threats.simulator import Simulator

_USER_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")
needs_bubblewrap = pytest.mark.skipif(
    shutil.which("bwrap") is None or not _USER_NAMESPACES.exists() or _USER_NAMESPACES.read_text().strip() == "0",
    reason="bubblewrap is not installed, or user namespaces are off",
)
RUN = ("run", "--with", "bubblewrap", *MOUNT)
SAY = ("greet", "--", *shell("echo ran"))


@needs_faketime
@needs_bubblewrap
def test_two_days_later_a_frozen_mirror_is_refused_and_what_was_verified_before_runs(simulator: Simulator) -> None:
    mirror = simulator.mirror("mirror")
    subscriber = simulator.subscriber(address=mirror.address)
    assert subscriber.command(*RUN, *SAY).stdout == "ran\n"
    ends = mirror.document("timestamp").expires.strftime("%Y-%m-%dT%H:%M:%SZ")

    refused = subscriber.command(*RUN, *SAY, clock="+2d")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"timestamp.json is expired since {ends}" in refused.stderr

    goes_on = subscriber.command(*RUN, "--offline", *SAY, clock="+2d")
    assert (goes_on.returncode, goes_on.stdout) == (0, "ran\n"), goes_on.stderr
    assert f"its metadata expired at {ends}, so fixes may be missing" in goes_on.stderr

    Path(mirror.address).rename(f"{mirror.address}-gone")
    cut_off = subscriber.command(*RUN, *SAY, clock="+2d")
    assert (cut_off.returncode, cut_off.stdout) == (0, "ran\n"), cut_off.stderr
    assert f"expired at {ends}" in cut_off.stderr


@needs_bubblewrap
@needs_faketime
def test_what_was_refused_is_not_what_was_verified_last(simulator: Simulator) -> None:
    """A mirror that shows a release that the host refuses, and is then unreachable, has changed nothing."""
    subscriber = simulator.subscriber()
    assert subscriber.command(*RUN, *SAY).stdout == "ran\n"
    kept = last_verified(subscriber.host).catalogue.release
    simulator.release()
    # The clock of this host is so far behind that the new release is in its future.
    refused = subscriber.command(*RUN, *SAY, clock="-1000d")
    assert refused.returncode == 1
    assert last_verified(subscriber.host).catalogue.release == kept
    offline = subscriber.command(*RUN, "--offline", *SAY)
    assert f"running release {kept.number} of" in offline.stderr
