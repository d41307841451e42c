"""Reads the description of a library by libabigail's `abidw` (its manual, "abidw"; "ABIXML").

The description is made from untrusted debug data, and is read as a stream, not as a document in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


_SCOPES = frozenset(("namespace-decl", "class-decl", "union-decl"))


@dataclass(slots=True)
class ClassLayout:
    """The bases of a class in order, by their ids, and its virtual functions by their place in the table."""

    declared: DeclaredType
    bases: list[str] = field(default_factory=list)
    functions: dict[str, set[str]] = field(default_factory=dict)


class ClassLayouts:
    """The classes in a description that have bases or virtual functions, read element by element.

    `abidiff` takes some of their changes for harmless: bases of equal size may change places, and a virtual function
    without code may get other parameters. Its exit status covers neither.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._known: dict[str, ClassLayout | None] = {}
        self._scopes: list[str] = []
        self._open: list[ClassLayout | None] = []
        self._place = ""

    def start(self, element: str, attributes: Mapping[str, str], declared: DeclaredType | None) -> None:
        """Read the start of an element, with the type that it declares."""
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
        """Read the end of an element."""
        if element == "member-function":
            self._place = ""
        if element not in _SCOPES:
            return
        name, layout = "::".join(self._scopes), self._open.pop()
        self._scopes.pop()
        if layout is not None and (layout.bases or layout.functions):
            # Two classes with one name come from two files: it is not known which is meant.
            self._known[name] = None if name in self._known else layout

    def changes(self, after: ClassLayouts, is_public: Callable[[DeclaredType], bool]) -> Iterator[str]:
        """Yield the changes of public classes that break programs that were built with the old ones."""
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


class TypeKind(StrEnum):
    """Kinds of types with members, as suppression files call them; a structure is a class."""

    CLASS = "class"
    ENUM = "enum"
    UNION = "union"


_TYPES = {"class-decl": TypeKind.CLASS, "enum-decl": TypeKind.ENUM, "union-decl": TypeKind.UNION}
_SYMBOLS = frozenset(("elf-function-symbols", "elf-variable-symbols"))
MEMBERS = frozenset(("member-function", "data-member"))
_ASSEMBLER = "Assembl"
# Tables of virtual functions, type information, thunks and guards (Itanium C++ ABI, section 5.1.4): compilers describe
# their classes, and not them.
_OF_CLASSES = ("_ZT", "_ZG")


class DeclaredType(NamedTuple):
    """A type in a library: its name without enclosing scopes, and its source file as debug data name it.

    An `unnamed` type has the name of its typedef, or one that libabigail makes up.
    """

    name: str
    path: str
    unnamed: bool = False
    kind: TypeKind = TypeKind.CLASS


class UnreadableDescriptionError(Exception):
    """The output of `abidw` is not a description of a library."""


@dataclass(slots=True)
class InterfaceDescription:
    """What is known about a library: its exported symbols, and the types that they use.

    A symbol is `described_as` itself, or as another name of the same code; `names` maps each name of code that has
    several to all of them. `members` are described within their class.
    """

    symbols: set[str] = field(default_factory=set)
    described_as: dict[str, str] = field(default_factory=dict)
    names: dict[str, frozenset[str]] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    types: set[DeclaredType] = field(default_factory=set)
    classes: ClassLayouts = field(default_factory=ClassLayouts)

    @property
    def undescribed(self) -> set[str]:
        """The symbols without debug data: code in assembly, or compiled without `-g`."""
        return self.symbols - self.described_as.keys()

    def split(self) -> dict[str, frozenset[str]]:
        """Return all names of code that has several, by the one that it is described under."""
        return {name: names for name, names in self.names.items() if self.described_as.get(name) == name}

    def has_for_itself(self, symbol: str) -> bool:
        """Return whether the symbol has a declaration, once every name has its own."""
        name = self.described_as.get(symbol)
        return name is not None and (name == symbol or name not in self.members)


def regrouped(before: InterfaceDescription, after: InterfaceDescription) -> set[str]:
    """Return the symbols of both libraries that share their code with other symbols than before."""
    own = {name: frozenset((name,)) for name in before.symbols & after.symbols}
    return {name for name, alone in own.items() if before.names.get(name, alone) != after.names.get(name, alone)}


class DescriptionReader:
    """Reads a description in pieces; `end` returns it."""

    def __init__(self) -> None:
        self._found = InterfaceDescription()
        self._aliases: list[tuple[str, ...]] = []
        self._exporting = self._compiled = self._in_member = False
        self._broken = ""
        parser = self._parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._refuse

    def feed(self, piece: bytes) -> None:
        """Read a piece; nothing is read after an error."""
        if not self._broken:
            try:
                self._parser.Parse(piece)
            except (expat.ExpatError, UnreadableDescriptionError) as error:
                self._broken = str(error)

    def end(self) -> InterfaceDescription:
        """Return the description. Raises `UnreadableDescriptionError`."""
        if not self._broken:
            try:
                self._parser.Parse(b"", True)  # noqa: FBT003  it takes no keywords
            except expat.ExpatError as error:
                self._broken = str(error)
        if self._broken:
            raise UnreadableDescriptionError(self._broken)
        found = self._found
        for names in self._aliases:
            # One piece of code with several names is described under one of them.
            together = frozenset(names)
            found.names.update(dict.fromkeys(names, together))
            described = next((name for name in names if name in found.described_as), None)
            if described is not None:
                for name in names:
                    found.described_as.setdefault(name, described)
        return found

    def _start(self, element: str, attributes: Mapping[str, str]) -> None:
        declared = None
        if element in _SYMBOLS:
            self._exporting = True
        elif element in MEMBERS:
            self._in_member = True
        elif element == "elf-symbol" and self._exporting:
            self._symbol(attributes)
        elif element == "abi-instr":
            # Assemblers name functions too, but not their parameters.
            self._compiled = _ASSEMBLER not in attributes.get("language", "")
        elif element in _TYPES:
            unnamed = attributes.get("is-anonymous") == "yes" or "naming-typedef-id" in attributes
            name, path = attributes.get("name", ""), attributes.get("filepath", "")
            declared = DeclaredType(name, path, unnamed, _TYPES[element])
            self._found.types.add(declared)
        elif self._compiled and (symbol := attributes.get("elf-symbol-id")):
            self._found.described_as[symbol] = symbol
            if self._in_member:
                self._found.members.add(symbol)
        self._found.classes.start(element, attributes, declared)

    def _end(self, element: str) -> None:
        if element in _SYMBOLS:
            self._exporting = False
        elif element in MEMBERS:
            self._in_member = False
        self._found.classes.end(element)

    def _symbol(self, attributes: Mapping[str, str]) -> None:
        name, version = attributes.get("name", ""), attributes.get("version", "")
        if attributes.get("is-defined") != "yes" or name.startswith(_OF_CLASSES):
            return
        if version:
            name += ("@@" if attributes.get("is-default-version") == "yes" else "@") + version
        self._found.symbols.add(name)
        if aliases := attributes.get("alias"):
            self._aliases.append((name, *aliases.split(",")))

    def _refuse(self, *_: object) -> None:
        raise UnreadableDescriptionError("it has a document type, which descriptions do not have")
