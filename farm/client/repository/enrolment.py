"""Subscribing by a domain name: DNS is queried once for the address and the root's fingerprint, and never again."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

import dns.exception
import dns.nameserver
import dns.resolver

from farm.client.repository.subscriptions import SubscriptionError
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.errors import FarmError
from farm.trust.enrolment_record import EnrolmentRecord, EnrolmentRecordError, read_records, record_name

if TYPE_CHECKING:
    from farm.client.repository.subscriptions import Subscription, Subscriptions

LOOKUP_SECONDS = 10.0
"""The time limit for all attempts of one lookup together."""
_DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class Resolver:
    """A DNS server by its IP address; without an address, the servers of the machine's own configuration."""

    address: str = ""
    port: int = _DNS_PORT
    seconds: float = LOOKUP_SECONDS

    @classmethod
    def parse(cls, text: str, seconds: float = LOOKUP_SECONDS) -> Resolver:
        """Read `ADDRESS`, `ADDRESS:PORT` or `[IPv6]:PORT`; an empty text means the machine's own servers.

        Raises `FarmError` (`invalid-resolver`).
        """
        if not text:
            return cls(seconds=seconds)
        try:
            try:
                return cls(str(ip_address(text.strip("[]"))), seconds=seconds)
            except ValueError:
                host, _, port = text.rpartition(":")
                number = int(port)
                if not 0 < number < 65536:
                    raise ValueError(f"{number} is not a port") from None
                return cls(str(ip_address(host.removeprefix("[").removesuffix("]"))), number, seconds)
        except ValueError as error:
            raise FarmError(
                f"{text[:100]!r} is not a valid resolver",
                remedy="Write it as ADDRESS or ADDRESS:PORT; [::1]:53 for IPv6.",
                code="invalid-resolver",
            ) from error

    def texts(self, domain: str) -> list[bytes]:
        """Return the TXT records at a distribution's name, each with its strings joined.

        Raises `EnrolmentRecordError` when there is none, `dns`.
        """
        name = record_name(domain)
        try:
            resolver = dns.resolver.Resolver(configure=not self.address)
            if self.address:
                resolver.nameservers = [dns.nameserver.Do53Nameserver(self.address, self.port)]
            answer = resolver.resolve(f"{name}.", "TXT", lifetime=self.seconds, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
            raise EnrolmentRecordError(domain, "does not exist") from error
        except dns.exception.Timeout as error:
            raise FarmError(
                f"no answer about {name} within {self.seconds:g} seconds{self._asked()}", remedy=_TRY_AGAIN, code="dns"
            ) from error
        except (dns.exception.DNSException, OSError) as error:
            raise FarmError(f"cannot look up {name}{self._asked()}: {error}", remedy=_TRY_AGAIN, code="dns") from error
        return [b"".join(record.strings) for record in answer]

    def _asked(self) -> str:
        return f" from the resolver {self.address} port {self.port}" if self.address else ""


_TRY_AGAIN = (
    "Nothing was changed. Check the network, name a resolver with --resolver, or subscribe by an address and its "
    "--fingerprint."
)


def enrol(
    subscriptions: Subscriptions, domain: str, channel: str, resolver: Resolver, *, fingerprint: Digest | None = None
) -> tuple[Subscription, bool]:
    """Subscribe to a channel of the distribution that is rooted in `domain`; changes nothing on failure.

    Returns the subscription, and whether DNS was queried: not where this host knew the distribution already. Then its
    pinned root and address stay. With `fingerprint`, the DNS record must name exactly that fingerprint. Raises what DNS
    and subscribing raise, `InvalidPackageNameError`.
    """
    PackageName(domain, "any")
    known = next((subscription for subscription in subscriptions.all() if subscription.distribution == domain), None)
    pinned = EnrolmentRecord(known.address, Digest(known.fingerprint)) if known else None
    record = pinned or read_records(domain, resolver.texts(domain))
    if fingerprint is not None and record.root != fingerprint:
        where = f"the subscription {known}" if known else f"the TXT record {record_name(domain)}"
        raise SubscriptionError(
            f"{where} names the root {record.root}, not {fingerprint}",
            remedy="Nothing was changed. Confirm the fingerprint of the root with its owner by other means.",
        )
    return subscriptions.subscribe(record.address, channel, record.root, owner=domain), known is None
