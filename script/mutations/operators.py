"""The places of a module where a small change of its syntax makes another program. Pure."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BOUNDARIES = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">")}
_COMPARISONS = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
}
_NOTHING = {
    "None": "return",
    "Iterator": "return",
    "bool": "return False",
    "int": "return 0",
    "str": 'return ""',
    "tuple": "return ()",
    "list": "return []",
    "dict": "return {}",
    "Mapping": "return {}",
    "set": "return set()",
    "frozenset": "return frozenset()",
}
"""How a function with this return type returns "nothing found". A function without such a value is not left early."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LOG = "_LOG"


@dataclass(frozen=True, slots=True)
class Site:
    """One change: the text from `start` to `end` (characters) becomes `new`. `function` is where, by its full name."""

    operator: str
    function: str
    line: str
    start: int
    end: int
    new: str


def sites(source: str) -> list[Site]:
    """Return all changes of a module, in the order of their places.

    Left alone is what decides nothing (annotations, decorators, code for type checkers, texts, the log), and what
    creates an object, without which nothing could go on.
    """
    return sorted(_Finder(source).found(), key=lambda site: (site.start, site.end, site.operator, site.new))


class _Finder:
    def __init__(self, source: str) -> None:
        self._source = source
        lines = source.splitlines(keepends=True)
        self._lines = lines
        self._starts = [sum(map(len, lines[:number])) for number in range(len(lines))]

    def found(self) -> Iterator[Site]:
        yield from self._visit(ast.parse(self._source), ())

    def _visit(self, node: ast.AST, inside: tuple[str, ...]) -> Iterator[Site]:
        if isinstance(node, ast.JoinedStr) or _only_crashes(node) or _is_for_types(node):
            return
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            inside = (*inside, node.name)
        for operator, start, end, new in self._changes(node):
            line = self._lines[self._source.count("\n", 0, start)].strip()
            yield Site(operator, ".".join(inside) or "<module>", line, start, end, new)
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self._visit(child, inside)

    def _changes(self, node: ast.AST) -> Iterator[tuple[str, int, int, str]]:
        if isinstance(node, ast.expr):
            yield from self._in_expression(node)
        if isinstance(node, ast.stmt) and _can_be_missing(node):
            yield ("removal", *self._place(node), "pass")
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            start, end = self._place(node.test)
            yield "negation", start, end, f"not ({self._source[start:end]})"
        if isinstance(node, _FUNCTIONS) and (nothing := _nothing(node)):
            for statement in _body(node)[1:]:
                start, end = self._place(statement)
                if self._source[start:end] != nothing:
                    yield "early return", start, start, f"{nothing}\n{' ' * statement.col_offset}"

    def _in_expression(self, node: ast.expr) -> Iterator[tuple[str, int, int, str]]:
        match node:
            case ast.Compare(left=left, ops=[operator, *_], comparators=[right, *_]):
                for kind, words in (("boundary", _BOUNDARIES), ("comparison", _COMPARISONS)):
                    if pair := words.get(type(operator)):
                        yield (kind, *self._between(left, right, *pair))
            case ast.BoolOp(op=operator, values=values):
                old, new = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                yield ("connective", *self._between(values[0], values[1], old, new))
            case ast.Constant(value=int() as number) if not isinstance(number, bool):
                yield ("constant", *self._place(node), str(number + 1))
                yield ("constant", *self._place(node), str(number - 1))

    def _between(self, left: ast.expr, right: ast.expr, old: str, new: str) -> tuple[int, int, str]:
        """Return the place of the operator `old` between two operands, and what replaces it."""
        start, end = self._place(left)[1], self._place(right)[0]
        found = re.search(rf"\b{old}\b" if old[0].isalpha() else re.escape(old), self._source[start:end])
        if found is None:
            raise ValueError(f"there is no {old!r} in {self._source[start:end]!r}")
        return start + found.start(), start + found.end(), new

    def _place(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where a node begins and ends, in characters: the parser counts bytes."""
        assert node.end_lineno is not None  # noqa: S101  what a parser has made has ends
        assert node.end_col_offset is not None  # noqa: S101
        return self._character(node.lineno, node.col_offset), self._character(node.end_lineno, node.end_col_offset)

    def _character(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())


def _body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """Return the statements of a function without its docstring."""
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


def _can_be_missing(statement: ast.stmt) -> bool:
    """Return whether a program without this statement could run: no name is undefined then."""
    match statement:
        case ast.Raise() | ast.AugAssign() | ast.Delete() | ast.Continue() | ast.Break():
            return True
        case ast.Expr(value=ast.Call(func=function)):
            return not ast.unparse(function).startswith(_LOG)
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            return True
    return False


def _nothing(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    if function.returns is None:
        return ""
    returned = ast.unparse(function.returns)
    return "return None" if returned.endswith("| None") else _NOTHING.get(returned.partition("[")[0], "")


def _only_crashes(node: ast.AST) -> bool:
    """Return whether this creates an object: what it leaves out fails at the first use of the object."""
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
