"""What local builds ask of a channel: the builds that it has published, and their archives.

The faces pass a source of these, as nothing here knows subscriptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.core.buildlog.error_kind import ErrorKind
    from farm.core.plan.job import BuiltPackage, DependencyArchive
    from farm.core.plan.published_build import PublishedBuild


class PublishedBuilds(Protocol):
    """The builds of one release. All that it returns is verified, and in the store but for archives.

    Every method may raise a `FarmError`, or `OSError`: the channel cannot be reached, or is not to be trusted.
    """

    @property
    def channel(self) -> str:
        """The channel, for messages."""

    @property
    def release(self) -> str:
        """The release, for messages and records."""

    def prepare(self, names: Iterable[str]) -> None:
        """Fetch what `find` needs for these packages, at once. What is wrong with one of them, `find` raises."""

    def find(self, names: Sequence[str]) -> PublishedBuild | None:
        """Return the build of the packages that a recipe can make, the main one first; None where that is missing."""

    def toolchain_of(self, name: str) -> str:
        """Return the name of the toolchain in the recipe of a package that `find` has returned; empty if not known."""

    def has(self, name: str) -> bool:
        """Return whether the release has a package of this short name."""

    def newest(self, names: Iterable[str]) -> tuple[BuiltPackage, ...]:
        """Return those of these packages that the release has, with all that they need at run time."""

    def provider_of(self, kind: ErrorKind, subject: str) -> str:
        """Return a package of the release that provides what a build has missed; empty if none is found."""

    def fetch(self, packages: Sequence[DependencyArchive]) -> None:
        """Fetch archives into the store. Raises `FarmError` for the first that cannot be fetched."""
