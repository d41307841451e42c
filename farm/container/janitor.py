"""Removes abandoned containers, mounts and directories of one farm's attempts from a host.

Every worker runs it for all workers of its farm on the host: a stopped one (SIGSTOP) cannot clean up. Other farms may
share the engine, and the directory of attempts: theirs is not touched, unless it was lost: its process has ended, and
its directory of attempts was removed, so that no janitor of its own will ever come. The lock of an attempt tells
whether its owner lives, and the host's clock, which nobody can set, whether its lease has ended.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import docker
import docker.errors

from farm.container.attempt_directory import (
    IDENTITY,
    LABEL_ATTEMPTS,
    LABEL_DIRECTORY,
    LABEL_LEASE,
    LABEL_PROCESS,
    NEW,
    clear,
    none_being_made,
    take_over,
    written_lease,
)
from farm.container.host_clock import host_time
from farm.container.mounts import mounts_of_attempts
from farm.container.owner_process import OwnerProcess
from farm.container.sandbox import SandboxUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.container.attempt_directory import AttemptsRoot

_NAME = re.compile(r"[0-9a-f]{32}")

State = Literal["running", "expired", "abandoned"]


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """What a sweep removed: the ids of containers, and the names of attempts with abandoned directories.

    `lost` are both, of farms that are gone.
    """

    containers: tuple[str, ...]
    directories: tuple[str, ...]
    lost: tuple[str, ...] = ()


def is_lost(labels: Mapping[str, str]) -> bool:
    """Return whether nobody will ever remove a container, by its labels.

    The process that owns its attempt has ended, as seen from this one, and the directory of its farm's attempts is
    gone, or another one.
    """
    process = OwnerProcess.parse(labels.get(LABEL_PROCESS, ""))
    directory = Path(labels.get(LABEL_DIRECTORY, ""))
    if process is None or not directory.is_absolute() or not process.has_ended():
        return False
    return _identity(directory) not in (None, labels.get(LABEL_ATTEMPTS))


def _identity(directory: Path) -> str | None:
    """Return the identity of a directory of attempts, empty if it has none; None if that cannot be seen."""
    try:
        return (directory / IDENTITY).read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (OSError, ValueError):
        return None


def _attempt_of(mount: Path) -> Path | None:
    """Return the directory of the attempt that has made a mount, if it is in one."""
    return next((above for above in (mount, *mount.parents) if _NAME.fullmatch(above.name)), None)


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
        own, lost = self._sweep_containers()
        return CleanupResult(own, self._sweep_directories(), (*lost, *self._sweep_lost_mounts()))

    def _sweep_containers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Remove containers; return the ids of this farm's, and of those of farms that are gone."""
        own: list[str] = []
        lost: list[str] = []
        try:
            # The engine leaves out containers of anything but farms.
            for container in self.client.containers(all=True, filters={"label": LABEL_LEASE}):
                labels = container["Labels"]
                is_own = self.is_orphan(labels)
                if is_own or is_lost(labels):
                    # Another janitor may be removing it (409), or have removed it (404).
                    with suppress(docker.errors.APIError):
                        self.client.remove_container(container["Id"], force=True, v=True)
                        (own if is_own else lost).append(container["Id"])
        except (docker.errors.DockerException, OSError) as error:
            raise SandboxUnavailableError("list or remove containers", error) from error
        return tuple(own), tuple(lost)

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

    def _sweep_lost_mounts(self) -> tuple[str, ...]:
        """Clear the directories of attempts that only their mounts have kept when all around them was removed."""
        attempts = dict.fromkeys(filter(None, map(_attempt_of, mounts_of_attempts())))
        return tuple(path.name for path in attempts if _identity(path.parent) == "" and self._clear_abandoned(path))

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
