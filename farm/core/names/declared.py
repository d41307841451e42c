"""What only a maintainer knows about a package and declares: outputs, host needs, plugins, sensitive files, waivers.

Plain values; recipes read them from a file, descriptors contain them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, TypeAlias

from farm.core.names.form import Form
from farm.errors import FarmError

_CAPABILITIES = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""

CAPABILITIES = frozenset(f"CAP_{name}" for name in _CAPABILITIES.split())
"""The capabilities of Linux, in the spelling of capabilities(7); a new kernel may add more."""

HardeningProperty: TypeAlias = Literal[
    "pie",
    "relro",
    "bind-now",
    "non-executable-stack",
    "no-text-relocations",
    "stack-protector",
    "stack-clash-protection",
]
"""A property of programs and libraries."""


@dataclass(frozen=True, slots=True)
class HostNeeds(Form, record="needs of the host", omitted={"devices"}):
    """What a package needs from the host that runs it.

    `kernel` is the minimum version of Linux (`5.6`) or empty, `features` are kernel configuration names
    (`CONFIG_IO_URING`), `capabilities` are names as in capabilities(7) (`CAP_NET_RAW`), `devices` are paths
    (`/dev/kvm`).
    """

    kernel: str = ""
    features: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The needs as a list for people; empty if there are none."""
        kernel = [f"Linux {self.kernel}"] if self.kernel else []
        return ", ".join([*kernel, *self.features, *self.capabilities, *self.devices])


@dataclass(frozen=True, slots=True)
class Plugin(Form, record="plugins of a package"):
    """Files of a package that only a certain program loads.

    `path` is a glob over package paths (`lib/bash/*`, where `*` does not cross a slash and `**` does), `loader`
    the command whose closure must export what the plugins import (`bash`).
    """

    path: str
    loader: str


@dataclass(frozen=True, slots=True)
class SensitiveFile(Form, record="sensitive file"):
    """A file that affects how others load or log in, and the reason why the package must have it.

    `path` is a glob over package paths in a recipe and in a plan, and the path of one file in a descriptor; `reason` is
    one line, shown when the package is installed. `farm.core.package.sensitive_files` defines which files are
    sensitive.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Output(Form, record="output", omitted={"requires"}):
    """A part of the installed files that becomes a package of its own, `<recipe>-<name>`.

    `paths` are globs over package paths (`include/**`, `lib/*.a`); `*` does not cross a slash and `**` does. `requires`
    are packages that it needs at run time beyond those found in its files, perhaps others of the recipe.
    """

    name: str
    paths: tuple[str, ...]
    requires: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "requires", tuple(sorted(set(self.requires))))


@dataclass(frozen=True, slots=True)
class HardeningWaiver:
    """A recipe's waiver of a property for some of its files, with the reason; `files` is a glob of package paths."""

    property: HardeningProperty
    files: str
    reason: str


class DeclaresSensitiveFiles(Form):
    """A form whose format 2 has `sensitive_files`; format 1 is the same without them.

    Format 2 is written only where there are such files, so older documents keep their digests, and an older program
    refuses a document that it could not understand completely. `_error` is raised for any other format.
    """

    __slots__ = ()
    _error: ClassVar[type[FarmError]]
    sensitive_files: tuple[SensitiveFile, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the value as JSON values."""
        return Form.to_dict(self) | {"format": 2 if self.sensitive_files else 1}

    @classmethod
    def from_dict(cls, value: Any) -> Self:
        """Read the result of `to_dict`. Raises `_error`, `InvalidRecordError`, and the errors of names."""
        form = dict(value) if isinstance(value, dict) else {}
        number = form.pop("format", None)
        if type(number) is not int or number not in (1, 2):
            raise cls._error(
                f"this {cls._options.record} has format {number!r:.100}, this farm reads up to format 2",
                remedy="Upgrade the farm.",
            )
        return super().from_dict(form)
