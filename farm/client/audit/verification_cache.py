"""Verifying the host's cache of unpacked packages: each against the tree digest of its signed archive.

Where the file system allows, files of a root are the files of the cache: a write to one, as root, is a write to all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.findings.verification import Fault, Verification, no_progress
from farm.client.root.generations import Root
from farm.store.locks import no_progress as wait_quietly

if TYPE_CHECKING:
    from farm.client.findings.verification import ProgressBar
    from farm.client.repository.host import Host
    from farm.store.locks import Waiting


def verify_cache(host: Host, looking: ProgressBar = no_progress) -> Verification:
    """Read every package of the cache again. Changes nothing. Progress is in bytes of files."""
    stores, faults = host.cache.stores(), list[Fault]()
    sizes = {store: _size(host, store) for store in stores}
    with host.in_use(), looking(sum(sizes.values())) as seen:
        for store, size in sizes.items():
            if not host.cache.is_intact(store):
                faults.append(Fault(store, "", "altered", f"it is not what was unpacked{_also(host, store)}"))
            seen(size)
    return Verification(f"{host.cache.root}", len(stores), sum(sizes.values()), tuple(faults))


def repair_cache(host: Host, found: Verification, waiting: Waiting = wait_quietly) -> tuple[str, ...]:
    """Remove damaged packages when no process uses the cache; return a description of each.

    A removed package is unpacked again from its verified archive when it is next needed.
    """
    with host.lock.alone(waiting):
        for store in sorted(found.damaged):
            host.cache.remove(store)
    return tuple(f"{store}, when it is next needed, from its verified archive" for store in sorted(found.damaged))


def _size(host: Host, store: str) -> int:
    return sum(path.lstat().st_size for path in host.cache.path(store).rglob("*") if not path.is_dir())


def _also(host: Host, store: str) -> str:
    roots = [str(root) for root in host.roots.all() if Root(root).package(store).is_dir()]
    return f"; {' and '.join(roots)} may share it, see `farm verify --root`" if roots else ""
