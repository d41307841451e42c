"""Filling the package cache by several processes, for a caller that needs many packages at once."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from farm.core.names.digest import Digest
    from farm.store.unpack import PackageCache


@dataclass(frozen=True, slots=True)
class UnpackRequest:
    """A package that is to be in the cache: what `PackageCache.ensure` takes. `open_archive` can be pickled
    (`functools.partial(store.open, digest)`; not a lambda).
    """

    store: str
    tree: Digest
    open_archive: Callable[[], BinaryIO]


def ensure_many(
    cache: PackageCache, wanted: Sequence[UnpackRequest], *, processes: int | None = None
) -> tuple[Path, ...]:
    """Return the directories of these packages, in their order, unpacking the missing ones side by side.

    Call it from a process without threads of its own, for it forks. Raises what `PackageCache.ensure` raises for the
    first package that cannot be had; the others may be in the cache then.
    """
    processes = min(processes or os.cpu_count() or 1, len(wanted))
    missing = [request for request in wanted if not cache.holds(request.store, request.tree)]
    if processes > 1 and len(missing) > 1:
        # Subscribers load this module, and use threads: what makes processes takes its time to load.
        import multiprocessing  # noqa: PLC0415
        from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415

        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            list(pool.map(_try, [cache] * len(missing), missing))
    return tuple(cache.ensure(request.store, request.tree, request.open_archive) for request in wanted)


def _try(cache: PackageCache, wanted: UnpackRequest) -> None:
    # The caller's own `ensure` meets an error again, and raises it whole: not all of them survive pickling.
    with suppress(FarmError, OSError):
        cache.ensure(wanted.store, wanted.tree, wanted.open_archive)
