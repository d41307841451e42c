"""A Docker Engine for late-bound runs, and what it can grant."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from farm.client.run.late_binding import docker_command
from farm.container.empty_image import EmptyImage
from farm.container.kernel import this_kernel
from farm.container.sandbox import SandboxUnavailableError, connect
from farm.core.names.declared import CAPABILITIES
from farm.core.sets.needs.host import Kernel

if TYPE_CHECKING:
    import docker

    from farm.client.run.late_binding import LateBoundRun, RunOptions

_SOCKET = "/var/run/docker.sock"

__all__ = ["DockerEngine", "SandboxUnavailableError", "open_docker"]


class DockerEngine:
    """Docker, through its own command, so that exit status, signals and terminal work as users know them."""

    name = "docker"

    def __init__(self, client: docker.APIClient, address: str) -> None:
        self._client = client
        self._address = address
        self._socket = socket_of(address)

    def kernel(self) -> Kernel:
        """Return this machine's kernel; of a remote engine only the kernel's release is known."""
        if self._socket:
            return this_kernel()
        return Kernel(str(self._client.version().get("KernelVersion", "")), complete=False)

    def grantable(self, options: RunOptions) -> tuple[frozenset[str], str]:
        """Return all capabilities for root; Docker grants others none, but allows low ports in its own network."""
        if options.user.partition(":")[0] in ("0", "root"):
            return CAPABILITIES, ""
        low_ports = frozenset[str]() if options.network == "host" else frozenset({"CAP_NET_BIND_SERVICE"})
        return low_ports, "Docker grants it to root alone: add --user 0, or --with bubblewrap"

    def start(self, run: LateBoundRun) -> int:
        """Become `docker run`; does not return. Raises the error `empty-image`."""
        _, line = self._image_and_line(run)
        sys.stdout.flush()
        os.execvp(line[0], line)  # noqa: S606

    def again(self, run: LateBoundRun) -> dict[str, object] | None:
        """Return the whole `docker run` command line up to the command; None for a remote engine."""
        if not self._socket:
            return None
        image, line = self._image_and_line(replace(run, options=replace(run.options, command=())))
        return {"image": image, "line": line, "socket": self._socket}

    def _image_and_line(self, run: LateBoundRun) -> tuple[str, list[str]]:
        image = EmptyImage.of(run.platform).ensure(self._client)
        line = docker_command(image, run.composition, run.packages, run.links, run.options)
        if not self._address:
            line[1:1] = [f"--host=unix://{self._socket}"]  # as this process did, whatever context the user has chosen
        return image, line


def socket_of(address: str) -> str:
    """Return the path of the socket at which a local engine listens; empty for a remote one."""
    return address.removeprefix("unix://") if address.startswith("unix://") else "" if address else _SOCKET


def open_docker(address: str) -> DockerEngine:
    """Return the engine at an address (empty: the machine's own). Raises `SandboxUnavailableError`."""
    if shutil.which("docker") is None:
        raise SandboxUnavailableError("start the run", "the docker command is not installed")
    return DockerEngine(connect(address), address)
