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
    from collections.abc import Callable, Sequence

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

    def read(version: int) -> AllowedBuilders:
        metadata: Metadata[Targets] = Metadata.from_bytes(repository.read_metadata(f"{version}.targets.json"))
        return read_builders(repository.read_target(metadata.signed.targets[BUILDERS_TARGET]))

    since = allowed_since(now, range(newest, 0, -1), read)
    return [BuilderSince(now[keyid], since[keyid]) for keyid in sorted(now)], now


def allowed_since(
    now: AllowedBuilders, versions: Sequence[int], read: Callable[[int], AllowedBuilders]
) -> dict[str, int | None]:
    """Return, for each builder, the version of targets since which it has been allowed without a break.

    `versions` begin with the newest, whose builders are `now`; `read` returns those of an earlier one. Where that fails
    (a backup or a cleaned host need not have every older version), the result is None.
    """
    since: dict[str, int | None] = dict.fromkeys(now, versions[0])
    open_ids = set(now)
    for version in versions[1:]:
        try:
            builders = read(version)
        except (RepositoryStateError, InvalidBuildersError, RepositoryError, OSError, LookupError):
            since |= dict.fromkeys(open_ids)
            break
        known = {identity_of(key) for key in builders.values()}
        open_ids = {keyid for keyid in open_ids if identity_of(now[keyid]) in known}
        since |= dict.fromkeys(open_ids, version)
        if not open_ids:
            break
    return since
