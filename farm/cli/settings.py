"""The settings of the command: environment variables, read only here, once, and passed on as values."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import click

from farm.cli.places import host_directory, state_directory

_KEPT_GB = 10
SEVERITY_WORDS = ("none", "low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class Settings:
    """Paths and options, each from the environment variable of its name (`FARM_STATE`, …; `DOCKER_HOST`).

    `state` and `host` can be read only where no other user can change the directory; `host` is shared by all farms of
    one user on this machine: toolchains, sources, unpacked packages. An empty `docker` is the engine of this machine.
    `allowed_networks` (separated by commas) are private networks that builds may fetch sources from, `webhook_networks`
    those to which the farm that is started here may send messages. `max_severity` is the highest severity of advisories
    on packages that are run or installed here; empty for any. `resolver` is the DNS server for subscribing; empty for
    that of this machine. `policy` is the file of the policy. `web_bounds` (as `streams=500`, separated by commas) are
    limits for callers of the farm that is started here, where they differ from the defaults. `key` is the private
    key of this person, and `name` the name; by default those of `farm keys me`. `public_url` is the address at which
    others reach the farm that is started here, empty for that on the loopback. `users` is the prefix of the accounts
    that programs of a farm run as; empty for user IDs of its own. `kept_bytes` is what kept builds may take on the
    disk, in all (`FARM_KEPT_GB`, in units of 10⁹ bytes).
    """

    state_place: Path
    host_place: Path
    recipes: Path
    url: str
    token: str
    docker: str
    allowed_networks: tuple[str, ...]
    max_severity: str = ""
    resolver: str = ""
    policy: Path | None = None
    web_bounds: tuple[tuple[str, float], ...] = ()
    key: Path | None = None
    name: str = ""
    users: str = ""
    kept_bytes: int = _KEPT_GB * 10**9
    public_url: str = ""
    webhook_networks: tuple[str, ...] = ()

    @property
    def state(self) -> Path:
        """The user's state. Raises `FarmError` (`not-own-directory`) if others could change it."""
        from farm.store.private_directory import own_state

        own_state(self.state_place, self.host_place)
        return self.state_place

    @property
    def host(self) -> Path:
        """What all farms and roots of this user share. Raises `FarmError` (`not-own-directory`) as `state` does."""
        from farm.store.private_directory import check_own

        check_own(self.host_place)
        return self.host_place

    def submission_page(self, number: int) -> str:
        """Return the address of the page of a submission."""
        return f"{self.url}/submissions/{number}"

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the environment. Raises `click.UsageError`."""
        return cls(
            state_place=Path(state_directory()),
            host_place=Path(host_directory()),
            recipes=Path(os.environ.get("FARM_RECIPES") or "recipes").absolute(),
            url=_url(os.environ.get("FARM_URL", "http://127.0.0.1:8460")),
            token=os.environ.get("FARM_TOKEN", ""),
            docker=os.environ.get("DOCKER_HOST", ""),
            allowed_networks=_networks("FARM_ALLOWED_NETWORKS", os.environ.get("FARM_ALLOWED_NETWORKS", "")),
            max_severity=_severity(os.environ.get("FARM_MAX_SEVERITY", "")),
            resolver=os.environ.get("FARM_RESOLVER", ""),
            policy=Path(os.environ["FARM_POLICY"]).absolute() if os.environ.get("FARM_POLICY") else None,
            web_bounds=_web_bounds(os.environ.get("FARM_WEB_BOUNDS", "")),
            key=Path(os.environ["FARM_KEY"]).absolute() if os.environ.get("FARM_KEY") else None,
            name=os.environ.get("FARM_NAME", ""),
            users=os.environ.get("FARM_USERS", ""),
            kept_bytes=_kept_bytes(os.environ.get("FARM_KEPT_GB", "")),
            public_url=_url(os.environ.get("FARM_PUBLIC_URL", ""), "FARM_PUBLIC_URL", or_none=True),
            webhook_networks=_networks("FARM_WEBHOOK_NETWORKS", os.environ.get("FARM_WEBHOOK_NETWORKS", "")),
        )


def _url(text: str, variable: str = "FARM_URL", *, or_none: bool = False) -> str:
    if not text.startswith(("http://", "https://")) and not (or_none and not text):
        raise click.UsageError(f"{variable}: {text!r} is not an address. Write it as https://farm.example.org.")
    return text.rstrip("/")


def _kept_bytes(text: str) -> int:
    try:
        gigabytes = float(text or _KEPT_GB)
    except ValueError:
        gigabytes = -1
    if not 0 <= gigabytes < 10**6:
        raise click.UsageError(f"FARM_KEPT_GB: {text!r} is not a size in gigabytes. Write a number, as {_KEPT_GB}.")
    return int(gigabytes * 10**9)


def _networks(variable: str, text: str) -> tuple[str, ...]:
    networks = tuple(part.strip() for part in text.split(",") if part.strip())
    for network in networks:
        try:
            ip_network(network)
        except ValueError as error:
            raise click.UsageError(f"{variable}: {error}. Write networks as 10.0.0.0/8.") from error
    return networks


def _severity(text: str) -> str:
    if text not in ("", *SEVERITY_WORDS):
        raise click.UsageError(
            f"FARM_MAX_SEVERITY: {text!r} is not a severity. Use one of {', '.join(SEVERITY_WORDS)}."
        )
    return text


def _web_bounds(text: str) -> tuple[tuple[str, float], ...]:
    """Read names and numbers. The web process checks the names when it starts."""
    bounds = []
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, figure = map(str.strip, part.partition("="))
        try:
            bounds.append((name, float(figure)))
        except ValueError:
            raise click.UsageError(
                f"FARM_WEB_BOUNDS: {part!r} is not a limit. Write NAME=NUMBER, as streams=500."
            ) from None
        if not (name and 0 < bounds[-1][1] < float("inf")):
            raise click.UsageError(f"FARM_WEB_BOUNDS: {part!r} is not a limit. The number must be above 0.")
    return tuple(bounds)
