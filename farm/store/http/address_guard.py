"""Keeps downloads away from the worker's own network: checks each address that is connected to. Clients have no guard.

A recipe is untrusted text, and the owner of a host name decides what it resolves to. So the socket's address is
checked, not the URL.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from socket import INADDR_LOOPBACK, inet_aton, inet_ntoa
from typing import TYPE_CHECKING, TypeAlias

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network

Address: TypeAlias = IPv4Address | IPv6Address

_LOOPBACK_NAME = "localhost"
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052


class ForbiddenAddressError(FarmError):
    """An address that a stranger has named must not be reached; nothing was sent to it."""

    code = "forbidden-address"

    def __init__(
        self, address: str, why: str, *, setting: str = "", usual: str = "Use a public http or https URL"
    ) -> None:
        """`setting` is where an operator can list the network of the address, if anywhere; `usual` what to do else."""
        listed = f"; an operator can list private networks in {setting}" if setting else ""
        super().__init__(f"the address {address} is refused: {why}", remedy=f"{usual}{listed}.")
        self.address = address
        self.why = why


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """The addresses that may be connected to: public unicast addresses, and the networks that the operator lists.

    `setting` is where they are listed, for the error.
    """

    allowed: tuple[IPv4Network | IPv6Network, ...] = ()
    setting: str = "FARM_ALLOWED_NETWORKS"

    @classmethod
    def of(cls, networks: Iterable[str], setting: str = "FARM_ALLOWED_NETWORKS") -> AddressGuard:
        """Make a guard that also allows these networks (`10.1.0.0/16`); raises `ValueError`."""
        return cls(tuple(ip_network(network) for network in networks), setting)

    def violation(self, text: str) -> str:
        """Return why the address (in the form of `getaddrinfo`) must not be connected to; empty when it may be."""
        address = ip_address(text.partition("%")[0])
        embedded = _embedded(address)
        if any(candidate in network for candidate in (address, embedded) if candidate for network in self.allowed):
            return ""
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            # No honest resolver returns one; `is_global` differs for it between Python versions.
            return f"{address} is an IPv4-mapped address"
        # A NAT64 prefix itself does not matter; the embedded address does (IPv6-only networks need it).
        judged = (embedded,) if address in _NAT64 else (address, embedded)
        for candidate in judged:
            if candidate is not None and not _is_public(candidate):
                return f"{address} is {_kind(candidate)}"
        return ""

    def check_host(self, host: str) -> None:
        """Refuse a host that is written as an address that must not be connected to, or is this machine by its name.

        Raises `ForbiddenAddressError`. Another name is looked up when it is connected to, not here.
        """
        written = _written_address(host)
        if written and (violation := self.violation(written)):
            raise ForbiddenAddressError(host, violation, setting=self.setting)


def _written_address(host: str) -> str:
    """Return the address that a host of a URL is without a look-up: `127.1` is one to a resolver; empty if none."""
    if host.rstrip(".").lower().split(".")[-1] == _LOOPBACK_NAME:  # RFC 6761 section 6.3
        return str(IPv4Address(INADDR_LOOPBACK))
    with suppress(ValueError):
        return str(ip_address(host))
    with suppress(OSError):
        return inet_ntoa(inet_aton(host))
    return ""


def _embedded(address: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address embeds for translation or a tunnel."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def _is_public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _kind(address: Address) -> str:
    kinds = {
        "this machine's own (loopback)": address.is_loopback,
        "link-local": address.is_link_local,
        "a multicast address": address.is_multicast,
    }
    return next((kind for kind, is_it in kinds.items() if is_it), "private or reserved")
