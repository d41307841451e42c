"""A late-bound run: one constant empty image, a read-only mount for each package, the links made at start.

The newest verified release at the time of the start decides what runs, so a fix in the channel reaches a container at
its next start without a build. `farm.client.run.bubblewrap` gives the same view without a Docker Engine.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.container.sandbox_spec import NOBODY, Bind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.names.platform import Platform
    from farm.core.sets.composition.compose import Composition

ENVIRONMENT = (("PATH", "/usr/bin:/usr/sbin"), ("LANG", "C.UTF-8"), ("HOME", "/tmp"))  # noqa: S108
"""The environment variables of every run, unless they are given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a run requests besides its packages, in Docker's terms.

    `binds` are further files and directories to mount, `hidden` directories inside them that appear empty; `volumes`
    are writable and removed afterwards. `publish` are published ports, as `127.0.0.1:8080:80/tcp`. `capabilities` are
    all that the process has.
    """

    command: tuple[str, ...]
    network: str = "none"
    user: str = NOBODY
    workdir: str = "/"
    environment: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    binds: tuple[Bind, ...] = ()
    hidden: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    terminal: bool = False
    interactive: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return all but the command as JSON values."""
        form = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "command"}
        return form | {"binds": [(str(bind.source), bind.target, bind.writable) for bind in self.binds]}

    @classmethod
    def from_dict(cls, form: Mapping[str, Any], command: Iterable[str]) -> RunOptions:
        """Read what `to_dict` gave."""
        lists = {name: tuple(value) for name, value in form.items() if isinstance(value, list)}
        pairs = {name: tuple(map(tuple, form[name])) for name in ("environment", "labels")}
        binds = tuple(Bind(Path(source), target, writable) for source, target, writable in form["binds"])
        return cls(**{**form, **lists, **pairs, "binds": binds, "command": tuple(command)})


@dataclass(frozen=True, slots=True)
class LateBoundRun:
    """A run that is ready: the directories of its packages by store name, their links, and its options."""

    platform: Platform
    composition: Composition
    packages: Mapping[str, Path]
    links: Path
    options: RunOptions


def docker_command(
    image: str, composition: Composition, packages: Mapping[str, Path], links: Path, options: RunOptions
) -> list[str]:
    """Return the `docker run` command line that starts `options.command` over these packages."""
    command = ["docker", "run", "--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
    command += [f"--cap-add={capability}" for capability in options.capabilities]
    command += [f"--device={device}" for device in options.devices]
    command += [f"--network={options.network}", f"--user={options.user}", f"--workdir={options.workdir}"]
    command += [f"--publish={port}" for port in options.publish]
    command += ["--tmpfs=/tmp:rw,nosuid,nodev,mode=1777", "--log-driver=none"]
    command += [f"--tmpfs={path}:rw,nosuid,nodev,mode=1777" for path in options.volumes]
    command += [f"--tmpfs={path}:ro,nosuid,nodev,noexec" for path in options.hidden]
    command += [f"--label={name}={value}" for name, value in options.labels]
    command += [f"--label=farm.set={composition.digest}"]
    if options.interactive:
        command.append("--interactive")
    if options.terminal:
        command.append("--tty")
    for name, value in dict([*ENVIRONMENT, *options.environment]).items():
        command.append(f"--env={name}={value}")
    for mount in mounts(packages, links, options):
        access = () if mount.writable else ("readonly",)
        command.append(f"--mount={_csv('type=bind', *access, f'source={mount.source}', f'target={mount.target}')}")
    return [*command, image, *options.command]


def mounts(packages: Mapping[str, Path], links: Path, options: RunOptions) -> list[Bind]:
    """Return all mounts of a run from its host: a mount inside another comes after it."""
    found = [Bind(path, f"/packages/{store}") for store, path in sorted(packages.items())]
    found += [Bind(links / top, f"/{top}") for top in ("usr", "etc")]
    return found + sorted(options.binds, key=lambda bind: bind.target)


def _csv(*fields: str) -> str:
    """Write fields as Docker reads `--mount`: a field with a comma or a quote is quoted (RFC 4180)."""
    return ",".join('"' + field.replace('"', '""') + '"' if set(field) & set('",\n') else field for field in fields)
