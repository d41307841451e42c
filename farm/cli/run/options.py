"""The options `--mount SOURCE:TARGET[:rw]` and `--publish [IP:]HOST:CONTAINER[/udp]` of `farm run`."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from farm.container.sandbox_spec import Bind


_ACCESS = {"": False, "ro": False, "rw": True}


def read_mounts(_: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[Bind, ...]:
    """Read the values for Click; raises `click.UsageError`."""
    found = {}
    for bind in map(read_mount, given):
        if bind.target in found:
            raise click.UsageError(f"--mount names {bind.target} twice: mount only one source there.")
        found[bind.target] = bind
    return tuple(found.values())


def read_mount(text: str) -> Bind:
    """Return a mount with its absolute source; wrong use if the source does not exist."""
    from farm.container.sandbox_spec import Bind
    from farm.core.names.root_places import TAKEN

    source, found, rest = text.partition(":")
    target, _, access = rest.partition(":")
    if not found or not source:
        raise click.UsageError(f"--mount {text!r} is not SOURCE:TARGET.")
    if access not in _ACCESS:
        raise click.UsageError(f"--mount {text!r}: after the target only :ro or :rw is allowed, not :{access}.")
    parts = PurePosixPath(target).parts
    if parts[:1] != ("/",) or len(parts) == 1 or ".." in parts:
        raise click.UsageError(f"--mount {text!r}: the target has to be a path below /, without `..`.")
    if parts[1] in TAKEN:
        raise click.UsageError(f"--mount {text!r}: /{parts[1]} is reserved for packages; use another path, as /data.")
    if not Path(source).exists():
        raise click.UsageError(f"--mount {text!r}: there is no {source} here.")
    return Bind(Path(source).absolute(), str(PurePosixPath(*parts)), _ACCESS[access])


_FORM = re.compile(r"(?:(\[[0-9a-fA-F:]+\]|[0-9.]+):)?([0-9]{1,5}):([0-9]{1,5}(?:/.*)?)")


def read_ports(_: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Read the values for Click; raises `click.UsageError`."""
    return tuple(map(read_port, given))


def read_port(text: str) -> str:
    """Return a host port with a container port, in Docker's form: `127.0.0.1:8080:80/tcp`."""
    from ipaddress import ip_address

    from farm.core.files.matching import InvalidValueError
    from farm.core.subscriber.image_values import port

    form = _FORM.fullmatch(text)
    if form is None:
        raise click.UsageError(
            f"--publish {text!r} is not HOST:CONTAINER: write it as 8080:80, or 127.0.0.1:53:53/udp."
        )
    address, outside, inside = form.groups()
    try:
        if address:
            ip_address(address.strip("[]"))
        host, container = port(outside).partition("/")[0], port(inside)
    except (InvalidValueError, ValueError) as error:
        raise click.UsageError(f"--publish {text!r}: {error}") from error
    return ":".join(part for part in (address, host, container) if part)
