"""A recipe that was read, together with its text: every value knows where it was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from farm.core.files.document import node_at, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.core.files.document import Document, Node
    from farm.core.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True)
class WrittenRecipe:
    """A valid recipe and its nodes. `beside` are the names of the files next to it.

    `runtime` are the packages that its toolchain adds to what it requires.
    """

    recipe: Recipe
    document: Document
    root: Node
    beside: frozenset[str]
    runtime: frozenset[str]

    @classmethod
    def of(
        cls, recipe: Recipe, files: Mapping[str, bytes], *, text: bytes, file: str, runtime: tuple[str, ...] = ()
    ) -> Self:
        """Return the recipe of a valid text. `files` are those next to it, by name."""
        return cls(recipe, *parse(text, file), frozenset(files), frozenset(runtime))

    def at(self, *keys: str | int) -> Node:
        """Return the value at keys and list positions, or the last one on that way that is there."""
        return node_at(self.root, *keys)

    def has(self, key: str) -> bool:
        """Return whether the recipe has a key."""
        return any(name.text == key for name, _ in self.root.pairs)

    def sources(self) -> Iterator[Mapping[str, Node]]:
        """Yield the sources as written: each the values by key."""
        if self.has("source"):
            node = self.at("source")
            for source in node.items if node.kind == "list" else (node,):
                yield {key.text: value for key, value in source.pairs}

    def lists_of_needs(self) -> Iterator[tuple[str, tuple[Node, ...]]]:
        """Yield the lists that name packages: the list's name, and its items."""
        for key in ("build-needs", "requires", "test-needs"):
            if self.has(key):
                yield key, self.at(key).items
        for test in self.at("tests").items if self.has("tests") else ():
            yield "needs", next((value.items for key, value in test.pairs if key.text == "needs"), ())


def package_of(item: Node) -> str:
    """Return the package that an item of a list of needs names: `jq` of `jq = 1.7.1-1`."""
    return item.text.partition("=")[0].strip()
