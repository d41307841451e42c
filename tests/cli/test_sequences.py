"""The functions that docs/architecture.md names for the verbs: each exists, and its verb calls it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from farm.cli.main import farm

if TYPE_CHECKING:
    from types import FunctionType

_PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
_ROW = re.compile(r"^\| `farm ([a-z -]+)` \| `([a-z_.]+):([a-z_]+)` \|$", re.MULTILINE)
_FUNCTION = re.compile(r"^\| [^|]+ \| `([a-z_.]+):([A-Za-z_.]+)` \|$", re.MULTILINE)
SEQUENCES = {verb: (module, name) for verb, module, name in _ROW.findall(_PAGE.read_text())}


def verb_function(words: str) -> FunctionType:
    """Return the function that Click calls for a verb, such as `image build`."""
    command: click.Command = farm
    with click.Context(farm) as context:
        for word in words.split():
            assert isinstance(command, click.Group)
            found = command.get_command(context, word)
            assert found is not None, f"there is no verb {words}"
            command = found
    return inspect.unwrap(command.callback)  # type: ignore[arg-type, return-value]


def test_the_page_names_twenty_seven_sequences_each_a_function_that_is_there() -> None:
    assert {"subscribe", "install", "run", "image build", "image update", "audit"} <= SEQUENCES.keys()
    named = _FUNCTION.findall(_PAGE.read_text())
    assert len(named) == 27
    for module, name in named:
        function = attrgetter(name)(importlib.import_module(module))
        assert inspect.isfunction(function), f"{module}:{name}"
        assert function.__module__ == module  # it is defined there, not imported


@pytest.mark.parametrize("verb", SEQUENCES)
def test_a_verb_calls_the_function_that_the_page_names_and_calls_it_once(verb: str) -> None:
    module, name = SEQUENCES[verb]
    function = getattr(importlib.import_module(module), name)
    assert function.__module__ == module  # it is defined there, not imported
    tree = ast.parse(inspect.getsource(inspect.getmodule(verb_function(verb))))  # type: ignore[arg-type]
    imported = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module and name in [alias.name for alias in node.names]
    ]
    assert len(imported) == 1, f"farm {verb} imports {module}:{name} {len(imported)} times"
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == name]
    assert len(calls) == 1, f"farm {verb} calls {name} {len(calls)} times"
