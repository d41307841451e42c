"""Enters one more file in `source` of a recipe's text: comments, layout and line ends stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator


def with_source_file(text: bytes, file: str) -> bytes:
    """Return a recipe's text with the file beside it called `file` as the last of its sources.

    `text` is a valid recipe, and `file` needs no quotes in YAML. A single source becomes the first of a list. Raises
    the error `no-sources`.
    """
    decoded = text.decode()
    source = _source_of(yaml.compose(decoded, Loader=yaml.SafeLoader))
    if source.flow_style:
        return _in_flow(decoded, source, file).encode()
    return _in_block(decoded, source, file).encode()


def _source_of(root: yaml.Node | None) -> yaml.CollectionNode:
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "source" and isinstance(value, yaml.CollectionNode) and value.value:
            return value
    raise FarmError("the recipe has no source to patch", remedy="Name its source first.", code="no-sources")


def _in_flow(text: str, source: yaml.CollectionNode, file: str) -> str:
    start, end = source.start_mark.index, source.end_mark.index
    inner = text[start:end]
    if isinstance(source, yaml.SequenceNode):
        last = source.value[-1].end_mark.index
        return f"{text[:last]}, {{file: {file}}}{text[last:]}"
    return f"{text[:start]}[{inner}, {{file: {file}}}]{text[end:]}"


def _in_block(text: str, source: yaml.CollectionNode, file: str) -> str:
    lines = text.splitlines(keepends=True)
    line_end = "\r\n" if lines[0].endswith("\r\n") else "\n"
    first, column = source.start_mark.line, source.start_mark.column
    last = max(_last_line(leaf) for leaf in _leaves(source))
    if not lines[last].endswith("\n"):
        lines[last] += line_end
    if isinstance(source, yaml.MappingNode):
        lines[first] = f"{lines[first][:column]}- {lines[first][column:]}"
        for number in range(first + 1, last + 1):
            lines[number] = f"  {lines[number]}" if lines[number].strip() else lines[number]
    lines.insert(last + 1, f"{' ' * column}- file: {file}{line_end}")
    return "".join(lines)


def _leaves(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        for key, value in node.value:
            yield key
            yield from _leaves(value)
    elif isinstance(node, yaml.SequenceNode) and not node.flow_style:
        for value in node.value:
            yield from _leaves(value)
    else:
        yield node


def _last_line(leaf: yaml.Node) -> int:
    """Return the line, from 0, on which a value ends. A block of text ends where the next line begins."""
    end = leaf.end_mark
    return end.line - 1 if end.column == 0 and end.line > leaf.start_mark.line else end.line
