"""The builders that a published repository allows, each since the version of targets that first named it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Targets

from farm.trust.layout import BUILDERS_TARGET
from farm.trust.metadata.builders import AllowedBuilders, InvalidBuildersError, read_builders
from farm.trust.metadata.delegation import identity_of
from farm.trust.metadata.repository_files import RepositoryStateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from securesystemslib.signer import Key

    from farm.trust.metadata.repository_files import RepositoryFiles


@dataclass(frozen=True, slots=True)
class BuilderSince:
    """A builder that has been allowed without a break since version `since` of targets; None when that is unknown."""

    key: Key
    since: int | None


def builders_in_force(repository: RepositoryFiles) -> tuple[list[BuilderSince], AllowedBuilders]:
    """Return the allowed builders, sorted by key id, and their list; raises `RepositoryStateError`."""
    newest = repository.head().targets.version
    now = repository.builders()
    since = allowed_since(now, newest, _lists_before(repository, newest))
    return [BuilderSince(now[keyid], since[keyid]) for keyid in sorted(now)], now


def allowed_since(
    now: AllowedBuilders, newest: int, before: Iterable[tuple[int, AllowedBuilders | None]]
) -> dict[str, int | None]:
    """Return, for each builder of version `newest` of targets, the version since which it is allowed without a break.

    `before` are the lists of earlier versions, newest first, read only as needed. None is one that is not available:
    then the result is unknown.
    """
    since: dict[str, int | None] = dict.fromkeys(now, newest)
    open_ids = set(now)
    for version, builders in before:
        if builders is None:  # a backup or a cleaned host need not have every older version
            since |= dict.fromkeys(open_ids)
            break
        known = {identity_of(key) for key in builders.values()}
        open_ids = {keyid for keyid in open_ids if identity_of(now[keyid]) in known}
        since |= dict.fromkeys(open_ids, version)
        if not open_ids:
            break
    return since


def _lists_before(repository: RepositoryFiles, newest: int) -> Iterator[tuple[int, AllowedBuilders | None]]:
    for version in range(newest - 1, 0, -1):
        try:
            metadata: Metadata[Targets] = Metadata.from_bytes(repository.read_metadata(f"{version}.targets.json"))
            content = repository.read_target(metadata.signed.targets[BUILDERS_TARGET])
            yield version, read_builders(content)
        except (RepositoryStateError, RepositoryError, InvalidBuildersError, KeyError):
            yield version, None
