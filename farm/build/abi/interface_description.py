"""Reads how libabigail's `abidw` describes a library (its manual, "abidw"; "ABIXML"): what has debug data behind it.

The description is made of a stranger's debug data, and is read as it comes, without a document of it in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from xml.parsers import expat

from farm.build.abi.class_layouts import ClassLayouts

if TYPE_CHECKING:
    from collections.abc import Mapping


class TypeKind(StrEnum):
    """Kinds of types that have something inside, as suppression files call them; a structure is a class."""

    CLASS = "class"
    ENUM = "enum"
    UNION = "union"


_TYPES = {"class-decl": TypeKind.CLASS, "enum-decl": TypeKind.ENUM, "union-decl": TypeKind.UNION}
_SYMBOLS = frozenset(("elf-function-symbols", "elf-variable-symbols"))
MEMBERS = frozenset(("member-function", "data-member"))
_ASSEMBLER = "Assembl"
# Tables of virtual functions, type information, thunks and guards (Itanium C++ ABI, section 5.1.4): compilers describe
# the classes that they are of, and not them.
_OF_CLASSES = ("_ZT", "_ZG")


class DeclaredType(NamedTuple):
    """A type that a library knows: its name without what encloses it, and its source file as debug data have it.

    One that is `unnamed` goes by the name of its typedef, or by one that libabigail makes up.
    """

    name: str
    path: str
    unnamed: bool = False
    kind: TypeKind = TypeKind.CLASS


class UnreadableDescriptionError(Exception):
    """What should be a description of a library is none."""


@dataclass(slots=True)
class InterfaceDescription:
    """What is known of a library: its exported symbols, and the types that they lead to.

    A symbol is `described_as` itself, or as another name of the same code; `names` has all names of code that has
    several, for each of them. `members` are described within their class.
    """

    symbols: set[str] = field(default_factory=set)
    described_as: dict[str, str] = field(default_factory=dict)
    names: dict[str, frozenset[str]] = field(default_factory=dict)
    members: set[str] = field(default_factory=set)
    types: set[DeclaredType] = field(default_factory=set)
    classes: ClassLayouts = field(default_factory=ClassLayouts)

    @property
    def undescribed(self) -> set[str]:
        """The symbols of which debug data say nothing: code in assembly, code that was compiled without `-g`."""
        return self.symbols - self.described_as.keys()

    def split(self) -> dict[str, frozenset[str]]:
        """Return all names of code that has several, by the one under which it is described."""
        return {name: names for name, names in self.names.items() if self.described_as.get(name) == name}

    def has_for_itself(self, symbol: str) -> bool:
        """Say whether there is a declaration of the symbol, once each name has its own."""
        told = self.described_as.get(symbol)
        return told is not None and (told == symbol or told not in self.members)


def regrouped(before: InterfaceDescription, after: InterfaceDescription) -> set[str]:
    """Return the symbols of both that share their code with others than they did."""
    own = {name: frozenset((name,)) for name in before.symbols & after.symbols}
    return {name for name, alone in own.items() if before.names.get(name, alone) != after.names.get(name, alone)}


class DescriptionReader:
    """Takes a description in pieces; `end` returns what it says."""

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
        """Take a piece; what comes after an error is not looked at."""
        if not self._broken:
            try:
                self._parser.Parse(piece)
            except (expat.ExpatError, UnreadableDescriptionError) as error:
                self._broken = str(error)

    def end(self) -> InterfaceDescription:
        """Return what was said. Raises `UnreadableDescriptionError`."""
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
            told = next((name for name in names if name in found.described_as), None)
            if told is not None:
                for name in names:
                    found.described_as.setdefault(name, told)
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
            # Assemblers name functions too, and know nothing of their parameters.
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
        raise UnreadableDescriptionError("it has a document type, which no description has")
