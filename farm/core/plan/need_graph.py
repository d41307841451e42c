"""What packages need to be built, run and tested, as a graph that people look at: a tree in text, or DOT. Pure.

The graph may have cycles. All that is made of it takes time by its size.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from farm.core.names.grouping import grouped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from farm.core.plan.graph import BuildGraph
    from farm.core.recipe.recipe import Recipe


class NeedKind(StrEnum):
    """What a package is needed for."""

    BUILD = "build"
    RUN = "run"
    TEST = "test"


_DOT_STYLE = {NeedKind.BUILD: "solid", NeedKind.RUN: "dashed", NeedKind.TEST: "dotted"}


class Need(NamedTuple):
    """An edge of the graph: the package that is needed, and for what; sorted by kind, then name."""

    kind: NeedKind
    name: str


@dataclass(frozen=True, slots=True)
class NeedGraph:
    """The needs of each package by its name, sorted, and the versions that are shown. Every need is a package of it."""

    needs: Mapping[str, tuple[Need, ...]]
    versions: Mapping[str, str]

    @classmethod
    def of(cls, needs: Mapping[str, Iterable[Need]], versions: Mapping[str, str]) -> NeedGraph:
        """Make a graph; a package that is only needed has no needs of its own."""
        found = {name: tuple(sorted(set(of_package))) for name, of_package in needs.items()}
        missing = {need.name for of_package in found.values() for need in of_package} - found.keys()
        return cls(found | dict.fromkeys(sorted(missing), ()), versions)

    def reverse(self) -> NeedGraph:
        """Return the graph in which each package leads to those that need it."""
        pairs = grouped((need.name, Need(need.kind, name)) for name, needs in self.needs.items() for need in needs)
        return NeedGraph.of({name: pairs.get(name, ()) for name in self.needs}, self.versions)

    def tops(self) -> list[str]:
        """Return the packages that no other one leads to, and one of each cycle that nothing else leads to."""
        led_to = {need.name for name, needs in self.needs.items() for need in needs if need.name != name}
        tops = sorted(self.needs.keys() - led_to)
        reached = set(self.within(tops))
        for name in sorted(self.needs):
            if name not in reached:
                tops.append(name)
                reached.update(self._reached([name], None, reached))
        return tops

    def within(self, roots: Iterable[str], depth: int | None = None) -> dict[str, int]:
        """Return the packages that `roots` lead to by at most `depth` needs, with their distance; nearest first."""
        return self._reached(roots, depth, frozenset())

    def _reached(self, roots: Iterable[str], depth: int | None, seen: Collection[str]) -> dict[str, int]:
        found = {name: 0 for name in roots if name not in seen}
        waiting = deque(found)
        while waiting:
            name = waiting.popleft()
            if depth is not None and found[name] >= depth:
                continue
            for need in self.needs[name]:
                if need.name not in found and need.name not in seen:
                    found[need.name] = found[name] + 1
                    waiting.append(need.name)
        return found

    def tree(self, roots: Iterable[str], depth: int | None = None) -> Iterator[str]:
        """Yield the lines of a tree below each root. The needs of a package are listed once; elsewhere it has a (*).

        With a `depth`, that is where it is nearest to a root: further down the limit would hide some of them.
        """
        expanded: set[str] = set()
        starts = list(roots)
        nearest = self.within(starts, depth) if depth is not None else {}
        for root in starts:
            waiting: list[tuple[str, str, str, int]] = [("", root, "", 0)]
            while waiting:
                lead, name, mark, level = waiting.pop()
                is_cut = depth is not None and level >= depth
                is_elsewhere = name in expanded or level > nearest.get(name, level)
                again = is_elsewhere and bool(self.needs[name]) and not is_cut
                yield f"{lead}{self._label(name)}{mark}{' (*)' if again else ''}"
                if again or is_cut:
                    continue
                expanded.add(name)
                below = lead.replace("├── ", "│   ").replace("└── ", "    ")
                needs = _by_package(self.needs[name])
                waiting += [
                    (f"{below}{'└── ' if last else '├── '}", need, f" ({', '.join(kinds)})", level + 1)
                    for last, (need, kinds) in reversed(_marked(needs))
                ]

    def dot(self, roots: Iterable[str], depth: int | None = None, *, reverse: bool = False) -> Iterator[str]:
        """Yield the lines of the graph below roots in graphviz's language; arrows lead from a package to its needs."""
        reached = self.within(roots, depth)
        yield "digraph needs {"
        yield "  rankdir=LR;"
        yield "  node [shape=box];"
        for name in reached:
            yield f"  {_quoted(name)} [label={_quoted(self._label(name))}];"
        for package, need, kind in self._edges(reached, depth, reverse=reverse):
            yield f"  {_quoted(package)} -> {_quoted(need)} [style={_DOT_STYLE[kind]}];"
        yield "}"

    def form(self, roots: Sequence[str], depth: int | None = None, *, reverse: bool = False) -> dict[str, Any]:
        """Return the graph below roots as JSON values; each need is of `package`, also in a reversed graph."""
        reached = self.within(roots, depth)
        edges = self._edges(reached, depth, reverse=reverse)
        return {
            "roots": list(roots),
            "packages": [{"name": name, "version": self.versions.get(name, "")} for name in reached],
            "needs": [{"package": package, "needs": need, "kind": kind.value} for package, need, kind in edges],
        }

    def _edges(
        self, reached: Mapping[str, int], depth: int | None, *, reverse: bool
    ) -> Iterator[tuple[str, str, NeedKind]]:
        for name, distance in reached.items():
            for kind, need in self.needs[name] if depth is None or distance < depth else ():
                yield (need, name, kind) if reverse else (name, need, kind)

    def _label(self, name: str) -> str:
        return f"{name} {self.versions.get(name, '')}".rstrip()


def recipe_graph(
    recipes: Mapping[str, Recipe],
    graph: BuildGraph,
    runtime: Mapping[str, Sequence[str]],
    kinds: Collection[NeedKind],
) -> NeedGraph:
    """Return the needs between recipes. `runtime` are the packages that the output of each toolchain needs to run."""
    needs: dict[str, list[Need]] = {}
    for name, recipe in recipes.items():
        direct = (need for need in recipe.build_needs if "/" not in need)
        libraries = (package for package in runtime.get(recipe.toolchain, ()) if package in graph.makes)
        by_kind = {
            NeedKind.BUILD: [graph.makes[need] for need in direct],
            NeedKind.RUN: [*graph.requires[name], *(graph.makes[package] for package in libraries)],
            NeedKind.TEST: graph.test_needs[name],
        }
        needs[name] = [Need(kind, need) for kind in kinds for need in by_kind[kind] if need != name]
    versions = {name: f"{recipe.version}-{recipe.revision}" for name, recipe in recipes.items()}
    return NeedGraph.of(needs, versions)


def _by_package(needs: Iterable[Need]) -> list[tuple[str, list[str]]]:
    """Return each package once, in alphabetical order, with what it is needed for."""
    return sorted(grouped((need.name, need.kind.value) for need in needs).items())


def _marked(needs: list[tuple[str, list[str]]]) -> list[tuple[bool, tuple[str, list[str]]]]:
    """Return the items with whether each is the last one."""
    return [(number == len(needs), need) for number, need in enumerate(needs, 1)]


def _quoted(text: str) -> str:
    # A quote is all that graphviz unescapes; names and versions have none, and no backslash either.
    return '"' + text.replace('"', '\\"') + '"'
