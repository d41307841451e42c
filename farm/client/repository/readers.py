"""Reading a published repository over HTTP or from a directory. Nothing read is trusted here."""

from __future__ import annotations

import base64
import re
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, quote, unquote, urlsplit

import httpcore

from farm.errors import FarmError
from farm.store.http.address_guard import ForbiddenAddressError
from farm.store.http.authorities import trusted_authorities
from farm.store.http.guarded_backend import GuardedBackend
from farm.store.http.time_limits import TransferLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.store.http.address_guard import AddressGuard
    from farm.store.http.time_limits import Transfer

_CHUNK = 256 * 1024
_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 30.0
_NOTHING_THERE = 416
_REDIRECTS = (301, 302, 303, 307, 308)
_NOT_IN_A_HOST = re.compile(r"[^A-Za-z0-9._~:%\[\]-]")


class InvalidAddressError(FarmError):
    """The address of a repository is neither an HTTP URL nor a directory."""

    code = "invalid-address"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address!r} is neither an http(s) URL nor a directory",
            remedy="Name the repository's address as its owner gives it, or a mirror's directory, on a mounted disk.",
        )


class BlobReader(Protocol):
    """A reader that can start in the middle of a file."""

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """Yield the file's content from byte `offset` on; nothing where the file has no more than that.

        Raises `FileNotFoundError`, `OSError`.
        """


class DirectoryReader:
    """Reads the repository from a directory, such as a mirror on a disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """Yield the file's content from `offset` on; raises `FileNotFoundError`, `OSError`."""
        with (self._root / path).open("rb") as file:
            file.seek(offset)
            while chunk := file.read(_CHUNK):
                yield chunk


class HttpReader:
    """Reads the repository from any static HTTP server. One connection pool, safe to use from several threads."""

    def __init__(self, address: str, limits: TransferLimits | None = None, guard: AddressGuard | None = None) -> None:
        """`limits` bound each transfer, and `guard` the addresses connected to; with a guard no proxy is used.

        Raises `InvalidAddressError`.
        """
        self._base = _parsed(address)
        self._limits = limits or TransferLimits()
        self._now = threading.local()
        self._http = httpcore.ConnectionPool(
            ssl_context=trusted_authorities() if self._base.scheme == "https" else None,
            proxy=None if guard else proxy_for(self._base),  # with one, the connected address is the proxy's
            network_backend=GuardedBackend(guard, self._remaining),
        )

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """Yield the file's content from `offset` on as it arrives.

        A host without range requests sends the whole file, and the bytes before `offset` are dropped. Raises
        `FileNotFoundError`, and `OSError`, also when the host is too slow.
        """
        host = self._base.netloc.rpartition("@")[2]
        url = f"{self._base.scheme}://{host}{self._base.path}/{quote(path)}"
        # Compressed transfer would make the number of bytes on the wire unknown; blobs are compressed already.
        headers = [(b"host", host.encode()), (b"accept-encoding", b"identity"), *_authorization(self._base)]
        if offset:
            headers.append((b"range", b"bytes=%d-" % offset))
        timeout = {"connect": _CONNECT_SECONDS, "read": _SILENCE_SECONDS, "write": _SILENCE_SECONDS}
        transfer = self._now.transfer = self._limits.begin()
        try:
            with self._http.stream("GET", url, headers=headers, extensions={"timeout": timeout}) as response:
                if response.status in (403, 404):
                    raise FileNotFoundError(url)
                if offset and response.status == _NOTHING_THERE:
                    return
                if location := _location(response):
                    raise OSError(f"{url} redirects to {location:.200}, and redirects are not followed")
                if response.status not in ((200, 206) if offset else (200,)):
                    raise OSError(f"{url} answered with status {response.status}")
                skip = offset - (_first_byte(response, url) if response.status == 206 else 0)
                if skip < 0:
                    raise OSError(f"{url} answered with another part of the file than was asked for")
                yield from self._chunks(response, transfer, skip)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise OSError(f"{url}: {error or type(error).__name__}") from error
        except ForbiddenAddressError as error:
            raise OSError(
                f"{url} is refused: {error.why}, and this farm's operator has not listed it in FARM_ALLOWED_NETWORKS"
            ) from error

    def _chunks(self, response: httpcore.Response, transfer: Transfer, skip: int) -> Iterator[bytes]:
        gathered = bytearray()
        try:
            for part in response.iter_stream():
                transfer.received += len(part)
                gathered += part[skip:]
                skip = max(0, skip - len(part))
                if len(gathered) >= _CHUNK:
                    yield bytes(gathered)
                    gathered.clear()
                    # Another transfer may have run in this thread meanwhile.
                    self._now.transfer = transfer
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError):
            yield bytes(gathered)  # what came before the connection broke: the next attempt goes on from there
            raise
        if gathered:
            yield bytes(gathered)

    def _remaining(self) -> float:
        transfer: Transfer = self._now.transfer
        return transfer.remaining()


def open_reader(address: str, limits: TransferLimits | None = None) -> BlobReader:
    """Return the reader for an address whose host may be as slow as `limits` allow; raises `InvalidAddressError`."""
    if address.startswith(("http://", "https://")):
        return HttpReader(address, limits)
    path = Path(address)
    if path.is_dir():
        return DirectoryReader(path.absolute())
    raise InvalidAddressError(address)


def shown(address: str) -> str:
    """Return an address without the name and password that it may have."""
    scheme, separator, rest = address.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"


def _location(response: httpcore.Response) -> str:
    """Return where an answer redirects to; empty for any other."""
    if response.status not in _REDIRECTS:
        return ""
    return {name.lower(): value for name, value in response.headers}.get(b"location", b"").decode("ascii", "replace")


def _first_byte(response: httpcore.Response, url: str) -> int:
    """Return the file position of the first byte of a partial answer (RFC 9110, 14.4). Raises `OSError`."""
    content_range = {name.lower(): value for name, value in response.headers}.get(b"content-range", b"")
    found = re.fullmatch(rb"bytes ([0-9]{1,18})-[0-9]*/(?:[0-9]+|\*)", content_range)
    if found is None:
        raise OSError(f"{url} answered with a part of the file, and does not say which")
    return int(found[1])


def _parsed(address: str) -> SplitResult:
    """Return the parts of a URL as requests use them: only ASCII, and no slash at the end.

    httpx could do that, but takes longer to load than all of a subscriber's own code. Raises `InvalidAddressError`.
    """
    try:
        url = urlsplit(address.rstrip("/"))
        named, port = url.hostname or "", url.port
        host = f"[{named}]" if ":" in named else named.encode("idna").decode()
    except ValueError as error:  # UnicodeError is one
        raise InvalidAddressError(address) from error
    if not host or _NOT_IN_A_HOST.search(host) or not address.isprintable():
        raise InvalidAddressError(address)
    user = url.netloc.rpartition("@")
    place = f"{user[0]}{user[1]}{host}" + (f":{port}" if port is not None else "")
    return SplitResult(url.scheme, place, quote(url.path, safe="/%:@!$&'()*+,;=~"), "", "")


def _authorization(url: SplitResult) -> list[tuple[bytes, bytes]]:
    if url.username is None:
        return []
    token = base64.b64encode(f"{unquote(url.username)}:{unquote(url.password or '')}".encode())
    return [(b"authorization", b"Basic " + token)]


def proxy_for(url: SplitResult) -> httpcore.Proxy | None:
    """Return the proxy that the environment names for this address, by the usual variables."""
    proxies = urllib.request.getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    if not address or urllib.request.proxy_bypass(url.hostname or ""):
        return None
    return httpcore.Proxy(address if "://" in address else f"http://{address}")
