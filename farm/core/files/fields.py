"""Typed access to a document's nodes. A wrong value is recorded and a harmless one returned, so that reading goes on.

Nothing that was read may be used before `Document.finish` has passed.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, TypeVar

from farm.core.files.document import Node, parse
from farm.core.files.matching import Matching
from farm.core.files.problems import nearest, quoted, suggestion
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from farm.core.files.document import Document, Kind, Observe, Warn

_Value = TypeVar("_Value")

# For versions and digests: a text that looks like a number is taken as it is written (`1.10`, sixty-four digits).
AS_WRITTEN: tuple[Kind, ...] = ("text", "number", "integer")

_SHOWN = 40

ARTICLES: Mapping[Kind, str] = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "nothing": "empty",
    "list": "a list",
    "mapping": "a mapping",
}


def check_kind(document: Document, node: Node, name: str, *kinds: Kind) -> bool:
    """Check a node's kind and record a problem for any other."""
    document.declare(node, kinds=kinds)
    if node.kind in kinds:
        return True
    wanted = " or ".join(ARTICLES[kind] for kind in kinds)
    document.report(node, f"{name} should be {wanted}, and is {ARTICLES[node.kind]}", _conversion(node, kinds[0]))
    return False


def _conversion(node: Node, wanted: Kind) -> str:
    """Return how to write the value, where that is clear."""
    scalar = node.kind in ("text", "integer", "number", "boolean")
    if wanted == "text" and scalar:
        return "Put it in quotes."
    if wanted == "list" and scalar:
        words = ", ".join(node.text.split())
        return f"Write [{words}]." if words.isprintable() and len(words) <= _SHOWN else "Write it as a list."
    if wanted in ("integer", "boolean") and node.kind == "text":
        return f"Write {ARTICLES[wanted]}, without quotes."
    return ""


def read_text(document: Document, node: Node, name: str) -> str:
    """Return a text."""
    return node.text if check_kind(document, node, name, "text") else ""


def read_items(document: Document, node: Node, name: str) -> tuple[Node, ...]:
    """Return the nodes of a list."""
    return node.items if check_kind(document, node, name, "list") else ()


def read_pairs(document: Document, node: Node, name: str) -> tuple[tuple[Node, Node], ...]:
    """Return the pairs of a mapping whose keys are not known beforehand."""
    return node.pairs if check_kind(document, node, name, "mapping") else ()


def read_texts(document: Document, node: Node, name: str) -> tuple[str, ...]:
    """Return a list of texts."""
    return tuple(read_text(document, item, f"each item of {name}") for item in read_items(document, node, name))


