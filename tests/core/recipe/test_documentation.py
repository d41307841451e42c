"""`docs/recipes.md` knows every key, step and argument; `docs/curate.md` every key of a channel and every gate."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import get_args

from farm.core.policy.channel_reading import KEYS as CHANNEL_KEYS
from farm.core.policy.gates.gate import Gate
from farm.core.policy.gates.registry import GATES
from farm.core.recipe.declared_sources import KEYS
from farm.core.recipe.recipe_tests import KEYS as TEST_KEYS
from farm.core.recipe.steps import StepLibrary

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "recipes.md").read_text()


def test_every_key_of_a_recipe_is_documented() -> None:
    assert [key for key in KEYS if f"\n| `{key}` |" not in TEXT] == []


def test_every_key_of_a_test_is_documented() -> None:
    table = TEXT[TEXT.index("\n## Tests") :]
    assert [key for key in TEST_KEYS if f"`{key}`" not in table] == []


def test_every_step_and_its_arguments_are_documented() -> None:
    library = StepLibrary.from_files(
        {f"steps/{path.name}": path.read_bytes() for path in (ROOT / "recipes/steps").iterdir()}
    )
    rows = {line.split("|")[1].strip(): line for line in TEXT.splitlines() if line.startswith("| `")}
    for name in library.nameable:
        arguments = library.definitions[name].arguments
        assert [argument.name for argument in arguments if f"`{argument.name}`" not in rows[f"`{name}`"]] == []
    assert all(f"`{definition.name}`" in TEXT for definition in library.definitions.values())


def test_every_key_of_a_channel_and_every_gate_is_documented() -> None:
    text = (ROOT / "docs" / "curate.md").read_text()
    assert [key for key in CHANNEL_KEYS if f"\n| `{key}` |" not in text] == []
    assert [gate for gate in GATES if f"\n| `{gate}` |" not in text] == []
    settings = {field.name for gate in get_args(Gate) for field in fields(gate)} - {"duration", "offered"}
    assert {name for name in settings | {"kernel", "features", "capabilities"} if f"`{name}`" not in text} == set()
