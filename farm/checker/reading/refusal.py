"""The error for a release that must not be signed, and the packages that it is about."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from farm.errors import FarmError, lost_blobs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.names.digest import Digest

_MOST_TOLD = 1000


class RefusedReleaseError(FarmError):
    """A release must not be signed; `code` names the check that it failed."""

    code = "refused-release"


class OtherSizeError(RefusedReleaseError):
    """A blob has another size than the release names: it was truncated, or the release is false."""

    def __init__(self, digest: Digest, size: int, said: int) -> None:
        super().__init__(f"the blob {digest} has {size} bytes, and the release names {said}")
        self.lost_blobs = (digest,)


class Faults:
    """What is wrong with single packages of a release: all are checked, for the release may pass without these."""

    def __init__(self) -> None:
        self._found: dict[str, FarmError] = {}

    @contextmanager
    def of(self, *packages: str) -> Iterator[None]:
        """Record what is raised within as a fault of these packages."""
        try:
            yield
        except FarmError as error:
            for package in packages:
                self._found.setdefault(package, error)

    def check(self) -> None:
        """Raise the first fault, with what is wrong with every package in `by_package`."""
        for error in self._found.values():
            told = islice(self._found.items(), _MOST_TOLD)
            error.by_package = {package: (each.message, each.remedy) for package, each in told}
            lost = (digest for each in self._found.values() for digest in lost_blobs_of(each))
            error.lost_blobs = tuple(islice(dict.fromkeys(lost), _MOST_TOLD))
            raise error
