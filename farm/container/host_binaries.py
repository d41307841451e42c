"""The two files of its host's own that a sandbox can hold: Docker's init, and for a varied clock libfaketime."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from farm.container.sandbox_spec import Bind
from farm.errors import FarmError

INIT_PLACE = "/run/init"
FAKETIME_PLACE = "/run/libfaketime.so.1"

# Where the packages of Docker put what is not for people to call.
_ENGINE_DIRECTORIES = ("/usr/libexec/docker", "/usr/local/libexec/docker")
_FAKETIME_PATTERN = "usr/lib/*/faketime/libfaketime.so.1"


class HostBinaryMissingError(FarmError):
    """A program or library that a sandbox needs is not installed on the worker's host."""

    code = "host-binary-missing"

    def __init__(self, name: str, package: str) -> None:
        super().__init__(f"{name} is not installed", remedy=f"Install the Debian package {package}.")
        self.name = name


def bind_init() -> Bind:
    """Return the bind of Docker's static init (tini), which reaps what a build leaves behind.

    Not the engine's own `Init` setting: that mounts it under `/sbin` before the bind of `/usr` covers the place.
    Raises `HostBinaryMissingError`.
    """
    path = shutil.which("docker-init", path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_ENGINE_DIRECTORIES)))
    if path is None:
        raise HostBinaryMissingError("docker-init", "docker.io")
    return Bind(Path(path).resolve(), INIT_PLACE)


def bind_faketime() -> Bind:
    """Return the bind of libfaketime. Raises `HostBinaryMissingError`."""
    for library in sorted(Path("/").glob(_FAKETIME_PATTERN)):
        return Bind(library.resolve(), FAKETIME_PLACE)
    raise HostBinaryMissingError("libfaketime", "libfaketime")
