"""What a recipe consists of: its digest is the recipe's, and only its own form is read."""

from __future__ import annotations

import pytest

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.core.recipe.contents import InvalidContentsError, RecipeContents
from farm.core.recipe.load import load_recipe
from farm.core.recipe.steps import StepLibrary

TEXT = b"""\
name: a
version: "1.0"
summary: A
license: MIT
toolchain: c
source: {file: fix.patch}
steps:
  - run: make
"""


def test_its_digest_is_the_recipes_and_covers_only_what_is_named() -> None:
    beside = {"fix.patch": b"--- a\n", "notes.txt": b"not named"}
    recipe = load_recipe(TEXT, file="packages/a/recipe.yaml", steps=StepLibrary({}), patches=beside)
    contents = RecipeContents(Digest.of(TEXT), {"fix.patch": Digest.of(b"--- a\n")})
    assert contents.digest == recipe.digest
    assert RecipeContents.from_json(contents.to_json()) == contents


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"recipe":1}',
        canonical_json({"files": {}, "recipe": "sha256:no"}),
        canonical_json({"files": {}, "recipe": Digest.of(b"x"), "more": 1}),
        canonical_json({"files": {"a": 1}, "recipe": Digest.of(b"x")}),
        canonical_json({"files": {}, "recipe": Digest.of(b"x")}) + b"\n",
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidContentsError):
        RecipeContents.from_json(content)
