"""The sources and the toolchain that a recipe declares, read without the steps: of any recipe, also another farm's.

The digest of a recipe is derived from them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.files import values
from farm.core.files.fields import Fields
from farm.core.names.digest import Digest
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.sources import read_sources
from farm.core.recipe.template import read_templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.recipe.recipe import CarriedSource, Source

RECIPE_FILE = "recipe.yaml"
PLAIN_FILE_NAME = r"[A-Za-z0-9+_~][A-Za-z0-9+_~.-]{0,127}"
"""What a file of a recipe's directory can be called: it leads out of no directory."""
KEYS = (
    "name",
    "version",
    "revision",
    "summary",
    "license",
    "home",
    "source",
    "source-epoch",
    "toolchain",
    "build-needs",
    "requires",
    "shadows",
    "environment",
    "steps",
    "outputs",
    "links",
    "replaces",
    "plugins",
    "sensitive-files",
    "host",
    "limits",
    "hardening",
    "tests",
    "test-needs",
    "lint",
)
REQUIRED = ("name", "version", "summary", "license", "toolchain", "steps")


def recipe_file(directory: str) -> str:
    """Return the path of the recipe in `packages/<directory>` of a tree."""
    return f"packages/{directory}/{RECIPE_FILE}"


@dataclass(frozen=True, slots=True)
class DeclaredSources:
    """The sources of a recipe, the name of its toolchain, and the sources that it only carries."""

    sources: tuple[Source, ...]
    toolchain: str
    carried: tuple[CarriedSource, ...] = ()


def read_declared_sources(text: bytes, beside: Mapping[str, bytes], *, file: str) -> DeclaredSources:
    """Read the sources; `beside` are the files next to the recipe by name. Raises `RecipeError`, naming `file`."""
    fields = Fields.of_file(text, file, "a recipe", known=KEYS, required=REQUIRED)
    sources, carried = read_sources(fields, read_templates(fields), beside)
    return fields.document.finished(DeclaredSources(sources, fields.parsed("toolchain", values.word) or "", carried))


def read_declared_toolchain(text: bytes, *, file: str) -> str:
    """Read the name of the toolchain alone, without the files beside the recipe. Raises `RecipeError`."""
    fields = Fields.of_file(text, file, "a recipe", known=KEYS, required=REQUIRED)
    return fields.document.finished(fields.parsed("toolchain", values.word) or "")


def digest_of_files(files: Mapping[str, bytes], *, file: str) -> Digest:
    """Return the digest of the recipe in a directory's files. Raises `RecipeError`, naming `file`."""
    text = files.get(RECIPE_FILE, b"")
    beside = {name: content for name, content in files.items() if name != RECIPE_FILE}
    return recipe_digest(text, read_declared_sources(text, beside, file=file).sources, beside)


def recipe_digest(text: bytes, sources: tuple[Source, ...], beside: Mapping[str, bytes]) -> Digest:
    """Return the digest of a recipe: of its text, and of the files beside it that it names."""
    return contents_of(text, sources, beside).digest


def contents_of(text: bytes, sources: tuple[Source, ...], beside: Mapping[str, bytes]) -> RecipeContents:
    """Return the contents of a recipe: its text, and the files beside it that it names."""
    local = [source.file for source in sources if not source.url and not source.debian_package]
    named = {file: Digest.of(beside[file]) for file in local if file in beside}
    return RecipeContents(Digest.of(text), named)
