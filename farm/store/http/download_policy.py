"""What a download of a source may be: its limits and its address; without the code that downloads, which is large."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from farm.errors import FarmError
from farm.store.http.address_guard import AddressGuard, ForbiddenAddressError


class OriginFailedError(FarmError):
    """One origin did not yield the bytes; the message is the reason. Others may still be tried.

    `unanswered`: the origin may have the bytes, so a later attempt may succeed.
    """

    code = "origin-failed"

    def __init__(self, message: str, *, unanswered: bool = False) -> None:
        super().__init__(message)
        self.unanswered = unanswered


@dataclass(frozen=True, slots=True)
class DownloadPolicy:
    """The limits of a download. `seconds` limits all of it, `connect_seconds` and `read_seconds` each step."""

    guard: AddressGuard = field(default_factory=AddressGuard)
    max_bytes: int = 1 << 30
    seconds: float = 900.0
    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    redirects: int = 5


def check_url(url: str) -> None:
    """Refuse anything but a plain http(s) URL without credentials; raises `ForbiddenAddressError`. Resolves nothing."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ForbiddenAddressError(url[:200], str(error)) from error
    if parts.username is not None or parts.password is not None:
        shown = f"{parts.scheme}://…@{host}{parts.path}"
        raise ForbiddenAddressError(shown[:200], "it has credentials in it")
    if parts.scheme not in ("http", "https"):
        raise ForbiddenAddressError(url[:200], f"only http and https are fetched, not {parts.scheme or 'a path'}:")
    if not host or port == 0 or not url.isascii() or any(character <= " " for character in url):
        raise ForbiddenAddressError(url[:200], "it is not a well-formed URL")
