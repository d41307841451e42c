from __future__ import annotations

import functools
import time
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from farm.core.files.document import MAXIMUM_BYTES, MAXIMUM_PROBLEMS, Node, parse
from farm.core.files.problems import RecipeError
from tests.core.recipe.examples import load


def read(text: bytes) -> Node:
    document, root = parse(text, "f")
    document.finish()
    return root


def value(text: str) -> Node:
    _, root = parse(f"key: {text}\n".encode(), "f")
    return root.pairs[0][1]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("no", "text"),
        ("on", "text"),
        ("1.7.1", "text"),
        ("1.10", "number"),
        ("0o17", "text"),
        ("12:30", "text"),
        ("2024-01-01", "text"),
        ("17", "integer"),
        ("'17'", "text"),
        ("true", "boolean"),
        ("~", "nothing"),
        ("", "nothing"),
        ("[a]", "list"),
        ("{a: b}", "mapping"),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, kind: str) -> None:
    assert value(text).kind == kind


def test_a_node_knows_where_it_stands() -> None:
    node = value("[x, yy]").items[1]

    assert (node.line, node.column, node.length) == (1, 10, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"x" * (MAXIMUM_BYTES + 1), "1048577 bytes"),
        (b"a: \xff\n", "not UTF-8"),
        (b"a: &x 1\n", "anchors"),
        (b"a: *x\n", "anchors"),
        (b"a: !!binary aGk=\n", "tag"),
        (b"a: ! b\n", "tag"),
        (b"a: b\n---\nc: d\n", "second document"),
        (b"? [a]\n: b\n", "should be a word"),
        (b"a: b\na: c\n", "given twice"),
        (b"'a': b\na: c\n", "given twice"),
        (b"a: \x00\n", "not YAML"),
        (b"[" * MAXIMUM_BYTES, "nest"),
        (b"a: " + b"{b: " * 100_000, "nested"),
    ],
)
def test_hostile_text_is_refused_in_the_time_of_a_large_document(text: bytes, words: str) -> None:
    began = time.process_time()
    with pytest.raises(RecipeError, match=words):
        read(text)
    assert time.process_time() - began < _seconds_for_a_large_document()


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("prints: |\n    /\\\n  /  \\\n", "write |2 in place of |."),
        ("tests:\n  - name: x\n    prints: |-\n        a\n\n      b\n", "write |2- in place of |-."),
        ("steps:\n  - run: >\n         a\n      b\n", "write >2 in place of >."),
        ("a: [b\nc: d\n", ""),
        ("a:\n   b: c\n  d: e\n", ""),
    ],
)
def test_text_that_begins_with_more_spaces_says_how_it_is_written(text: str, remedy: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read(text.encode())
    assert caught.value.problems[0].message.startswith("not YAML")
    assert caught.value.problems[0].remedy.partition(": ")[2] == remedy


@functools.cache
def _seconds_for_a_large_document() -> float:
    began = time.process_time()
    read(b"".join(b"key%d: [a, b, {c: d}]\n" % number for number in range(MAXIMUM_BYTES // 40)))
    return time.process_time() - began


def test_ten_thousands_of_mistakes_are_not_all_explained() -> None:
    few, many = (_seconds_for_mistakes(number) for number in (6_000, 60_000))
    assert many < 30 * few  # ten times as long, and not a hundred times


def _seconds_for_mistakes(count: int) -> float:
    text = "".join(f"key{number}: x\n" for number in range(count)).encode()
    began = time.process_time()
    with pytest.raises(RecipeError) as caught:
        load(text)
    assert len(caught.value.problems) == MAXIMUM_PROBLEMS
    return time.process_time() - began


@given(st.binary(max_size=200) | st.text(alphabet="ab:-{}[]&*!#|>'\"\n\t ?,%@", max_size=60).map(str.encode))
@example(b"? ")
@example(b"a: |\n  \xc2\x85")
def test_any_bytes_are_read_or_refused_and_nothing_else_happens(text: bytes) -> None:
    with suppress(RecipeError):
        read(text)
