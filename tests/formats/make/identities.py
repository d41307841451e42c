"""The recipes of the day, their plans and other digests; and one envelope of every kind that is signed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.formats import kept
from tests.formats.make.packing import packed
from tests.formats.reading import identities

if TYPE_CHECKING:
    from tests.formats.make.__main__ import Output

RECIPES = Path(__file__).parents[3] / "recipes"


def make(out: Output, folder: Path) -> None:
    """Write `recipes.tar.gz`, `plans.json.gz`, `recipes.json`; and `signed/` with `signed.json`. Documents come first."""
    out.write("recipes.tar.gz", packed({"": RECIPES}))
    files = kept.files_of(kept.unpacked("recipes.tar.gz", folder))
    found = identities.plans(files)
    text = json.dumps({name: json.loads(plan) for name, plan in found.items()}, indent=1, sort_keys=True)
    out.write("plans.json.gz", gzip.compress(text.encode(), mtime=0))
    digests = identities.recipe_identities(files) | {"sboms": identities.sbom_of_every_recipe(files)}
    out.write("recipes.json", json.dumps(digests, indent=1, sort_keys=True) + "\n")
    said: dict[str, Any] = {}
    for name, envelope in identities.statements(kept.document).items():
        out.write(f"signed/{name}.json", envelope)
        said[name] = {
            "says": identities.opened(name, envelope, kept.document),
            "statement": identities.payload(envelope),
        }
    out.write("signed.json", json.dumps(said, indent=1, sort_keys=True) + "\n")
