"""Submitted recipes: their files as blobs, read again with the current step library."""

from __future__ import annotations

import base64
import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from farm.core.names.canonical_json import canonical_json
from farm.core.recipe.declared_sources import PLAIN_FILE_NAME, RECIPE_FILE, recipe_file
from farm.core.recipe.load import load_recipe
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.names.digest import Digest
    from farm.core.recipe.recipe import Recipe
    from farm.core.recipe.steps import StepLibrary
    from farm.server.tables.records import RecipeRevision
    from farm.store.blobs import BlobStore

_REMEMBERED = 4096
_FILE_NAME = re.compile(PLAIN_FILE_NAME)


class RecipeStorage:
    """Recipes by the blob of their files; each is read once."""

    def __init__(self, blobs: BlobStore, steps: StepLibrary) -> None:
        self._blobs = blobs
        self._steps = steps
        self._read = lru_cache(_REMEMBERED)(self._read_kept)

    def keep(self, files: Mapping[str, bytes]) -> Digest:
        """Store the files of one recipe, each local source also as a blob of its own, and return their digest."""
        for content in files.values():
            self._blobs.put_bytes(content)
        encoded = {name: base64.b64encode(content).decode("ascii") for name, content in files.items()}
        return self._blobs.put_bytes(canonical_json(encoded))

    def files(self, digest: Digest) -> dict[str, bytes]:
        """Return the files of a stored recipe."""
        encoded = json.loads(self._blobs.read(digest))
        return {name: base64.b64decode(content) for name, content in encoded.items()}

    def recipe(self, revision: RecipeRevision) -> Recipe:
        """Return the recipe of a revision. Raises `RecipeError` if the present step library cannot read it."""
        return self._read(revision.files, revision.name)

    def read(self, files: Mapping[str, bytes], *, file: str) -> Recipe:
        """Read a recipe from the files of its directory. Raises `RecipeError`, `FarmError` (`submitted-files`)."""
        for name in files:
            if not _FILE_NAME.fullmatch(name):
                raise FarmError(
                    f"{name[:100]!r} cannot be the name of a file beside a recipe",
                    remedy="A recipe is one directory without directories in it; use plain file names.",
                    code="submitted-files",
                )
        text = files.get(RECIPE_FILE)
        if text is None:
            raise FarmError(
                f"there is no {RECIPE_FILE} among the files", remedy=f"Add a {RECIPE_FILE}.", code="submitted-files"
            )
        beside = {name: content for name, content in files.items() if name != RECIPE_FILE}
        return load_recipe(text, file=file, steps=self._steps, patches=beside)

    def _read_kept(self, files: Digest, name: str) -> Recipe:
        return self.read(self.files(files), file=recipe_file(name))
