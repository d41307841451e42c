"""What only a person knows of a package and therefore declares: outputs, needs of the host, plugins, sensitive files.

Values alone; recipes read them from a file, descriptors carry them. They decide nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from farm.core.names.form import Form


@dataclass(frozen=True, slots=True)
class HostNeeds(Form, record="needs of the host", omitted={"devices"}):
    """What a package asks of the host that runs it.

    `kernel` is the least version of Linux (`5.6`) or empty, `features` are kernel configuration names
    (`CONFIG_IO_URING`), `capabilities` are names as in capabilities(7) (`CAP_NET_RAW`), `devices` are paths
    (`/dev/kvm`).
    """

    kernel: str = ""
    features: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


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
    """A file that a package has although it changes how others load or log in, and why it must have it.

    `path` is a glob over package paths in a recipe and in a plan, and the path of one file in a descriptor; `reason`
    is one line, shown when the package is installed. Which files are sensitive is defined in
    `farm.core.package.sensitive_files`.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Output(Form, record="output"):
    """A part of the installed files that becomes a package of its own, `<recipe>-<name>`.

    `paths` are globs over package paths (`include/**`, `lib/*.a`); `*` does not cross a slash and `**` does.
    """

    name: str
    paths: tuple[str, ...]
