"""What `--publish [IP:]HOST:CONTAINER[/udp]` of `farm run` may say."""

from __future__ import annotations

import re

import click

_FORM = re.compile(r"(?:(\[[0-9a-fA-F:]+\]|[0-9.]+):)?([0-9]{1,5}):([0-9]{1,5}(?:/.*)?)")


def read_ports(_: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Read what was given, for Click; raises `click.UsageError`."""
    return tuple(map(read_port, given))


def read_port(text: str) -> str:
    """Return a port of the host's, with one of the container's, as Docker reads it: `127.0.0.1:8080:80/tcp`.

    Raises `click.UsageError`.
    """
    from ipaddress import ip_address

    from farm.core.files.values import InvalidValueError
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
