"""Restores blobs that releases name and the public store has lost, from the farm's own store: in turn, or all at once.

Any process that can write to `public/blobs` can remove blobs. The signer refuses to go on from what it cannot read, and
an archive that is gone cannot be installed.
"""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING

from farm.server.pipeline.repository.public_store import BlockedBlobError, PublicStore
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.index.tree import entries
from farm.trust.metadata.delegation import channels_of
from farm.trust.metadata.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.server.transaction.unit_of_work import Application
    from farm.trust.index.release_index import Release

_LOG = logging.getLogger("farm.server")
_AT_ONCE = 1000
"""Blobs that are checked in one turn: a stat each."""


def restore(release: Release, public: PublicStore) -> None:
    """Restore all blobs that a release names and the public store lacks. The cost is that of the whole release."""
    for _ in _checked(release, public):
        pass


class BlobWatch:
    """Checks the blobs of the newest releases, a part at a time. Its position is in memory only. For one thread."""

    def __init__(self, application: Application, repository: Path, *, at_once: int = _AT_ONCE) -> None:
        self._application = application
        self._repository = Repository(repository)
        self._at_once = at_once
        self._rest: Iterator[Digest] = iter(())

    def check(self) -> int:
        """Check the next part; return the number of blobs checked, which is below a full part at the end of a round.

        Raises `RepositoryStateError`, and what reading the index of a release raises.
        """
        rest, self._rest = self._rest, iter(())  # after an error the round starts again
        looked = sum(1 for _ in islice(rest, self._at_once))
        self._rest = rest if looked == self._at_once else self._round()
        return looked

    def _round(self) -> Iterator[Digest]:
        public = PublicStore(self._repository.root, self._application.blobs)
        for channel in channels_of(self._repository.head().targets):
            newest = self._repository.current(channel).release
            if newest is not None:
                yield from _checked(newest, public)


def _checked(release: Release, public: PublicStore) -> Iterator[Digest]:
    """Yield the blobs that a release names, each after it was checked."""
    name = f"release {release.number} of {release.channel}"
    found: list[Digest] = []

    def check(digest: Digest, size: int | None = None) -> None:
        found.append(digest)
        if public.lacks(digest, size):
            _restore_blob(digest, name, public)

    def read(blob: BlobRef) -> bytes:
        check(blob.digest, blob.size)
        return public.read(blob)

    check(release.digest)
    for entry in entries(read, release.index):
        for blob in entry.blobs:
            check(blob.digest, blob.size)
        for recipe in entry.recipes:
            check(recipe)
        yield from found
        found.clear()
    for pin in release.imports:
        for package in pin.packages:
            check(package.descriptor)
    yield from found


def _restore_blob(digest: Digest, name: str, public: PublicStore) -> None:
    try:
        public.put_back(digest)
    except (MissingBlobError, CorruptBlobError):
        _LOG.error(
            "the blob %s, which %s names, is missing from the public store and from the farm's own", digest, name
        )
    except BlockedBlobError as error:
        _LOG.error("a blob of %s is missing from the public store and could not be restored: %s", name, error.message)
    else:
        _LOG.warning("restored the blob %s of %s: it was missing from the public store", digest, name)
