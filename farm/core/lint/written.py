"""A recipe that was read, together with its text: every value knows where it was written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from farm.core.files.document import node_at, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from farm.core.files.document import Document, Node
    from farm.core.recipe.load import PartialRecipe
    from farm.core.recipe.recipe import Recipe


@dataclass(frozen=True, slots=True)
class WrittenRecipe:
    """A recipe and its nodes. `beside` are the names of the files next to it.

    `runtime` are the packages that its toolchain adds to what it requires. Of a recipe with problems, `unread` are the
    keys whose values could not be read, and `faults` the places of the problems: nothing more is reported about these.
    """

    recipe: Recipe
    document: Document
    root: Node
    beside: frozenset[str]
    runtime: frozenset[str]
    unread: frozenset[str] = frozenset()
    faults: frozenset[tuple[int, int]] = frozenset()

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        files: Mapping[str, bytes],
        *,
        text: bytes,
        file: str,
        runtime: tuple[str, ...] = (),
        part: PartialRecipe | None = None,
    ) -> Self:
        """Return the recipe of a text; `files` are those next to it, by name, and `part` is one with problems."""
        written = cls(recipe, *parse(text, file), frozenset(files), frozenset(runtime))
        if part is None:
            return written
        faults = frozenset((problem.place.line, problem.place.column) for problem in part.problems)
        return replace(written, unread=part.unread, faults=faults)

    def is_faulty(self, node: Node) -> bool:
        """Return whether there is a problem with just this value."""
        return (node.line, node.column) in self.faults

    def at(self, *keys: str | int) -> Node:
        """Return the value at keys and list positions, or the last one on that way that is there."""
        return node_at(self.root, *keys)

    def has(self, key: str) -> bool:
        """Return whether the recipe has a key."""
        return any(name.text == key for name, _ in self.root.pairs)

    def sources(self) -> Iterator[Mapping[str, Node]]:
        """Yield the sources as written: each the values by key, without those that could not be read."""
        if self.has("source"):
            node = self.at("source")
            for source in node.items if node.kind == "list" else (node,):
                yield {key.text: value for key, value in source.pairs if not self.is_faulty(value)}

    def lists_of_needs(self) -> Iterator[tuple[str, tuple[Node, ...]]]:
        """Yield the lists that name packages: the list's name, and its items, without those that could not be read."""
        for key in ("build-needs", "requires", "test-needs"):
            if self.has(key):
                yield key, self._readable(self.at(key).items)
        for _, output in self.at("outputs").pairs if self.has("outputs") else ():
            items = next((value.items for key, value in output.pairs if key.text == "requires"), ())
            yield "requires", self._readable(items)
        for test in self.at("tests").items if self.has("tests") else ():
            items = next((value.items for key, value in test.pairs if key.text == "needs"), ())
            yield "needs", self._readable(items)

    def _readable(self, items: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(item for item in items if not self.is_faulty(item))


def names_step(written: WrittenRecipe, names: Collection[str]) -> bool:
    """Return whether a recipe names one of these steps of the library."""
    items = written.at("steps").items
    return any(name.text in names for item in items for name in (item, *(key for key, _ in item.pairs)))


def package_of(item: Node) -> str:
    """Return the package that an item of a list of needs names: `jq` of `jq = 1.7.1-1`."""
    return item.text.partition("=")[0].strip()
