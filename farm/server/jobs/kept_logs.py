"""Keeps the log of a build among the blobs, so that it can be published under the digest that its provenance names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.server.transaction.unit_of_work import Application


def keep_log(application: Application, attempt_id: int, digest: Digest) -> None:
    """Keep the log of an attempt if it is the one that the builder has signed; else there is nothing to publish."""
    if application.blobs.has(digest) or application.logs.summary(attempt_id).digest != digest:
        return
    with application.blobs.writer() as writer:
        for piece in application.logs.pieces(attempt_id):
            writer.write(piece)
        writer.commit(digest)
