"""Selecting the packages of a run, from the newest release or the last verified one."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.client.override.overrides import OverrideScope
from farm.client.override.packed_packages import without_own
from farm.client.override.substitution import overridden
from farm.client.repository.mirrored_metadata import is_unreachable
from farm.client.repository.offline import NotHereError, last_with, nothing_fetched
from farm.errors import FarmError
from farm.trust.verification.stored_metadata import NothingVerifiedError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.repository.offline import OfflineRelease
    from farm.client.run.request import RunRequest
    from farm.core.subscriber.image_file import ImageFile
    from farm.store.http.time_limits import Deadline


@dataclass(frozen=True, slots=True)
class SelectedPackages:
    """The packages that run, and their release; `last` is set where that is the last verified one, not the newest."""

    catalogue: Catalogue
    packages: tuple[VerifiedPackage, ...]
    last: OfflineRelease | None = None

    def fetching(self) -> AbstractContextManager[None]:
        """Open the block in which archives are fetched. Raises `NotHereError` where an archive cannot be fetched."""
        return nothing_fetched(self.last) if self.last else nullcontext()


def select_packages(
    host: Host, request: RunRequest, image_file: ImageFile | None, deadline: Deadline
) -> SelectedPackages:
    """Return packages of the newest release, or of the last verified one where no repository can, or may, be reached.

    A repository that does not answer before the `deadline` counts as unreachable, unless nothing on this host can run
    instead. Overrides of this host, and those for the image file, apply; but not to a preview, which is run as it is.
    """
    channel = request.channel or (image_file.channel if image_file else "")
    names = request.names(image_file)

    def select(catalogue: Catalogue) -> SelectedPackages:
        return SelectedPackages(catalogue, _verified(host, catalogue, names, image_file))

    scopes = [OverrideScope.of("image-file", request.file)] if request.file else []
    if request.preview is not None:
        from farm.client.repository.preview import open_preview  # noqa: PLC0415  (loads all key types)

        return select(open_preview(host, request.preview, channel))
    released = without_own(host, names)

    def newest() -> SelectedPackages:
        return select(overridden(host, host.catalogue_of(released, channel), *scopes))

    why = "no repository was asked"
    if not request.offline:
        try:
            with host.patient_for(deadline):
                return newest()
        except FarmError as error:
            if not is_unreachable(error):
                raise
            why = error.message
    try:
        last = last_with(host, released, channel)
        catalogue = overridden(host, last.catalogue, *scopes)
        with nothing_fetched(last):
            selected = _all_here(host, select(catalogue), last)
    except (NothingVerifiedError, NotHereError) as error:
        if not deadline.is_cut:
            raise
        host.warn(f"{why}. Still waiting for it, because {error.message}")
        return newest()
    host.warn(f"{why}: running {selected.last}")
    return selected


def _all_here(host: Host, selected: SelectedPackages, last: OfflineRelease) -> SelectedPackages:
    """Return packages as those of the last verified release. Raises `NotHereError` where an archive is lacking."""
    if lacking := host.lacking(selected.packages):
        raise NotHereError(f"archive of {lacking[0].name}", str(last.release))
    return replace(selected, last=last)


def _verified(
    host: Host, catalogue: Catalogue, names: tuple[str, ...], image_file: ImageFile | None
) -> tuple[VerifiedPackage, ...]:
    if image_file:
        from farm.client.image.asking import check_known  # noqa: PLC0415  (loads a YAML reader)

        check_known(host, catalogue, image_file)
    return catalogue.verified(names)
