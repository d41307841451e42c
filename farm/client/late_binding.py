"""A late-bound run: one constant empty image, a read-only mount for each package, the links made at start.

What runs is decided when it starts, by the newest verified release, so a fix in the channel reaches a container at
its next start without building anything.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.engine.environment import render_links

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from farm.client.catalogue import Catalogue, VerifiedPackage
    from farm.compat import Composition


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a run asks for beyond its packages: Docker's words for network, user and extra read-only directories."""

    command: tuple[str, ...]
    network: str = "none"
    user: str = "65534:65534"
    workdir: str = "/"
    environment: tuple[tuple[str, str], ...] = ()
    binds: tuple[tuple[str, str], ...] = ()
    terminal: bool = False
    interactive: bool = True


def docker_command(
    image: str, composition: Composition, packages: Mapping[str, Path], links: Path, options: RunOptions
) -> list[str]:
    """Return the `docker run` command line that starts `options.command` over these packages."""
    mounts = [(str(path), f"/packages/{store}") for store, path in sorted(packages.items())]
    mounts += [(str(links / top), f"/{top}") for top in ("usr", "etc")]
    mounts += list(options.binds)
    command = ["docker", "run", "--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
    command += [f"--network={options.network}", f"--user={options.user}", f"--workdir={options.workdir}"]
    command += ["--tmpfs=/tmp:rw,nosuid,nodev,mode=1777", "--log-driver=none"]
    command += [f"--label=farm.set={composition.digest}"]
    if options.interactive:
        command.append("--interactive")
    if options.terminal:
        command.append("--tty")
    for name, value in (("PATH", "/usr/bin:/usr/sbin"), ("LANG", "C.UTF-8"), ("HOME", "/tmp"), *options.environment):  # noqa: S108
        command.append(f"--env={name}={value}")
    for source, target in mounts:
        command.append(f"--mount=type=bind,readonly,source={source},target={target}")
    return [*command, image, *options.command]


def links_directory(state: Path, composition: Composition) -> Path:
    """Return a directory with the composition's links, made now unless an equal set ran before on this host."""
    place = state / "links" / composition.digest.hex
    if not place.exists():
        temporary = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
        temporary.mkdir(parents=True)
        try:
            render_links(temporary, composition.forest)
            try:
                temporary.rename(place)
            except OSError:
                if not place.exists():  # else another run was faster, with the same content
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return place


def record_run(state: Path, now: str, catalogue: Catalogue, packages: Sequence[VerifiedPackage], command: str) -> None:
    """Append to `STATE/runs.jsonl` what runs: the release and the exact packages. One write, whole or not at all."""
    line = json.dumps(
        {
            "at": now,
            "channel": f"{catalogue.release.distribution}/{catalogue.release.channel}",
            "command": command,
            "packages": sorted(each.descriptor.digest for each in packages),
            "release": catalogue.release.number,
        }
    )
    descriptor = os.open(state / "runs.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)
