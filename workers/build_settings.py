"""The settings of one build worker. They name no database, no token, and no key but its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from farm.errors import FarmError, Place

Seconds = Annotated[float, Field(gt=0)]


class InvalidWorkerSettingsError(FarmError):
    """A settings file cannot be read, or has another form."""

    code = "invalid-worker-settings"
    exit_status = os.EX_CONFIG  # a restart would not help


class BuildSettings(BaseModel):
    """The settings file of a build worker. Paths are absolute.

    `blobs` is its own store. `packages`, `toolchains` and `attempts` are best shared by all workers of a host;
    `attempts` must be, because each cleans up what the others left there. `owner` marks this farm's containers for its
    janitors (empty: the farm's URL). `docker` is the engine's URL (empty: the default), `runtime`
    an OCI runtime it knows, `suite` the Debian suite for `debian` origins (empty: none). `allowed_networks` are private
    networks (`10.0.0.0/8`) that sources may be fetched from. `hostname`, `cpus` and `clock_offset` vary what builds
    see, for checks of reproducibility.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    farm: str
    broker: str
    name: str
    key: Path
    blobs: Path
    packages: Path
    toolchains: Path
    attempts: Path
    owner: str = ""
    docker: str = ""
    runtime: str = ""
    suite: str = ""
    platform: str = "linux/amd64"
    jobs: Annotated[int, Field(ge=1)] = 2
    allowed_networks: tuple[str, ...] = ()
    idle_seconds: Seconds = 5
    sweep_seconds: Seconds = 4
    hostname: str = ""
    cpus: str = ""
    clock_offset: int = 0

    @classmethod
    def read(cls, path: Path) -> BuildSettings:
        """Read a file of settings. Raises `InvalidWorkerSettingsError`."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise InvalidWorkerSettingsError(
                f"the settings of a build worker are invalid: {error}", place=Place(str(path))
            ) from error
