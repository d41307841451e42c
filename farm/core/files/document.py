"""YAML text → a tree of nodes that know their positions. Hostile input is refused here, with a place and a reason.

This module does not interpret values. Plain scalars follow the core schema of YAML 1.2 (`no` is a word, not false).
Refused: more than 1 MiB, anchors and aliases, tags, duplicate keys, depth over 32, more than one document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, TypeVar

import yaml

from farm.core.files.problems import Problem, RecipeError, quoted
from farm.errors import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Warn: TypeAlias = Callable[[Problem], None]
    Observe: TypeAlias = Callable[["Node", Mapping[str, Any]], None]

_Value = TypeVar("_Value")

MAXIMUM_BYTES = 1 << 20
MAXIMUM_DEPTH = 32
# Nobody reads more than these, and a hostile file could cause a hundred thousand of them.
MAXIMUM_PROBLEMS = 50

Kind: TypeAlias = Literal["text", "integer", "number", "boolean", "nothing", "list", "mapping"]

_PLAIN: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("nothing", re.compile(r"|~|null|Null|NULL")),
    ("boolean", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("integer", re.compile(r"[-+]?[0-9]+")),
    ("number", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|nan)", re.I)),
)


@dataclass(frozen=True, slots=True)
class Node:
    """A value in a file. `text` is the text of a scalar, `items` the values of a list, `pairs` those of a mapping.

    `line` and `column` count from 1, `length` is the number of characters to underline.
    """

    kind: Kind
    line: int
    column: int
    length: int = 1
    text: str = ""
    items: tuple[Node, ...] = ()
    pairs: tuple[tuple[Node, Node], ...] = ()


class Document:
    """A file's text and the problems found in it so far.

    `warn` is called for what is deprecated, `observe` for what readers expect of each node: see `declare`.
    """

    def __init__(self, text: bytes, file: str, warn: Warn | None = None, observe: Observe | None = None) -> None:
        self.file = file
        self._warn = warn
        self._observe = observe
        self.problems: list[Problem] = []
        self._lines: list[str] = text[:MAXIMUM_BYTES].decode("utf-8", "replace").split("\n")

    def report(self, node: Node | None, message: str, remedy: str = "") -> None:
        """Record a problem at a node, or with the file as a whole. Raises `RecipeError` once there are many."""
        if node is None:
            self._note(Problem(Place(self.file), message, remedy))
        else:
            self.report_at(node.line, node.column, message, remedy, length=node.length)

    def report_at(self, line: int, column: int, message: str, remedy: str = "", *, length: int = 1) -> None:
        """Record a problem at a line and column, both counted from 1."""
        self._note(self.problem_at_place(line, column, message, remedy, length=length))

    def warn(self, node: Node, message: str, remedy: str) -> None:
        """Warn of a node that is accepted in this release and will not be in the next."""
        if self._warn:
            self._warn(self.problem_at(node, message, remedy))

    def declare(self, node: Node, **form: Any) -> None:
        """Tell an observer what a reader expects of a node; `farm.core.schema` makes JSON Schemas of it.

        `kinds` are those that are accepted, `known` the keys of a mapping, `required` those that must be there. All
        else is a keyword of JSON Schema.
        """
        if self._observe:
            self._observe(node, form)

    def problem_at(self, node: Node, message: str, remedy: str = "") -> Problem:
        """Return a problem at a node, without recording it."""
        return self.problem_at_place(node.line, node.column, message, remedy, length=node.length)

    def problem_at_place(self, line: int, column: int, message: str, remedy: str = "", *, length: int = 1) -> Problem:
        """Return a problem at a line and column, both counted from 1, without recording it."""
        return Problem(Place(self.file, line, column), message, remedy, self.line(line), length)

    def line(self, number: int) -> str:
        """Return a line of the text, counted from 1; empty behind its end."""
        return self._lines[number - 1].rstrip("\r") if number <= len(self._lines) else ""

    def _note(self, problem: Problem) -> None:
        # A value that is checked twice has one problem.
        if problem not in self.problems:
            self.problems.append(problem)
        if len(self.problems) >= MAXIMUM_PROBLEMS:
            self.finish()

    def finish(self) -> None:
        """Raise `RecipeError` with all recorded problems, if there are any."""
        if self.problems:
            raise RecipeError(self.problems)

    def finished(self, value: _Value) -> _Value:
        """Return what was made of the document, unless there are problems; raises `RecipeError`."""
        self.finish()
        return value

    def decoded(self, text: bytes, remedy: str) -> str:
        """Return the text of a file; `remedy` is for one that is too large. Raises `RecipeError`."""
        if len(text) > MAXIMUM_BYTES:
            self.refuse(f"the file has {len(text)} bytes, and {MAXIMUM_BYTES} is the most", remedy)
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError as error:
            before = text[: error.start].decode("utf-8")
            line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
            self.refuse("the file is not UTF-8", "Save it as UTF-8.", line=line, column=column)

    def refuse(self, message: str, remedy: str = "", *, line: int = 0, column: int = 1) -> NoReturn:
        """Record why the text cannot be read any further, and raise `RecipeError`. Without a line, it is the file."""
        if line:
            self.report_at(line, column, message, remedy)
        else:
            self.report(None, message, remedy)
        raise RecipeError(self.problems)


def parse(text: bytes, file: str, warn: Warn | None = None, observe: Observe | None = None) -> tuple[Document, Node]:
    """Read a YAML text whose root is a mapping.

    Raises `RecipeError` when the text cannot be read at all; a duplicate key is recorded in the document, so that the
    caller's own problems are reported with it.
    """
    document = Document(text, file, warn, observe)
    decoded = document.decoded(text, "Split it.")
    try:
        return document, _Composer(document, yaml.parse(decoded, Loader=yaml.CSafeLoader)).root()
    except yaml.YAMLError as error:
        _refuse_syntax(error, document)


def node_at(root: Node, *keys: str | int) -> Node:
    """Return the value at the end of a way of keys and list positions, or the last one on it that is there."""
    node = root
    for key in keys:
        if isinstance(key, int):
            found = node.items[key] if key < len(node.items) else None
        else:
            found = next((value for name, value in node.pairs if name.text == key), None)
        if found is None:
            break
        node = found
    return node


_BLOCK = re.compile(r"([ -]*)[^ -].*: ([|>])([+-]?)")
"""The line before a block of text: its indentation, with that of a list's item, and how the block is written."""
_SYNTAX_REMEDIES = {
    "cannot start any token": "Use spaces to indent.",
    "maximum nesting depth": f"Nest at most {MAXIMUM_DEPTH} deep.",
}


