"""Engines besides Docker: podman with its own storage, and a namespace of the containerd that Docker runs on.

Each is returned as a function that runs its client and returns the output; nothing of it remains at the end.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Client = Callable[..., str]

_SOCKET = "/run/docker/containerd/containerd.sock"

needs_podman = pytest.mark.skipif(shutil.which("podman") is None, reason="needs podman")
needs_containerd = pytest.mark.skipif(
    not Path(_SOCKET).exists() or shutil.which("ctr") is None, reason="needs Docker's containerd"
)


@contextmanager
def podman(folder: Path) -> Iterator[Client]:
    """Yield podman with its images in `folder`."""
    # Overlays need a kernel that stacks them, and journals need systemd: tests need neither.
    storage = ["--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver=vfs"]
    command = ["podman", *storage, "--events-backend=none", "--cgroup-manager=cgroupfs"]
    try:
        yield _client(command)
    finally:
        subprocess.run([*command, "rmi", "--all", "--force"], check=False, capture_output=True)


@contextmanager
def containerd() -> Iterator[Client]:
    """Yield `ctr` in a namespace of its own."""
    namespace = f"farm-test-{secrets.token_hex(6)}"
    bare = ["ctr", "--address", _SOCKET]
    ctr = _client([*bare, "--namespace", namespace])
    try:
        yield ctr
    finally:
        for image in ctr("images", "list", "--quiet").split():
            ctr("images", "remove", "--sync", image)
        subprocess.run([*bare, "namespaces", "remove", namespace], check=False, capture_output=True)


def _client(command: list[str]) -> Client:
    def run(*words: str) -> str:
        done = subprocess.run([*command, *words], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
