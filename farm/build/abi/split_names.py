"""Rewrites libabigail's description of a library so that every name of a piece of code has its own declaration.

`abidiff` finds code by all its names together: code that gains or loses a name is not found again, and is compared with
nothing, however much it has changed. In the rewritten description no two names share a declaration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from farm.build.abi.interface_description import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import BinaryIO

_DECLARATIONS = frozenset(("function-decl", "var-decl"))


class SplitNames:
    """Reads a description in pieces, and writes it to `out` with a declaration for every name.

    `names` are all names of a piece of code, by the one that it is described under. Members of classes stay unchanged:
    a class has each once.
    """

    def __init__(self, names: Mapping[str, Collection[str]], out: BinaryIO, *, most_bytes: int) -> None:
        self._names = names
        self._out = out
        self._left = most_bytes
        self._whole = True
        self._parents: list[str] = []
        self._repeated: tuple[int, dict[str, str]] | None = None  # how deep it stands, and its attributes
        self._inside: list[str] = []
        parser = self._parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def feed(self, piece: bytes) -> None:
        """Read a piece; nothing is read after an error, or beyond `most_bytes`."""
        self._parse(piece)

    def end(self) -> bool:
        """Write what is left; return whether the description was complete, readable, and not too long."""
        # Newer versions of expat hold elements back until more follows, or until this call says that none does.
        self._parse(b"", is_last=True)
        return self._whole

    def _parse(self, piece: bytes, *, is_last: bool = False) -> None:
        if self._whole:
            try:
                self._parser.Parse(piece, is_last)
            except expat.ExpatError:
                self._whole = False

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        if element == "elf-symbol":
            attributes.pop("alias", None)
        symbol = attributes.get("elf-symbol-id", "")
        top = not self._parents or self._parents[-1] not in MEMBERS
        if self._repeated is None and element in _DECLARATIONS and top and symbol in self._names:
            self._repeated = len(self._parents), attributes
        else:
            self._write(_tag(element, attributes))
        self._parents.append(element)

    def _end(self, element: str) -> None:
        self._parents.pop()
        if self._repeated is None or self._repeated[0] != len(self._parents):
            self._write(f"</{element}>")
            return
        attributes, inside = self._repeated[1], "".join(self._inside)
        self._repeated = None
        self._inside.clear()
        for name in sorted(self._names[attributes["elf-symbol-id"]]):
            self._write(f"{_tag(element, _renamed(attributes, name))}{inside}</{element}>")

    def _write(self, text: str) -> None:
        if self._repeated is not None:
            self._inside.append(text)
            return
        line = text.encode() + b"\n"
        self._left -= len(line)
        self._whole = self._whole and self._left >= 0
        if self._whole:
            self._out.write(line)


def _renamed(attributes: Mapping[str, str], symbol: str) -> dict[str, str]:
    """Return the attributes of a declaration for another of its symbols, with the name for people changed too."""
    old, new = attributes["elf-symbol-id"].partition("@")[0], symbol.partition("@")[0]
    names = {key: new for key in ("name", "mangled-name") if attributes.get(key) == old}
    return {**attributes, **names, "elf-symbol-id": symbol}


def _tag(element: str, attributes: Mapping[str, str]) -> str:
    return f"<{' '.join((element, *(f'{key}={quoteattr(value)}' for key, value in attributes.items())))}>"
