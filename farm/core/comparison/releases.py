"""Two releases, compared by package: what came, what went, and why a package was built anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from farm.core.comparison.inputs import InputChange
from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.names.printed_version import printed_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Kind: TypeAlias = Literal["added", "removed", "version", "recipe", "rebuilt", "imported"]


@dataclass(frozen=True, slots=True)
class ReleasedPackage(Form, record="package of a release"):
    """A package of a release, by its version and digests; of an imported one only the descriptor is known."""

    descriptor: Digest
    version: str = ""
    revision: int = 0
    recipe: Digest | None = None

    @property
    def full_version(self) -> str:
        """Version and revision; empty for an imported package."""
        return printed_version(self.version, self.revision) if self.version else ""


@dataclass(frozen=True, slots=True)
class ReleaseChange(Form, record="package that differs between releases"):
    """A package that differs: None where a release does not have it.

    `inputs` are the inputs of its build that changed, for one that was `rebuilt` from the same recipe; None where
    nobody has looked, or where that is no longer to be had.
    """

    name: str
    before: ReleasedPackage | None
    after: ReleasedPackage | None
    inputs: tuple[InputChange, ...] | None = None

    @property
    def kind(self) -> Kind:
        """What happened to the package; of several things, the one that explains the others."""
        if self.before is None or self.after is None:
            return "added" if self.before is None else "removed"
        if not (self.before.version and self.after.version):
            return "imported"
        if self.before.full_version != self.after.full_version:
            return "version"
        return "recipe" if self.before.recipe != self.after.recipe else "rebuilt"

    @property
    def mirrored(self) -> ReleaseChange:
        """The same change in the other direction."""
        inputs = None if self.inputs is None else tuple(change.mirrored for change in self.inputs)
        return replace(self, before=self.after, after=self.before, inputs=inputs)


def package_changes(
    before: Mapping[str, ReleasedPackage], after: Mapping[str, ReleasedPackage]
) -> Iterator[ReleaseChange]:
    """Yield the packages of which the releases have another build, by name; without the inputs of their builds.

    Packages that both have in the same way may be left out of both.
    """
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if not (was and now and was.descriptor == now.descriptor):
            yield ReleaseChange(name, was, now)
