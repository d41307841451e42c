"""The contents of a recipe, by digest: the text, and the files beside it that it names. Their digest is the recipe's.

Published as a blob under that digest, the contents lead from the recipe that a release names to all of its files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.errors import FarmError


class InvalidContentsError(FarmError):
    """Bytes are not the contents of a recipe."""

    code = "invalid-recipe-contents"


@dataclass(frozen=True, slots=True)
class RecipeContents(Form, record="list of the files of a recipe"):
    """The digest of `recipe.yaml`, and those of the files beside it that the recipe names, by name."""

    recipe: Digest
    files: Mapping[str, Digest]

    @property
    def digest(self) -> Digest:
        """The digest of the recipe."""
        return Digest.of(self.to_json())

    @classmethod
    def from_json(cls, content: bytes) -> RecipeContents:
        """Read canonical JSON; raises `InvalidContentsError`."""
        return cls.read_json(content, InvalidContentsError, canonical=True)
