"""The schemas accept what the readers accept, and refuse unknown keys and wrong types where the readers do."""

from __future__ import annotations

import copy
import re
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from farm.build.recipe_directory import read_recipe_directory
from farm.core.files.document import parse
from farm.core.files.problems import RecipeError
from farm.core.policy.tree import RecipeTree, load_tree, recipe_directories
from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.core.recipe.load import load_recipe
from farm.core.schema.names import NAMES, RECIPE, file_name
from farm.core.schema.observation import Observation, merged
from farm.core.schema.recipe_samples import BESIDE, recipe_samples
from farm.core.schema.schemas import KINDS, recipe_schema, schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from farm.core.files.document import Node

ROOT = Path(__file__).parents[3]
Way = tuple[str | int, ...]
UNKNOWN = "zz-unknown"
NOTHING_ACCEPTS: Any = [[[1]]]


@cache
def files() -> dict[str, bytes]:
    return read_recipe_directory(ROOT / "recipes")


@cache
def tree() -> RecipeTree:
    return load_tree(files())


@cache
def schema(kind: str) -> dict[str, Any]:
    return recipe_schema(tree().steps, tree().toolchains) if kind == RECIPE else schema_of(kind)


@cache
def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator(schema(kind))


def reader(kind: str, beside: Mapping[str, bytes] = BESIDE, name: str = "sample") -> Callable[[bytes], Any]:
    if kind == RECIPE:
        read = partial(load_recipe, steps=tree().steps, patches=beside, toolchains=tree().toolchains)
        return partial(read, file="recipe.yaml")
    return partial(KINDS[kind].read, file=f"{name}.yaml")


def samples(kind: str) -> tuple[str, ...]:
    return recipe_samples(tree().steps) if kind == RECIPE else KINDS[kind].samples


SAMPLES = [(kind, number) for kind in NAMES for number in range(len(samples(kind)))]


def value_of(node: Node) -> Any:
    """Return a node as an editor reads it: by the core schema of YAML 1.2."""
    if node.kind == "list":
        return [value_of(item) for item in node.items]
    if node.kind == "mapping":
        return {key.text: value_of(value) for key, value in node.pairs}
    readers: dict[str, Callable[[str], Any]] = {
        "text": str,
        "integer": int,
        "number": float,
        "boolean": lambda text: text.lower() == "true",
        "nothing": lambda _: None,
    }
    return readers[node.kind](node.text)


def read_value(text: bytes) -> Any:
    return value_of(parse(text, "sample.yaml")[1])


def accepted(read: Callable[[bytes], Any], text: bytes) -> bool:
    try:
        read(text)
    except RecipeError:
        return False
    return True


def valid(kind: str, text: bytes) -> bool:
    return bool(validator(kind).is_valid(read_value(text)))


def ways(value: Any, way: Way = ()) -> Iterator[Way]:
    """Yield the way to each value in a value, the root first."""
    yield way
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from ways(inner, (*way, key))


def at(value: Any, way: Way) -> Any:
    for key in way:
        value = value[key]
    return value


def changed(value: Any, way: Way, change: Callable[[Any, Any], None]) -> bytes:
    """Return the text of a value after a change of the container at a way; `change` gets it and the last key."""
    root = copy.deepcopy(value)
    change(at(root, way[:-1]), way[-1])
    return text_of(root)


def text_of(value: Any) -> bytes:
    return yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=10_000).encode()


def replaced(value: Any, way: Way, new: Any) -> bytes:
    return changed(value, way, lambda inside, key: inside.__setitem__(key, new))


@pytest.mark.parametrize("kind", NAMES)
def test_it_is_a_schema(kind: str) -> None:
    Draft202012Validator.check_schema(schema(kind))
    assert schema(kind)["$id"] == file_name(kind)
    assert schema(kind)["title"].endswith(" farm") or "farm" in schema(kind)["title"]


def test_every_kind_has_a_name() -> None:
    assert sorted((*KINDS, RECIPE)) == list(NAMES)


@pytest.mark.parametrize(("kind", "number"), SAMPLES)
def test_a_sample_is_accepted_by_both(kind: str, number: int) -> None:
    text = samples(kind)[number].encode()
    assert accepted(reader(kind), text)
    assert list(validator(kind).iter_errors(read_value(text))) == []


@pytest.mark.parametrize("directory", sorted(recipe_directories(files())))
def test_the_shipped_recipes_are_valid(directory: str) -> None:
    text = recipe_directories(files())[directory][RECIPE_FILE]
    assert [error.message for error in validator(RECIPE).iter_errors(read_value(text))] == []


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("channel", r"channels/.*\.yaml"),
        ("steps", r"steps/.*\.yaml"),
        ("toolchain", r"toolchains/.*\.yaml"),
        ("distribution", r"distribution\.yaml"),
    ],
)
def test_the_other_shipped_files_are_valid(kind: str, pattern: str) -> None:
    paths = [path for path in files() if re.fullmatch(pattern, path)]
    assert paths
    for path in paths:
        assert [error.message for error in validator(kind).iter_errors(read_value(files()[path]))] == []


