"""The address of a remote repository: which ones are allowed, and how git reaches it at an address that was checked."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from farm.errors import FarmError
from farm.store.http.address_guard import ForbiddenAddressError
from farm.store.http.download_policy import check_url
from farm.store.http.resolving import addresses_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.store.http.address_guard import AddressGuard

_PORTS = {"http": 80, "https": 443}
_RESOLVE_SECONDS = 10.0
_REPOSITORY_FORM = "https://HOST/OWNER/REPOSITORY.git"
_LOOPBACK_NAME = "localhost"


@dataclass(frozen=True, slots=True)
class GitRemote:
    """A repository at an http(s) address; `token` is sent to it, unless that is empty."""

    url: str
    token: str = field(default="", repr=False)


def check_remote_url(url: str, what: str = "a repository", *, form: str = _REPOSITORY_FORM) -> None:
    """Refuse what is no plain https address of `what`; http only of this machine. Raises `ForbiddenAddressError`.

    `form` says how such an address is written.
    """
    try:
        if not url.startswith(tuple(f"{scheme}://" for scheme in _PORTS)):
            raise ForbiddenAddressError(url.rpartition("@")[2][:200], f"{what} is read over https, also a public one")
        check_url(url)
        parts = urlsplit(url)
        if parts.query or parts.fragment:
            raise ForbiddenAddressError(url[:200], f"the address of {what} has neither ? nor #")
        if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            raise ForbiddenAddressError(url[:200], f"{what} is read over https")
    except ForbiddenAddressError as error:
        usual = f"Write it as {form}, without credentials: a token is read from --token-file"
        raise ForbiddenAddressError(error.address, error.why, usual=usual) from error


def reaching(remote: GitRemote, guard: AddressGuard) -> Iterator[tuple[str, str]]:
    """Yield the settings with which git reaches a remote: only at the addresses that its name has now, all allowed.

    Raises `ForbiddenAddressError`, and the error `unreachable` where the name has no address.
    """
    check_remote_url(remote.url)
    parts = urlsplit(remote.url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        addresses = addresses_of(host, port, _RESOLVE_SECONDS)
    except (OSError, UnicodeError) as error:
        raise FarmError(f"{host} cannot be resolved: {error}", code="unreachable") from error
    for address in addresses:
        if violation := guard.violation(address):
            raise ForbiddenAddressError(host, violation, setting=guard.setting)
    if not _is_address(host):
        shown = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
        yield "http.curloptResolve", f"{host}:{port}:{shown}"
    if remote.token:
        # Both GitHub and Forgejo take a token as the password of any user.
        credentials = base64.b64encode(f"x-access-token:{remote.token}".encode()).decode()
        yield "http.extraHeader", f"Authorization: Basic {credentials}"


def _is_loopback(host: str) -> bool:
    return host == _LOOPBACK_NAME or (_is_address(host) and ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
