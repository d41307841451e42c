"""Where a source stands in the text of its recipe, for problems that are found only when it is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files.document import parse
from farm.core.files.problems import Problem, RecipeError
from farm.errors import Place

if TYPE_CHECKING:
    from farm.core.files.document import Node


def source_problem(text: bytes, file: str, number: int, message: str, remedy: str) -> Problem:
    """Return a problem with one of the `sources` of a valid recipe, by its number from 0.

    Its place is that of `sha256`, else of `file`. `text` is the recipe's, `file` its path.
    """
    try:
        document, root = parse(text, file)
    except RecipeError:  # another text than the recipe was read from
        return Problem(Place(file), message, remedy)
    document.report(_node(root, number), message, remedy)
    return document.problems[-1]


def _node(root: Node, number: int) -> Node | None:
    whole = _member(root, "source")
    if whole is None:
        return None
    items = whole.items if whole.kind == "list" else (whole,)
    built_from = [item for item in items if _member(item, "source-of") is None]
    if number >= len(built_from):
        return whole
    item = built_from[number]
    return _member(item, "sha256") or _member(item, "file") or item


def _member(node: Node, name: str) -> Node | None:
    return next((value for key, value in node.pairs if key.text == name), None)
