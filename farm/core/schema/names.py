"""The names of the schemas, and of their files. Completion of the command needs them quickly: nothing is imported."""

from __future__ import annotations

RECIPE = "recipe"
NAMES = (
    "channel",
    "curators",
    "distribution",
    "distributions",
    "image",
    "policy",
    RECIPE,
    "steps",
    "toolchain",
)


def file_name(kind: str) -> str:
    """Return the name of the file of a schema: `recipe.schema.json`."""
    return f"{kind}.schema.json"
