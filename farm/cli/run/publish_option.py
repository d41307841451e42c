"""What `--publish [IP:]HOST:CONTAINER[/udp]` of `farm run` may say, and with which network and engine."""

from __future__ import annotations

import re

import click

_FORM = re.compile(r"(?:(\[[0-9a-fA-F:]+\]|[0-9.]+):)?([0-9]{1,5}):([0-9]{1,5}(?:/.*)?)")
_OWN_NETWORK = "--publish needs a network of the container's own, "


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


def check_publishing(publish: tuple[str, ...], network: str, engine: str) -> None:
    """See that ports can be published there. Raises `click.UsageError`."""
    from farm.client.run.engine import BUBBLEWRAP

    if not publish:
        return
    if engine == BUBBLEWRAP:
        raise click.UsageError(
            "--publish is for Docker: bubblewrap gives a run no network of its own with ports to publish. Add "
            "--network host instead, and what runs listens on this host's own ports; or use --with docker."
        )
    if network == "none":
        raise click.UsageError(f"{_OWN_NETWORK}and this run has none: add --network bridge.")
    if network == "host" or network.startswith("container:"):
        whose = "this host's" if network == "host" else "another container's"
        raise click.UsageError(f"{_OWN_NETWORK}and this one is {whose}: leave --publish away, or --network {network}.")
