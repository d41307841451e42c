"""Removes abandoned containers, mounts and directories of one farm's attempts from a host.

Every worker runs it for all workers of its farm on the host: a stopped one (SIGSTOP) cannot clean up. Other farms may
share the engine, and the directory of attempts: theirs is never touched. The lock of an attempt tells whether its owner
lives, and the host's clock, which nobody can set, whether its lease has ended.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import docker
import docker.errors

from farm.container.attempt_directory import LABEL_LEASE, NEW, clear, none_being_made, take_over, written_lease
from farm.container.host_clock import host_time
from farm.container.sandbox import SandboxUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.container.attempt_directory import AttemptsRoot

_NAME = re.compile(r"[0-9a-f]{32}")

State = Literal["running", "expired", "abandoned"]


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """What a sweep removed: the ids of containers, and the names of attempts with abandoned directories."""

    containers: tuple[str, ...]
    directories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Janitor:
    """Cleans up one host for one farm. `root` is where its workers make the directories of their attempts."""

    client: docker.APIClient
    root: AttemptsRoot

    def sweep(self) -> CleanupResult:
        """Remove what is abandoned, containers first. Safe at any time, and by several processes at once.

        A living owner keeps its directory, even when its lease has ended: only its container is removed. Raises
        `SandboxUnavailableError`.
        """
        return CleanupResult(self._sweep_containers(), self._sweep_directories())

    def _sweep_containers(self) -> tuple[str, ...]:
        removed = []
        try:
            # The engine filters by all of these: it leaves out containers of other farms, directories and versions.
            wanted = [f"{label}={value}" for label, value in self.root.labels.items()]
            for container in self.client.containers(all=True, filters={"label": wanted}):
                if self.is_orphan(container["Labels"]):
                    # Another janitor may be removing it (409), or have removed it (404).
                    with suppress(docker.errors.APIError):
                        self.client.remove_container(container["Id"], force=True, v=True)
                        removed.append(container["Id"])
        except (docker.errors.DockerException, OSError) as error:
            raise SandboxUnavailableError("list or remove containers", error) from error
        return tuple(removed)

    def is_orphan(self, labels: Mapping[str, str]) -> bool:
        """Return whether a container must be removed, by its labels: it is this farm's, and its attempt is over."""
        name = labels.get(LABEL_LEASE, "")
        own = all(labels.get(label) == value for label, value in self.root.labels.items())
        return own and bool(_NAME.fullmatch(name)) and self.state(self.root.path / name) != "running"

    def state(self, path: Path) -> State:
        """Return the state of the attempt with a directory below the root."""
        lock = take_over(path)
        if lock is not None:
            os.close(lock)
            return "abandoned"
        if not path.exists():
            return "abandoned"
        lease = written_lease(path)
        ended = lease is not None and lease.until is not None and lease.until.is_before(host_time())
        return "expired" if ended else "running"

    def _sweep_directories(self) -> tuple[str, ...]:
        paths = sorted(self.root.path.iterdir()) if self.root.path.is_dir() else []
        unnamed = [path for path in paths if path.name.startswith(NEW)]
        removed = [path.name for path in paths if path not in unnamed and self._clear_abandoned(path)]
        if unnamed:
            with none_being_made(self.root.path) as free:
                removed += [path.name for path in unnamed if free and self._clear_abandoned(path)]
        return tuple(removed)

    def _clear_abandoned(self, path: Path) -> bool:
        lock = take_over(path)
        if lock is None:
            return False
        try:
            lease = written_lease(path)
            if lease is not None and lease.owner != self.root.owner:
                return False  # that farm has a janitor of its own
            clear(path)
        finally:
            os.close(lock)
        return True