class Fields:
    """A mapping with known keys. Unknown and missing keys are recorded when it is made."""

    def __init__(
        self, document: Document, node: Node, name: str, *, known: Collection[str], required: Sequence[str] = ()
    ) -> None:
        self.document = document
        self.node = node
        self._by_key: dict[str, Node] = {}
        self._lacking: set[str] = set()
        if not check_kind(document, node, name, "mapping"):
            return
        document.declare(node, known=tuple(known), required=tuple(required))
        absent = set(known) - {key.text for key, _ in node.pairs}
        missing = [key for key in required if key in absent]
        self._lacking.update(missing)
        for key, value in node.pairs:
            if key.text in known:
                self._by_key[key.text] = value
                continue
            near = nearest(key.text, absent)
            self._lacking.add(near)
            document.report(key, f"{name} has no key {quoted(key.text)}", suggestion(key.text, absent))
            if near in missing:
                missing.remove(near)
        if missing:
            keys = f"the key{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
            document.report(node, f"{name} lacks {keys}", f"Add {'them' if len(missing) > 1 else 'it'}.")

    @classmethod
    def of_file(
        cls,
        text: bytes,
        file: str,
        name: str,
        *,
        known: Collection[str],
        required: Sequence[str] = (),
        warn: Warn | None = None,
        observe: Observe | None = None,
    ) -> Fields:
        """Read a file whose root is a mapping; raises `RecipeError` when the text cannot be read at all."""
        return cls(*parse(text, file, warn, observe), name, known=known, required=required)

    def part(self, key: str, *, known: Collection[str], required: Sequence[str] = ()) -> Fields:
        """Return the fields of the mapping at a key, none of which are there when the key is absent."""
        if key in self:
            return Fields(self.document, self._by_key[key], key, known=known, required=required)
        return Fields(self.document, Node("mapping", 0, 0), key, known=known)

    def get(self, key: str) -> Node | None:
        """Return the node at a key, or None."""
        return self._by_key.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    def declare(self, key: str, **form: Any) -> None:
        """Tell an observer of the document what is expected of the value at a key."""
        if key in self._by_key:
            self.document.declare(self._by_key[key], **form)

    def report(self, key: str, message: str, remedy: str = "") -> None:
        """Record a problem with the value at a key."""
        if key not in self:
            self._lacking.add(key)
        self.document.report(self._by_key.get(key, self.node), message, remedy)

    def unread(self) -> frozenset[str]:
        """Return the keys without a right value: with a problem in it, misspelt, or absent where they must not be."""
        whole, found = (self.node.line, self.node.column), set(self._lacking)
        starts = [(key.line, key.column) for key, _ in self.node.pairs]
        for problem in self.document.problems:
            place = (problem.place.line, problem.place.column)
            if place > whole:  # else it is about no key in particular
                found.add(self.node.pairs[bisect_right(starts, place) - 1][0].text)
        return frozenset(found)

    def text(self, key: str, default: str = "") -> str:
        """Return the text at a key."""
        node = self._by_key.get(key)
        return default if node is None else read_text(self.document, node, key)

    def line(self, key: str, *, longest: int = 200) -> str:
        """Return one line of printable text at a key."""
        text = self.text(key)
        self.declare(key, maxLength=longest)
        if len(text) > longest:
            self.report(key, f"{key} has {len(text)} characters, and {longest} is the most")
        elif not text.isprintable():
            self.report(key, f"{key} should be one line of printable text")
        return text

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the list of texts at a key; empty when it is absent."""
        node = self._by_key.get(key)
        return () if node is None else read_texts(self.document, node, key)

    def unique(self, key: str, check: Callable[[str], str], kinds: tuple[Kind, ...] = ("text",)) -> tuple[str, ...]:
        """Return the list of texts at a key, each as `check` returns it, and each once."""
        found: list[str] = []
        self.declare(key, uniqueItems=True)
        for node in self.items(key):
            text = read_parsed(self.document, node, f"each item of {key}", check, kinds)
            if text in found:
                self.document.report(node, f"{key} names {text} twice", "Keep one of them.")
            elif text is not None:
                found.append(text)
        return tuple(found)

    def items(self, key: str) -> tuple[Node, ...]:
        """Return the nodes of the list at a key; empty when it is absent."""
        node = self._by_key.get(key)
        return () if node is None else read_items(self.document, node, key)

    def pairs(self, key: str) -> tuple[tuple[Node, Node], ...]:
        """Return the pairs of the mapping at a key; empty when it is absent."""
        node = self._by_key.get(key)
        return () if node is None else read_pairs(self.document, node, key)

    def integer(self, key: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
        """Return the whole number at a key, within bounds."""
        node = self._by_key.get(key)
        if node is None or not check_kind(self.document, node, key, "integer"):
            return default
        self.declare(key, minimum=least, maximum=most)
        # Digits are counted first: converting a megabyte of them to a number takes long.
        number = int(node.text) if len(node.text) < 20 else most + 1
        if least <= number <= most:
            return number
        self.report(key, f"{key} should be from {least} to {most}")
        return default

    def boolean(self, key: str, *, default: bool) -> bool:
        """Return true or false at a key."""
        node = self._by_key.get(key)
        if node is None or not check_kind(self.document, node, key, "boolean"):
            return default
        return node.text.lower() == "true"

    def choice(self, key: str, default: str, allowed: Iterable[str]) -> str:
        """Return a text that is one of several."""
        text, words = self.text(key, default), tuple(allowed)
        self.declare(key, enum=words)
        if text in words:
            return text
        self.report(key, f"{key} cannot be {quoted(text)}", suggestion(text, words))
        return default

    def parsed(self, key: str, read: Callable[[str], _Value], kinds: tuple[Kind, ...] = ("text",)) -> _Value | None:
        """Return the result of `read` for the text at a key; its `FarmError` becomes a problem here."""
        node = self._by_key.get(key)
        return None if node is None else read_parsed(self.document, node, key, read, kinds)


def read_parsed(
    document: Document, node: Node, name: str, read: Callable[[str], _Value], kinds: tuple[Kind, ...] = ("text",)
) -> _Value | None:
    """Return the result of `read` for a text; its `FarmError` becomes a problem at the node."""
    if not check_kind(document, node, name, *kinds):
        return None
    if isinstance(read, Matching):
        document.declare(node, pattern=f"^(?:{read.form})$")
    try:
        return read(node.text)
    except FarmError as error:
        document.report(node, error.message, error.remedy)
        return None
