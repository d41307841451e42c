"""What of C++ classes `abidiff` takes for harmless, read from libabigail's descriptions of two libraries.

Bases of equal size may change places, and a virtual function without code may get other parameters: the tool's status
says nothing of either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from farm.build.abi.interface_description import DeclaredType

_SCOPES = frozenset(("namespace-decl", "class-decl", "union-decl"))


@dataclass(slots=True)
class ClassLayout:
    """The bases of a class in their order, by their ids, and its virtual functions by their place."""

    declared: DeclaredType
    bases: list[str] = field(default_factory=list)
    functions: dict[str, set[str]] = field(default_factory=dict)


class ClassLayouts:
    """Takes the elements of a description; knows the classes of it that have bases or virtual functions."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._known: dict[str, ClassLayout | None] = {}
        self._scopes: list[str] = []
        self._open: list[ClassLayout | None] = []
        self._place = ""

    def start(self, element: str, attributes: Mapping[str, str], declared: DeclaredType | None) -> None:
        """Take the beginning of an element, with the type that it declares."""
        if element in _SCOPES:
            self._scopes.append(attributes.get("name", ""))
            self._open.append(ClassLayout(declared) if element == "class-decl" and declared else None)
            self._names.setdefault(attributes.get("id", ""), "::".join(self._scopes))
        elif not self._open or (layout := self._open[-1]) is None:
            return
        elif element == "base-class":
            layout.bases.append(attributes.get("type-id", ""))
        elif element == "member-function":
            self._place = "" if attributes.get("destructor") == "yes" else attributes.get("vtable-offset", "")
        elif element == "function-decl" and self._place and (name := attributes.get("mangled-name")):
            layout.functions.setdefault(self._place, set()).add(name)

    def end(self, element: str) -> None:
        """Take the end of an element."""
        if element == "member-function":
            self._place = ""
        if element not in _SCOPES:
            return
        name, layout = "::".join(self._scopes), self._open.pop()
        self._scopes.pop()
        if layout is not None and (layout.bases or layout.functions):
            # Two classes of one name are of two files: nobody knows which is meant.
            self._known[name] = None if name in self._known else layout

    def changes(self, after: ClassLayouts, is_public: Callable[[DeclaredType], bool]) -> Iterator[str]:
        """Say which public classes have changed so that what knew them of before goes wrong."""
        for name, old in sorted(self._known.items()):
            new = after._known.get(name)
            if old is None or new is None or not is_public(old.declared):
                continue
            bases, now = self._bases(old), after._bases(new)
            if bases != now and sorted(bases) == sorted(now):
                yield f"class {name}: its bases {', '.join(bases)} became {', '.join(now)}"
            for place, functions in sorted(old.functions.items()):
                if place in new.functions and not functions <= new.functions[place]:
                    became = ", ".join(sorted(new.functions[place]))
                    yield f"class {name}: its virtual function {', '.join(sorted(functions))} became {became}"

    def _bases(self, layout: ClassLayout) -> list[str]:
        return [self._names.get(base, "") for base in layout.bases]
