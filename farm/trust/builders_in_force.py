"""Which builders a published repository allows, and since when: since the version of targets that first named each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Targets

from farm.trust.builders import AllowedBuilders, InvalidBuildersError, read_builders
from farm.trust.delegation import identity_of
from farm.trust.layout import BUILDERS_TARGET
from farm.trust.repository import RepositoryStateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from securesystemslib.signer import Key

    from farm.trust.repository import Repository


@dataclass(frozen=True, slots=True)
class BuilderSince:
    """A builder that is allowed now, without a break since version `since` of targets; None when that is not known."""

    key: Key
    since: int | None


def builders_in_force(repository: Repository) -> tuple[list[BuilderSince], AllowedBuilders]:
    """Return the allowed builders by key id, each with since when, and their list; raises `RepositoryStateError`."""
    newest = repository.head().targets.version
    now = repository.builders()
    since: dict[str, int | None] = dict.fromkeys(now, newest)
    open_ids = set(now)
    for version, before in _lists_before(repository, newest):
        if not open_ids:
            break
        if before is None:  # a backup or a tidied host need not hold every older version
            since |= dict.fromkeys(open_ids)
            break
        known = {identity_of(key) for key in before.values()}
        open_ids = {keyid for keyid in open_ids if identity_of(now[keyid]) in known}
        since |= dict.fromkeys(open_ids, version)
    return [BuilderSince(now[keyid], since[keyid]) for keyid in sorted(now)], now


def _lists_before(repository: Repository, newest: int) -> Iterator[tuple[int, AllowedBuilders | None]]:
    for version in range(newest - 1, 0, -1):
        try:
            metadata: Metadata[Targets] = Metadata.from_bytes(repository.read_metadata(f"{version}.targets.json"))
            content = repository.read_target(metadata.signed.targets[BUILDERS_TARGET])
            yield version, read_builders(content)
        except (RepositoryStateError, RepositoryError, InvalidBuildersError, KeyError):
            yield version, None
