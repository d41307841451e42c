"""The TXT record in which the owner of a domain names the address and the root of its distribution. Pure.

`_farm.dist.example.org TXT "v=farm1; address=https://dist.example.org/repository; root=sha256:…"`
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Sequence

LABEL = "_farm"
_VERSION = "v=farm1"
_LONGEST_STRING = 255
"""Bytes that one string of a TXT record may have (RFC 1035, 3.3.14)."""
_SHOWN = 120
_URL = re.compile(r"[!-~]+")


class EnrolmentRecordError(FarmError):
    """A domain's TXT record is missing, malformed, or contradicts another."""

    code = "enrolment-record"

    def __init__(self, domain: str, why: str, remedy: str = "") -> None:
        super().__init__(
            f"the TXT record {record_name(domain)} {why}",
            remedy=remedy
            or "Nothing was changed. Tell the domain's owner, or subscribe by an address and its --fingerprint.",
        )


@dataclass(frozen=True, slots=True)
class EnrolmentRecord:
    """Where a distribution's repository is (an http or https URL), and the fingerprint of its root metadata."""

    address: str
    root: Digest

    def __str__(self) -> str:
        return f"{_VERSION}; address={self.address}; root={self.root}"

    def zone_line(self, domain: str) -> str:
        """Return the record as a line of a zone file (RFC 1035, 5.1), in strings of at most 255 bytes."""
        text = str(self)
        strings = [text[start : start + _LONGEST_STRING] for start in range(0, len(text), _LONGEST_STRING)]
        quoted = " ".join('"' + string.replace("\\", "\\\\").replace('"', '\\"') + '"' for string in strings)
        return f"{record_name(domain)}. 3600 IN TXT {quoted}"


def record_name(domain: str) -> str:
    """Return the DNS name of a distribution's record."""
    return f"{LABEL}.{domain}"


def checked_address(address: str) -> str:
    """Return an address that may be published: an http(s) URL of a host, without a password.

    Raises `ValueError` with the reason.
    """
    if not _URL.fullmatch(address) or ";" in address:
        raise ValueError(f"the address {address!r:.{_SHOWN}} has characters that no URL has")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"the address {address!r:.{_SHOWN}} is not an http(s) URL")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"the address {address!r:.{_SHOWN}} has a user name, a query or a fragment")
    _ = parts.port  # raises `ValueError` for what is no port
    return address


def read_records(domain: str, texts: Sequence[bytes]) -> EnrolmentRecord:
    """Return the enrolment in the TXT records of a distribution. Raises `EnrolmentRecordError`.

    Records of other kinds are ignored, as a wildcard of the domain may add them; every one that begins with
    `v=farm` counts, and all must say the same.
    """
    found = {_read(domain, text) for text in texts if text.lstrip().startswith(b"v=farm")}
    if not found:
        raise EnrolmentRecordError(domain, "does not exist")
    if len(found) > 1:
        said = " and ".join(sorted(f"{enrolment.root} at {enrolment.address}" for enrolment in found))
        raise EnrolmentRecordError(domain, f"is there {len(found)} times, and they contradict each other: {said}")
    return found.pop()


def _read(domain: str, content: bytes) -> EnrolmentRecord:
    shown = ascii(content.decode("ascii", "replace"))[:_SHOWN]
    try:
        text = content.decode("ascii")
        version, *pairs = [part.strip() for part in text.strip().removesuffix(";").split(";")]
        if version != _VERSION:
            raise EnrolmentRecordError(domain, f"has a version that this farm does not read: {shown}", "Upgrade farm.")
        named = [(name.strip(), value.strip()) for name, _, value in (pair.partition("=") for pair in pairs)]
        if sorted(name for name, _ in named) != ["address", "root"]:
            raise ValueError("it must have one address= and one root=, and nothing else")
        values = dict(named)
        return EnrolmentRecord(checked_address(values["address"]), Digest(values["root"]))
    except InvalidDigestError as error:
        raise EnrolmentRecordError(domain, f"is malformed: {error.message}: {shown}") from error
    except ValueError as error:
        why = "it is not ASCII text" if isinstance(error, UnicodeError) else str(error)
        raise EnrolmentRecordError(domain, f"is malformed: {why}: {shown}") from error
