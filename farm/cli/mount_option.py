"""What `--mount SOURCE:TARGET` of `farm run` may say; what cannot be mounted is told before anything is fetched."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import click

_TAKEN = ("bin", "dev", "etc", "lib", "lib64", "packages", "proc", "sbin", "sys", "usr")
"""What a late-bound run has at its root already, links of packages among it."""


def read_mounts(_: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Read what was given, for Click; raises `click.UsageError`."""
    return tuple(map(read_mount, given))


def read_mount(text: str) -> tuple[str, str]:
    """Return the absolute source and the target of a mount; wrong use where there is no such mount."""
    source, found, target = text.partition(":")
    if not found or not source:
        raise click.UsageError(f"--mount {text!r} is not SOURCE:TARGET.")
    if ":" in target:
        raise click.UsageError(f"--mount {text!r} says more than SOURCE:TARGET: what is mounted is read-only, always.")
    parts = PurePosixPath(target).parts
    if parts[:1] != ("/",) or len(parts) == 1 or ".." in parts:
        raise click.UsageError(f"--mount {text!r}: the target has to be a path below /, without `..`.")
    if parts[1] in _TAKEN:
        raise click.UsageError(f"--mount {text!r}: /{parts[1]} is the packages' own; mount it elsewhere, as /data.")
    if not Path(source).exists():
        raise click.UsageError(f"--mount {text!r}: there is no {source} here.")
    return str(Path(source).absolute()), target