@pytest.mark.parametrize(("kind", "number"), SAMPLES)
def test_an_unknown_key_is_refused_by_both(kind: str, number: int) -> None:
    whole = read_value(samples(kind)[number].encode())
    tried = 0
    for way in ways(whole):
        if not isinstance(at(whole, way), dict):
            continue
        text = changed(whole, (*way, UNKNOWN), lambda inside, key: inside.__setitem__(key, NOTHING_ACCEPTS))
        assert not accepted(reader(kind), text), way
        assert not valid(kind, text), way
        tried += 1
    assert tried


@pytest.mark.parametrize(("kind", "number"), SAMPLES)
def test_a_wrong_type_is_refused_by_both(kind: str, number: int) -> None:
    whole = read_value(samples(kind)[number].encode())
    for way in list(ways(whole))[1:]:
        text = replaced(whole, way, NOTHING_ACCEPTS)
        assert not accepted(reader(kind), text), way
        assert not valid(kind, text), way


@pytest.mark.parametrize("kind", NAMES)
def test_a_required_key_is_required_by_both(kind: str) -> None:
    whole = read_value(samples(kind)[0].encode())
    for key in schema(kind).get("required", ()):
        text = changed(whole, (key,), lambda inside, key: inside.__delitem__(key))
        assert not accepted(reader(kind), text), key
        assert not valid(kind, text), key


_WORDS = st.sampled_from(
    ["", "a", "A b", "1", "1.5", "true", "null", "24h", "/usr/bin/x", "https://example.org/x", "high"]
)
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 3_000_000_000), st.floats(0, 9), _WORDS, st.text(max_size=8)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=2)),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(data=st.data(), sample=st.sampled_from(SAMPLES), new=_VALUES)
def test_no_schema_refuses_what_a_reader_accepts(data: st.DataObject, sample: tuple[str, int], new: Any) -> None:
    kind, number = sample
    whole = read_value(samples(kind)[number].encode())
    text = replaced(whole, data.draw(st.sampled_from(list(ways(whole))[1:])), new)
    if accepted(reader(kind), text):
        assert [error.message for error in validator(kind).iter_errors(read_value(text))] == []


def open_places(part: Any, way: str = "") -> Iterator[str]:
    """Yield the places of a schema that accept anything."""
    if part == {}:
        yield way
    for key, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        if inner != {} or key not in ("properties",):
            yield from open_places(inner, f"{way}/{key}")


@pytest.mark.parametrize("kind", NAMES)
def test_the_samples_show_every_key(kind: str) -> None:
    found = set(open_places(schema(kind)))
    if kind == RECIPE:
        # Only a step `run` has a name; a single source cannot be the source of another.
        form = re.compile(r".*/source/anyOf/\d+/properties/source-of|.*/steps/.*/name")
        found = {place for place in found if not form.fullmatch(place)}
    assert found == set()


def test_what_a_comment_says_is_the_description() -> None:
    text = "# what it\n# is\nname: x\nsummary: y  # not this\n"
    observation = Observation(text)
    KINDS["steps"].read(
        b"run: [{shell: x}]\n" + text.encode(), file="x.yaml", observe=Observation("")
    )  # has no comment
    _, root = parse(text.encode(), "x.yaml")
    observation(root, {"known": ("name", "summary")})
    properties = observation.schema()["properties"]
    assert properties["name"] == {"description": "what it is", "type": "string"}
    assert properties["summary"] == {"type": "string"}


def test_alternatives_stay_apart_only_where_they_must() -> None:
    text, number = {"type": "string"}, {"type": "integer"}
    assert merged([text, number, text]) == {"anyOf": [text, number]}
    assert merged([{"type": "array", "items": text}, {"type": "array", "items": {}}]) == {
        "type": "array",
        "items": text,
    }
    one = {"type": "object", "properties": {"a": text}}
    assert merged([one, {"type": "object", "properties": {"a": number}}]) == {
        "type": "object",
        "properties": {"a": {"anyOf": [text, number]}},
    }
    assert merged([one, {"type": "object", "properties": {"b": text}}])["anyOf"][0] == one
    assert merged([{"description": "x"} | text, text]) == {"description": "x"} | text
    assert merged([]) == {}


def documented(page: str) -> dict[str, str]:
    """Return the keys in the tables of a page, with their texts, without marks."""
    found = {}
    for line in (ROOT / "docs" / page).read_text().splitlines():
        if row := re.match(r"\| `([a-z-]+)` \| (.*) \| (.*) \|$", line):
            found.setdefault(row[1], re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", row[2]).replace("`", "").replace("*", ""))
    return found


@pytest.mark.parametrize(
    ("kind", "page"), [(RECIPE, "recipes.md"), ("channel", "curate.md"), ("policy", "subscribe.md")]
)
def test_a_description_is_how_the_page_of_the_key_begins(kind: str, page: str) -> None:
    texts = documented(page)
    for key, form in schema(kind)["properties"].items():
        assert texts[key].startswith(form["description"]), key
