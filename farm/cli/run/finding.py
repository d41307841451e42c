"""Which packages `farm run` takes, and of which release: the newest, or the last verified one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.cli.output import say

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.repository.offline import LastVerified
    from farm.core.subscriber.image_file import ImageFile
    from farm.store.http.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Found:
    """The packages that run, and of which release; `last` where that is the last verified one, not the newest."""

    catalogue: Catalogue
    packages: tuple[VerifiedPackage, ...]
    last: LastVerified | None = None


def find_packages(
    host: Host,
    channel: str,
    file: Path | None,
    names: tuple[str, ...],
    wanted: ImageFile | None,
    *,
    offline: bool,
    deadline: Deadline,
) -> Found:
    """Return packages of the newest release; of the last verified one where no repository can, or shall, be asked.

    Who answers later than there is `deadline` for cannot be asked either, unless nothing here can run instead. The
    overrides of this host, and those for the image file, stand in.
    """
    from farm.client.override.overrides import Scope
    from farm.client.override.packed_packages import without_own
    from farm.client.override.substitution import overridden
    from farm.client.repository.mirrored_metadata import is_unreachable
    from farm.client.repository.offline import NotHereError, last_with, nothing_fetched
    from farm.errors import FarmError
    from farm.trust.verification.stored_metadata import NothingVerifiedError

    channel = channel or (wanted.channel if wanted else "")
    scopes = [Scope.of_image_file(file)] if file else []
    asked = without_own(host, wanted.names if wanted else names)
    why = "no repository was asked"

    def newest() -> Found:
        catalogue = overridden(host, host.catalogue_of(asked, channel), *scopes)
        return Found(catalogue, _verified(host, catalogue, names, wanted))

    if not offline:
        try:
            with host.patient_for(deadline):
                return newest()
        except FarmError as error:
            if not is_unreachable(error):
                raise
            why = error.message
    try:
        last = last_with(host, asked, channel)
        catalogue = overridden(host, last.catalogue, *scopes)
        with nothing_fetched(last):
            packages = _verified(host, catalogue, names, wanted)
            if lacking := host.lacking(packages):
                raise NotHereError(f"archive of {lacking[0].name}", last.named)
    except (NothingVerifiedError, NotHereError) as error:
        if not deadline.is_cut:
            raise
        say(f"warning: {why}. Waiting on, since {error.message}", err=True)
        return newest()
    say(f"warning: {why}: {last.words}", err=True)
    return Found(catalogue, packages, last)


def _verified(
    host: Host, catalogue: Catalogue, names: tuple[str, ...], wanted: ImageFile | None
) -> tuple[VerifiedPackage, ...]:
    if wanted is None:
        return catalogue.verified(names)
    from farm.client.image.asking import check_known

    check_known(host, catalogue, wanted)
    return catalogue.verified(wanted.names)