def _refuse_syntax(error: yaml.YAMLError, document: Document) -> NoReturn:
    message = getattr(error, "problem", None) or getattr(error, "reason", None) or "this cannot be read"
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context", None)
    sentence = f"not YAML: {message}" + (f" ({context})" if context else "")
    remedy = next((advice for words, advice in _SYNTAX_REMEDIES.items() if words in message), "")
    if mark:
        remedy = remedy or _remedy_of_block(document, mark.line + 1)
    document.refuse(sentence, remedy, line=mark.line + 1 if mark else 0, column=mark.column + 1 if mark else 1)


def _remedy_of_block(document: Document, number: int) -> str:
    """Return the remedy where a line is of a block of text whose first line begins with more spaces; else nothing."""
    indent = _indent(document.line(number))
    for before in range(number - 1, 0, -1):
        line = document.line(before)
        if line.strip() and _indent(line) < indent:
            header = _BLOCK.fullmatch(line)
            if not header or _indent(document.line(before + 1)) <= indent:
                return ""
            style = f"{header[2]}{indent - len(header[1])}{header[3]}"
            return f"The text above begins with spaces: write {style} in place of {header[2]}{header[3]}."
    return ""


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


class _Composer:
    """Builds nodes from the parser's events, so that a bomb is refused before it is held in memory."""

    def __init__(self, document: Document, events: Iterator[yaml.Event]) -> None:
        self._document = document
        self._events = events

    def root(self) -> Node:
        node: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent) and node is not None:
                self._refuse(event, "a second document begins here", "Keep one document a file.")
            if isinstance(event, yaml.NodeEvent):
                node = self._node(event, 0)
        if node is None or node.kind != "mapping":
            # An empty file has a start nevertheless, for an editor to go to.
            begin = node or Node("nothing", 1, 1)
            self._document.report(begin, "the file should be a mapping of keys to values")
            raise RecipeError(self._document.problems)
        return node

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > MAXIMUM_DEPTH:
            self._refuse(event, f"values are nested more than {MAXIMUM_DEPTH} deep", "Nest them less.")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            self._refuse(event, "anchors and aliases are not allowed", "Write the value out.")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._refuse(event, f"the tag {quoted(tag)} is not allowed", "Write the value without a tag.")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _sequence(self, start: yaml.Event, depth: int) -> Node:
        items = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, depth + 1))
        line, column, length = _span(start)
        return Node("list", line, column, length, items=tuple(items))

    def _mapping(self, start: yaml.Event, depth: int) -> Node:
        pairs: list[tuple[Node, Node]] = []
        seen: dict[str, int] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            self._check_key(key, seen)
            pairs.append((key, value))
        line, column, length = _span(start)
        return Node("mapping", line, column, length, pairs=tuple(pairs))

    def _check_key(self, key: Node, seen: dict[str, int]) -> None:
        if key.kind in ("list", "mapping", "nothing"):
            self._document.report(key, "a key should be a word")
        elif key.text in seen:
            message = f"the key {quoted(key.text)} is given twice, first on line {seen[key.text]}"
            self._document.report(key, message, "Keep one of them.")
        seen.setdefault(key.text, key.line)

    def _refuse(self, event: yaml.Event, message: str, remedy: str = "") -> NoReturn:
        line, column, _ = _span(event)
        self._document.refuse(message, remedy, line=line, column=column)


def _scalar(event: yaml.ScalarEvent) -> Node:
    kind: Kind = "text"
    if event.implicit[0]:
        kind = next((name for name, form in _PLAIN if form.fullmatch(event.value)), "text")
    return Node(kind, *_span(event), text=event.value)


def _span(event: yaml.Event) -> tuple[int, int, int]:
    """Return line and column, from 1, and the length of the part on that line."""
    start, end = event.start_mark, event.end_mark
    if start is None or end is None:
        return 1, 1, 1
    return start.line + 1, start.column + 1, max(1, end.column - start.column) if start.line == end.line else 1
