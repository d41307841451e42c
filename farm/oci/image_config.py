"""How a container image is run, and the configuration document for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.canonical_json import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.platform import Platform
    from farm.oci.layer import Layer

CREATED = "1980-01-01T00:00:00Z"
"""The time in every image, which is that of the archives' files: no image has a time of its own."""
_PATH = ("PATH", "/usr/bin:/usr/sbin")


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The settings for a runtime: process, environment as (name, value), user, directory, labels, ports, volumes.

    `ports` are written `8080/tcp`, `volumes` are absolute paths.
    """

    platform: Platform
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    user: str = ""
    working_directory: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()

    @property
    def search_path(self) -> str:
        """The directories, separated by colons, in which a runtime looks for a command."""
        return dict([_PATH, *self.environment])["PATH"]

    @classmethod
    def of(cls, platform: Platform, settings: Mapping[str, Any]) -> ImageConfig:
        """Read the `config` of a configuration document, or what Docker shows of it."""
        pairs = (variable.partition("=") for variable in settings.get("Env") or ())
        return cls(
            platform=platform,
            entrypoint=tuple(settings.get("Entrypoint") or ()),
            command=tuple(settings.get("Cmd") or ()),
            environment=tuple((name, value) for name, _, value in pairs),
            user=settings.get("User") or "",
            working_directory=settings.get("WorkingDir") or "",
            labels=tuple((settings.get("Labels") or {}).items()),
            ports=tuple(settings.get("ExposedPorts") or ()),
            volumes=tuple(settings.get("Volumes") or ()),
        )


def configuration(config: ImageConfig, layers: Sequence[Layer]) -> bytes:
    """Return the image's configuration (OCI image specification, config.md), whose digest is Docker's image id.

    Environment and labels are sorted by name; a PATH is added where the environment has none. The history names
    what each layer holds.
    """
    environment = dict([_PATH, *config.environment])
    settings: dict[str, Any] = {"Env": [f"{name}={value}" for name, value in sorted(environment.items())]}
    optional = {
        "Cmd": list(config.command),
        "Entrypoint": list(config.entrypoint),
        "ExposedPorts": {port: {} for port in config.ports},
        "Labels": dict(config.labels),
        "User": config.user,
        "Volumes": {path: {} for path in config.volumes},
        "WorkingDir": config.working_directory,
    }
    settings.update({name: value for name, value in optional.items() if value})
    return canonical_json(
        {
            "architecture": config.platform.architecture,
            "config": settings,
            "created": CREATED,
            "history": [{"created": CREATED, "created_by": layer.holds} for layer in layers],
            "os": config.platform.os,
            "rootfs": {"diff_ids": [layer.diff_id for layer in layers], "type": "layers"},
        }
    )
