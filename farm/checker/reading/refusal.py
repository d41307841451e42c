"""The error for a release that must not be signed, and the packages that it is about."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Protocol, TypeVar

from farm.errors import FarmError, lost_blobs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from farm.core.names.digest import Digest

_MOST_NAMED = 1000
_SHOWN = 3


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
            named = islice(self._found.items(), _MOST_NAMED)
            error.by_package = {package: (fault.message, fault.remedy) for package, fault in named}
            lost = (digest for fault in self._found.values() for digest in lost_blobs_of(fault))
            error.lost_blobs = tuple(islice(dict.fromkeys(lost), _MOST_NAMED))
            raise error


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Package = TypeVar("_Package", bound=_Named)


def check_each(packages: Iterable[_Package], check: Callable[[_Package], object]) -> None:
    """Check all packages, and raise the first error, with what is wrong with every package in `by_package`."""
    faults = Faults()
    for package in packages:
        with faults.of(package.name):
            check(package)
    faults.check()


def first_of(sentences: Sequence[str]) -> str:
    """Join sentences, the first few of many."""
    more = f", and {len(sentences) - _SHOWN} more" if len(sentences) > _SHOWN else ""
    return "; ".join(sentences[:_SHOWN]) + more
