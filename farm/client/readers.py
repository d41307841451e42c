"""How a subscriber reads a published repository: over HTTP, or from a directory. Nothing read is trusted here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.trust.client_metadata import RepositoryReader

_CHUNK = 256 * 1024
_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 30.0


class InvalidAddressError(FarmError):
    """The address of a repository is neither an HTTP URL nor a directory."""

    code = "invalid-address"

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address!r} is neither an http(s) URL nor a directory",
            remedy="Name the repository's address as its owner gives it, or a mirror's directory.",
        )


class DirectoryReader:
    """Reads the repository from a directory, such as a mirror on a disk."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stream(self, path: str) -> Iterator[bytes]:
        """Yield the file's content; raises `FileNotFoundError`, `OSError`."""
        with (self._root / path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk


class HttpReader:
    """Reads the repository from any static host over HTTP. One connection pool, safe to use from several threads."""

    def __init__(self, address: str) -> None:
        timeout = httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS)
        self._base = address.rstrip("/")
        self._http = httpx.Client(timeout=timeout, follow_redirects=False)

    def stream(self, path: str) -> Iterator[bytes]:
        """Yield the file's content as it arrives; raises `FileNotFoundError`, `OSError`."""
        url = f"{self._base}/{path}"
        try:
            # Compressed transfer would make the number of bytes on the wire unknown; blobs are compressed already.
            with self._http.stream("GET", url, headers={"accept-encoding": "identity"}) as response:
                if response.status_code in (403, 404):
                    raise FileNotFoundError(url)
                if response.status_code != 200:
                    raise OSError(f"{url} answered with status {response.status_code}")
                yield from response.iter_raw(_CHUNK)
        except httpx.HTTPError as error:
            raise OSError(f"{url}: {error or type(error).__name__}") from error


def open_reader(address: str) -> RepositoryReader:
    """Return the reader for an address; raises `InvalidAddressError`."""
    if address.startswith(("http://", "https://")):
        return HttpReader(address)
    path = Path(address)
    if path.is_dir():
        return DirectoryReader(path.absolute())
    raise InvalidAddressError(address)
