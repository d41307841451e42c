"""What only a person knows of a package and therefore declares: needs of the host, loaders of plugins, sensitive files.

Values alone; recipes read them from a file, descriptors carry them. They decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class HostNeeds:
    """What a package asks of the host that runs it.

    `kernel` is the least version of Linux (`5.6`) or empty, `features` are kernel configuration names
    (`CONFIG_IO_URING`), `capabilities` are names as in capabilities(7) (`CAP_NET_RAW`), `devices` are paths
    (`/dev/kvm`).
    """

    kernel: str = ""
    features: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the needs as plain values for canonical JSON."""
        form = {"kernel": self.kernel, "features": list(self.features), "capabilities": list(self.capabilities)}
        # Left out where there are none: what was described before there were devices keeps its digest.
        return form | ({"devices": list(self.devices)} if self.devices else {})

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> HostNeeds:
        """Read what `to_dict` wrote; `KeyError` or `TypeError` when it is something else."""
        devices = tuple(value["devices"]) if "devices" in value else ()
        return cls(str(value["kernel"]), tuple(value["features"]), tuple(value["capabilities"]), devices)


@dataclass(frozen=True, slots=True)
class Plugin:
    """Files of a package that only a certain program loads.

    `path` is a glob over package paths (`lib/bash/*`, where `*` does not cross a slash and `**` does), `loader`
    the command whose closure must export what the plugins import (`bash`).
    """

    path: str
    loader: str

    def to_dict(self) -> dict[str, Any]:
        """Return the plugin declaration as plain values for canonical JSON."""
        return {"path": self.path, "loader": self.loader}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Plugin:
        """Read what `to_dict` wrote; `KeyError` when it is something else."""
        return cls(str(value["path"]), str(value["loader"]))


@dataclass(frozen=True, slots=True)
class SensitiveFile:
    """A file that a package has although it changes how others load or log in, and why it must have it.

    `path` is a glob over package paths in a recipe and in a plan, and the path of one file in a descriptor; `reason`
    is one line, shown to whoever installs the package. Which files these are is said by
    `farm.core.package.sensitive_files`.
    """

    path: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the declaration as plain values for canonical JSON."""
        return {"path": self.path, "reason": self.reason}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> SensitiveFile:
        """Read what `to_dict` wrote; `KeyError` or `TypeError` when it is something else."""
        path, reason = value["path"], value["reason"]
        if not isinstance(path, str) or not isinstance(reason, str):
            raise TypeError("path and reason are texts")
        return cls(path, reason)
