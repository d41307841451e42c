"""The contents of a recipe, by digest: the text, and the files beside it that it names. Their digest is the recipe's.

Published as a blob under that digest, the contents lead from the recipe that a release names to all of its files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping


class InvalidContentsError(FarmError):
    """Bytes are not the contents of a recipe."""

    code = "invalid-recipe-contents"


@dataclass(frozen=True, slots=True)
class RecipeContents:
    """The digest of `recipe.yaml`, and those of the files beside it that the recipe names, by name."""

    recipe: Digest
    files: Mapping[str, Digest]

    def to_json(self) -> bytes:
        """Return the canonical JSON."""
        return canonical_json({"files": dict(self.files), "recipe": self.recipe})

    @property
    def digest(self) -> Digest:
        """The digest of the recipe."""
        return Digest.of(self.to_json())

    @classmethod
    def from_json(cls, content: bytes) -> RecipeContents:
        """Read canonical JSON; raises `InvalidContentsError`."""
        try:
            form = json.loads(content)
            contents = cls(Digest(form["recipe"]), {name: Digest(digest) for name, digest in form["files"].items()})
        except (FarmError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidContentsError(f"this does not say what a recipe consists of: {error!r:.200}") from error
        if contents.to_json() != content:
            raise InvalidContentsError("what a recipe consists of is not in canonical form")
        return contents
