"""Processor time of the containers of one farm, which the Docker Engine runs, and which are no children of the farm."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from farm.container.attempt_directory import LABEL_OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

_CGROUPS = Path("/sys/fs/cgroup")
_PAUSE = 0.01


class ContainerProcessor:
    """Counts the processor seconds of all containers that a farm starts while it is watched.

    Each container's own account is read every 10 ms until it is gone, so that less than that is missing of each. What
    the engine itself does for a container is not in it.
    """

    def __init__(self) -> None:
        self._used: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """What all containers have used so far."""
        return sum(self._used.values())

    @property
    def containers(self) -> int:
        """How many containers were seen."""
        return len(self._used)

    @classmethod
    @contextmanager
    def watching(cls, client: docker.APIClient, owner: Path) -> Iterator[ContainerProcessor]:
        """Watch the containers of the farm with the state directory `owner`, until the end of the block."""
        found = cls()
        label = f"{LABEL_OWNER}={owner.absolute()}"
        events = client.events(decode=True, filters={"type": "container", "event": "start", "label": label})
        follower = threading.Thread(target=found._follow, args=(events,), daemon=True)
        follower.start()
        try:
            yield found
        finally:
            events.close()
            follower.join()

    def _follow(self, events: Iterator[dict[str, str]]) -> None:
        with suppress(OSError, ValueError):  # the end of the block closes the connection
            for event in events:
                threading.Thread(target=self._count, args=(event["id"],), daemon=True).start()

    def _count(self, container: str) -> None:
        self._used[container] = 0.0
        while (used := processor_seconds(container)) is not None:
            self._used[container] = used
            time.sleep(_PAUSE)


def processor_seconds(container: str, cgroups: Path = _CGROUPS) -> float | None:
    """Return the processor seconds of a container by the id, or None if it has no cgroup (any more)."""
    for place in (f"cpuacct/docker/{container}", f"cpuacct/system.slice/docker-{container}.scope"):
        with suppress(OSError):
            return int((cgroups / place / "cpuacct.usage").read_text()) / 1e9
    for place in (f"system.slice/docker-{container}.scope", f"docker/{container}"):
        with suppress(OSError):
            return int((cgroups / place / "cpu.stat").read_text().split()[1]) / 1e6
    return None
