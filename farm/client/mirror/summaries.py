"""The signer's summary of each release, as a mirror passes it on, signed by keys of the channel.

It is not needed to install anything, so one that cannot be fetched, or that former keys signed, is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.trust.attestation.release_summary import read_summary, summary_path
from farm.trust.blob_limits import LARGEST_ENVELOPE, read_limited
from farm.trust.layout import SUMMARIES
from farm.trust.metadata.delegation import role_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tuf.api.metadata import Targets

    from farm.client.repository.readers import BlobReader
    from farm.core.names.digest import Digest
    from farm.trust.index.release_index import Release


def bring_summaries(mirror: Path, reader: BlobReader, releases: Iterable[Release], targets: Targets) -> None:
    """Fetch the missing summaries of releases; `targets` is the verified metadata in force."""
    for release in releases:
        path = summary_path(release.digest)
        if (mirror / path).exists():
            continue
        try:
            content = read_limited(reader.stream(path), LARGEST_ENVELOPE, path)
            keyids = role_of(targets, release.channel).keyids
            known = targets.delegations.keys if targets.delegations else {}
            read_summary(content, {keyid: known[keyid] for keyid in keyids if keyid in known}, release)
        except (OSError, FarmError):
            continue
        replace_file(mirror / path, content)


def keep_summaries(mirror: Path, releases: set[Digest]) -> None:
    """Remove the summaries of all other releases."""
    kept = {summary_path(release) for release in releases}
    for path in (mirror / SUMMARIES).glob("*"):
        if f"{SUMMARIES}/{path.name}" not in kept:
            path.unlink(missing_ok=True)
