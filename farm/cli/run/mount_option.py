"""What `--mount SOURCE:TARGET` of `farm run` may say; what cannot be mounted is told before anything is fetched."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from farm.container.sandbox_spec import Bind

_ACCESS = {"": False, "ro": False, "rw": True}


def read_mounts(_: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[Bind, ...]:
    """Read what was given, for Click; raises `click.UsageError`."""
    found = {}
    for bind in map(read_mount, given):
        if bind.target in found:
            raise click.UsageError(f"--mount names {bind.target} twice: one thing can be seen there.")
        found[bind.target] = bind
    return tuple(found.values())


def read_mount(text: str) -> Bind:
    """Return what is to be mounted, with its absolute source; wrong use where there is no such mount."""
    from farm.container.sandbox_spec import Bind
    from farm.core.names.root_places import TAKEN

    source, found, rest = text.partition(":")
    target, _, access = rest.partition(":")
    if not found or not source:
        raise click.UsageError(f"--mount {text!r} is not SOURCE:TARGET.")
    if access not in _ACCESS:
        raise click.UsageError(
            f"--mount {text!r}: behind the target there may be :rw, for what can be written, and not :{access}."
        )
    parts = PurePosixPath(target).parts
    if parts[:1] != ("/",) or len(parts) == 1 or ".." in parts:
        raise click.UsageError(f"--mount {text!r}: the target has to be a path below /, without `..`.")
    if parts[1] in TAKEN:
        raise click.UsageError(f"--mount {text!r}: /{parts[1]} is the packages' own; mount it elsewhere, as /data.")
    if not Path(source).exists():
        raise click.UsageError(f"--mount {text!r}: there is no {source} here.")
    return Bind(Path(source).absolute(), str(PurePosixPath(*parts)), _ACCESS[access])
