"""The packages that a recipe makes, whether it declares them or not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.package.layout import UNASKED, package_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.recipe.recipe import Recipe


def made_packages(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of all packages that a recipe can make: `jq`, its declared outputs, `jq-debug`, `jq-doc`."""
    return tuple(dict.fromkeys((*recipe.package_names, *(package_name(recipe.name, output) for output in UNASKED))))


@dataclass(frozen=True, slots=True)
class KnownPackages(Collection[str]):
    """The names of the packages that recipes make.

    The recipes `unread` have problems: each makes the package of its name, and may make any output of it.
    """

    names: frozenset[str]
    unread: frozenset[str]

    def __contains__(self, name: object) -> bool:
        """Return whether a recipe makes the package, or may make it."""
        return name in self.names or name in self.unread or self._may_be_output(str(name))

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names that are known for sure."""
        return iter(self.names | self.unread)

    def __len__(self) -> int:
        """Return how many names are known for sure."""
        return len(self.names | self.unread)

    def _may_be_output(self, name: str) -> bool:
        return any(name.startswith(f"{recipe}-") for recipe in self.unread)
