"""What releases name and the public store has lost is put back from the farm's own: looked at in turn, or at once.

Whoever can write to `public/blobs` can take blobs out of it. The signer refuses to go on from what it cannot read, and
an archive that is gone nobody can install.
"""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING

from farm.server.pipeline.publication.publication import BlockedBlobError, PublicStore
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
"""Blobs that are looked at in one turn: a stat each."""


def mend(release: Release, public: PublicStore) -> None:
    """See that all is there that a release names, and put back what is not. Costs what the release holds."""
    for _ in _seen_to(release, public):
        pass


class BlobWatch:
    """Looks at what the newest releases name, a part at a time. Where it was lies in memory. For one thread."""

    def __init__(self, application: Application, repository: Path, *, at_once: int = _AT_ONCE) -> None:
        self._application = application
        self._repository = Repository(repository)
        self._at_once = at_once
        self._rest: Iterator[Digest] = iter(())

    def look(self) -> int:
        """Look at the next part; return how many blobs that were: fewer than a part where the round was at its end.

        Raises `RepositoryStateError`, and what reading the index of a release raises.
        """
        rest, self._rest = self._rest, iter(())  # what goes wrong in it begins anew
        looked = sum(1 for _ in islice(rest, self._at_once))
        self._rest = rest if looked == self._at_once else self._round()
        return looked

    def _round(self) -> Iterator[Digest]:
        public = PublicStore(self._repository.root, self._application.blobs)
        for channel in channels_of(self._repository.head().targets):
            newest = self._repository.current(channel).release
            if newest is not None:
                yield from _seen_to(newest, public)


def _seen_to(release: Release, public: PublicStore) -> Iterator[Digest]:
    """Give the blobs that a release names, each once it has been looked at."""
    name = f"release {release.number} of {release.channel}"
    found: list[Digest] = []

    def see(digest: Digest, size: int | None = None) -> None:
        found.append(digest)
        if public.lacks(digest, size):
            _put_back(digest, name, public)

    def read(blob: BlobRef) -> bytes:
        see(blob.digest, blob.size)
        return public.read(blob)

    see(release.digest)
    for entry in entries(read, release.index):
        for blob in entry.blobs:
            see(blob.digest, blob.size)
        for recipe in entry.recipes:
            see(recipe)
        yield from found
        found.clear()
    for pin in release.imports:
        for package in pin.packages:
            see(package.descriptor)
    yield from found


def _put_back(digest: Digest, name: str, public: PublicStore) -> None:
    try:
        public.put_back(digest)
    except (MissingBlobError, CorruptBlobError):
        _LOG.error("the blob %s, which %s names, is gone, and the farm's own store has none either", digest, name)
    except BlockedBlobError as error:
        _LOG.error("%s names what is gone from the public store: %s", name, error.message)
    else:
        _LOG.warning("put back the blob %s, which %s names: it was gone from the public store", digest, name)
