"""Removes from a host what attempts left behind: containers, mounts and directories whose owner or lease is gone.

Every worker runs it, for all workers of its host: one that was stopped (SIGSTOP) cannot clean up after itself.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import docker
import docker.errors

from farm.engine.attempt_directory import NEW, clear, lease_deadline, take_over
from farm.engine.sandbox import LABEL_ATTEMPT, LABEL_DEADLINE, LABEL_DIRECTORY, SandboxUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NEW_SECONDS = 600

State = Literal["running", "expired", "abandoned", "unknown"]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed: the ids of containers, and the names of attempts whose directories were abandoned."""

    containers: tuple[str, ...]
    directories: tuple[str, ...]


class Janitor:
    """Sweeps one host. `root` is where this host's workers make their attempts' directories."""

    def __init__(self, client: docker.APIClient, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._root = root
        self._clock = clock

    def sweep(self) -> Swept:
        """Remove what is abandoned, containers first. Safe at any moment, and by several at once.

        The directory of an owner that lives is left to it, even when its lease has ended: only its container goes.
        Raises `SandboxUnavailableError`.
        """
        return Swept(self._sweep_containers(), self._sweep_directories())

    def _sweep_containers(self) -> tuple[str, ...]:
        now, removed = self._clock(), []
        try:
            containers = self._client.containers(all=True, filters={"label": LABEL_ATTEMPT})
            for container in containers:
                if is_orphan(container["Labels"], self.state, now=now):
                    # Another janitor may be removing it too (409), or have done so (404).
                    with suppress(docker.errors.APIError):
                        self._client.remove_container(container["Id"], force=True, v=True)
                        removed.append(container["Id"])
        except (docker.errors.DockerException, OSError) as error:
            raise SandboxUnavailableError("list or remove containers", error) from error
        return tuple(removed)

    def state(self, path: Path) -> State:
        """Tell how the attempt in a directory stands; `unknown` where another host or mount namespace has it."""
        if not path.exists():
            return "abandoned" if path.parent == self._root else "unknown"
        lock = take_over(path)
        if lock is not None:
            os.close(lock)
            return "abandoned"
        return "expired" if lease_deadline(path) < self._clock() else "running"

    def _sweep_directories(self) -> tuple[str, ...]:
        removed = []
        for path in sorted(self._root.iterdir()) if self._root.is_dir() else []:
            if path.name.startswith(NEW) and self._clock() - path.stat().st_mtime < _NEW_SECONDS:
                continue  # its owner is about to lock it
            lock = take_over(path)
            if lock is None:
                continue
            try:
                clear(path)
            finally:
                os.close(lock)
            removed.append(path.name)
        return tuple(removed)


def is_orphan(labels: Mapping[str, str], state: Callable[[Path], State], *, now: float) -> bool:
    """Decide by a container's labels, and the state of the attempt's directory that they name, whether it must go.

    The deadline in the labels is the last word where the directory cannot be seen from here.
    """
    try:
        deadline = float(labels.get(LABEL_DEADLINE, ""))
    except ValueError:
        return True
    directory = Path(labels.get(LABEL_DIRECTORY, ""))
    return deadline < now or (directory.is_absolute() and state(directory) in ("expired", "abandoned"))
