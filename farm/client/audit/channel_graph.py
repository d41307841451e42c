"""What the packages of a release need at run time, as a graph: read from the index, without descriptors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from farm.client.repository.download import PARALLEL
from farm.core.names.printed_version import printed_version
from farm.core.plan.need_graph import Need, NeedGraph, NeedKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farm.client.repository.catalogue import Catalogue


def channel_graph(
    catalogue: Catalogue, names: Iterable[str] | None, progress: Callable[[int], None] = lambda _: None
) -> NeedGraph:
    """Return the graph below packages, or of the whole release without names: each entry is read once.

    `progress` is called with the number of packages that are known. Raises as `Catalogue.entry`.
    """
    if names is None:
        names = [listing.name for listing in catalogue.listings()]
    needs: dict[str, list[Need]] = {}
    versions: dict[str, str] = {}
    waiting = sorted({catalogue.known_as(name) for name in names})
    with ThreadPoolExecutor(PARALLEL) as pool:
        while waiting:
            for name, (version, needed) in zip(
                waiting, pool.map(lambda name: _read(catalogue, name), waiting), strict=True
            ):
                versions[name] = version
                needs[name] = [Need(NeedKind.RUN, need) for need in needed if need != name]
                progress(len(needs))
            waiting = sorted({need.name for name in waiting for need in needs[name]} - needs.keys())
    return NeedGraph.of(needs, versions)


def _read(catalogue: Catalogue, name: str) -> tuple[str, tuple[str, ...]]:
    entry = catalogue.entry(name)
    return printed_version(entry.version, entry.revision), catalogue.needs(name)
