"""Which ports can be published, and the errors for those that cannot."""

from __future__ import annotations

import click
import pytest

from farm.cli.run.options import read_port


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("8080:80", "8080:80/tcp"),
        ("127.0.0.1:53:53/udp", "127.0.0.1:53:53/udp"),
        ("[::1]:8080:08080/tcp", "[::1]:8080:8080/tcp"),
    ],
)
def test_a_port_is_written_as_docker_has_it(text: str, read: str) -> None:
    assert read_port(text) == read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8080", "is not HOST:CONTAINER: write it as 8080:80"),
        ("host:8080:80", "is not HOST:CONTAINER"),
        ("127.0.0.1::80", "is not HOST:CONTAINER"),
        ("0:80", "'0' is not a valid port"),
        ("8080:65536", "'65536' is not a valid port"),
        ("8080/udp:80", "is not HOST:CONTAINER"),
        ("8080:80/icmp", "'80/icmp' is not a valid port"),
        ("300.0.0.1:80:80", "'300.0.0.1' does not appear to be an IPv4 or IPv6 address"),
    ],
)
def test_what_is_no_port_is_told(text: str, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        read_port(text)
