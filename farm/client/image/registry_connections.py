"""How a subscriber connects to a registry: as to a repository, by the same proxies and certificate authorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpcore

from farm.client.repository.readers import proxy_for
from farm.store.http.authorities import trusted_authorities

if TYPE_CHECKING:
    from urllib.parse import SplitResult


def registry_connections(url: SplitResult) -> httpcore.ConnectionPool:
    """Return the connections for a URL of a registry."""
    return httpcore.ConnectionPool(
        ssl_context=trusted_authorities() if url.scheme == "https" else None, proxy=proxy_for(url)
    )
