"""What a run may never write to, whatever is mounted: this host's packages, and the state that verifies them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.root.known_roots import roots, states
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.client.repository.host import Host
    from farm.container.sandbox_spec import Bind


def check_writable(host: Host, binds: Iterable[Bind]) -> None:
    """Check that no writable mount reaches a host's state or cache. Raises `writable-mount`."""
    written = [bind for bind in binds if bind.writable]
    if not written:
        return
    known = states(host)
    # Roots share files with the cache.
    kept = {path.resolve() for path in (host.shared, *known, *(root for state in known for root in roots(state)))}
    for bind in written:
        source = bind.source.resolve()
        for place in sorted(kept):
            if place.is_relative_to(source) or source.is_relative_to(place):
                raise FarmError(
                    f"{bind.source} cannot be mounted to be written: farm keeps in {place} what it trusts and runs",
                    remedy="Mount a directory that neither holds it nor lies in it; or leave `:rw` away.",
                    code="writable-mount",
                )
