"""Checking what an image file names against what exists: packages of a release, and the user's own directories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.override.packed_packages import without_own
from farm.client.repository.catalogue import UnknownPackageError
from farm.core.subscriber.image_file import unknown_packages
from farm.oci.own_files import OwnFilesError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.host import Host
    from farm.core.subscriber.image_file import ImageFile


def check_known(host: Host, catalogue: Catalogue, image: ImageFile) -> None:
    """Check that a release holds all packages that a file names, except those packed on this host.

    Raises `RecipeError` with each missing one.
    """
    unknown: dict[str, tuple[str, str]] = {}
    for name in without_own(host, image.names):
        try:
            catalogue.entry(name)
        except UnknownPackageError as error:
            unknown[name] = (error.message, error.remedy)
    if unknown:
        raise unknown_packages(image, unknown)


def check_replaced(image: ImageFile, held: Collection[str]) -> None:
    """Check that an image holds all packages that its file `replaces`, by their short names.

    Raises `OwnFilesError`.
    """
    lacking = [name for name in image.replaces if name not in held]
    if lacking:
        raise OwnFilesError(
            f"the image file replaces {' and '.join(lacking)}, and the image does not hold that",
            remedy=f"It holds {', '.join(sorted(held))}.",
        )


def own_directories(image: ImageFile, beside: Path) -> list[tuple[Path, str]]:
    """Return the directories that a file names, relative to `beside`, each with its path in the image.

    Raises `OwnFilesError` for one elsewhere: an image file by another author may read only the files beside it.
    """
    for file in image.files:
        if not (beside / file.source).resolve().is_relative_to(beside.resolve()):
            raise OwnFilesError(
                f"{file.source} is outside {beside.absolute()}, the directory of the image file",
                remedy="Put the files for the image next to the image file.",
            )
    return [(beside / file.source, file.path) for file in image.files]
