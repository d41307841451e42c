"""The files of recipes that a farm sends, which clients write into a directory."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from farm.api.submission_wire import RecipeFilesWire
from farm.core.names.digest import Digest


def answer(file: str) -> RecipeFilesWire:
    return RecipeFilesWire.model_validate({"name": "jq", "recipe": Digest.of(b"jq"), "files": {file: "eA=="}})


@pytest.mark.parametrize("file", ["recipe.yaml", "fix-1.patch", "jq.c", "~local", "+x"])
def test_a_file_of_a_directory_is_taken(file: str) -> None:
    assert list(answer(file).files) == [file]


@pytest.mark.parametrize(
    "file", ["/root/.bashrc", "../jq/recipe.yaml", "..", ".", ".git", "a/b", "a\n", "a\0", "", "x" * 129]
)
def test_no_farm_can_name_a_file_elsewhere(file: str) -> None:
    with pytest.raises(ValidationError):
        answer(file)
