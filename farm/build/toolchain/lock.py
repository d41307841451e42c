"""The lock of a toolchain's Debian packages: resolving it, fetching its packages, and replacing it when it has aged."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from farm.build.toolchain.apt import AptError, PoolFile
from farm.core.recipe.toolchain import ToolchainLock
from farm.errors import FarmError
from farm.store.blobs import pieces_of
from farm.store.durable_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farm.build.toolchain.apt import Apt
    from farm.core.recipe.toolchain import LockedDeb, ToolchainDefinition
    from farm.store.blobs import BlobStore


class DebDroppedError(FarmError):
    """The archives have dropped these locked versions, and the blob store does not have them."""

    code = "deb-dropped"

    def __init__(self, toolchain: str, debs: Sequence[LockedDeb]) -> None:
        names = ", ".join(f"{deb.name} {deb.version}" for deb in debs)
        super().__init__(
            f"the toolchain {toolchain} is locked to packages that the Debian mirror has dropped: {names}",
            remedy=f"Run farm toolchain lock {toolchain}, or add a store that still holds these packages.",
        )


def resolve_lock(definition: ToolchainDefinition, apt: Apt) -> ToolchainLock:
    """Lock a toolchain's packages, and all that they need, to the versions in the signed indices.

    The machine's own packages, pins and preferences do not count. Raises `AptError`.
    """
    return ToolchainLock(definition.name, apt.resolve(definition.packages))


def fetch_debs(lock: ToolchainLock, store: BlobStore, apt: Callable[[], Apt], *, work: Path) -> None:
    """Fetch the packages of the lock that the store lacks, verified. `apt` is called only if one is missing.

    `work` is a directory for packages until they are in the store, which keeps those that arrived even when others did
    not. Raises `DebDroppedError`, or `AptError` when an archive cannot be reached.
    """
    missing = {PoolFile(deb.filename, deb.digest): deb for deb in lock.debs if not store.has(deb.digest)}
    if not missing:
        return
    with tempfile.TemporaryDirectory(prefix="debs-", dir=work) as directory:
        failures = apt().download(missing, Path(directory))
        for file in missing:
            if file not in failures:
                with Path(directory, file.digest.hex).open("rb") as content:
                    store.put(pieces_of(content), file.digest)
    if not failures:
        return
    if all("404" in reason for reasons in failures.values() for reason in reasons):
        raise DebDroppedError(lock.name, [missing[file] for file in failures])
    raise AptError("fetch the toolchain's packages", "E: " + "; ".join(failures[next(iter(failures))]))


def lock_in_force(lock: ToolchainLock, state: Path) -> ToolchainLock:
    """Return the lock that replaces `lock` on this farm, if `relock` made one, or else `lock` itself.

    A replacement lies in the farm's state (`state`, a directory), never in the repository, and is named for the digest
    of the lock that it replaces: when the repository gets a newer lock, that one is in force.
    """
    path = _replacement(lock, state)
    if not path.is_file():
        return lock
    return ToolchainLock.from_text(path.read_bytes(), name=lock.name, file=str(path))


def relock(definition: ToolchainDefinition, lock: ToolchainLock, apt: Apt, state: Path) -> ToolchainLock:
    """Lock again within the suite, and put the result in force in place of `lock`; raises `AptError`."""
    apt.refresh(max_age=0)
    renewed = resolve_lock(definition, apt)
    replace_file(_replacement(lock, state), renewed.to_text())
    return renewed


def _replacement(lock: ToolchainLock, state: Path) -> Path:
    return state / "locks" / f"{lock.name}-{lock.digest.store_key}.lock"
