"""Who is one caller, as far as an address can tell."""

from __future__ import annotations

import ipaddress


def household(address: str) -> str:
    """Return what one customer of a provider has: an IPv4 address, or the /64 that an IPv6 address is in."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((int(parsed), 64), strict=False))
