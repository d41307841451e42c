"""The channel of the walks: jq and its dependencies, built from this repository's recipes, and a later fix.

Builds are those of `farm build` on this machine, and stay in its own state, for the next time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from farm.build.local.builds import LocalBuilds
from farm.build.local_state import LocalState
from farm.build.recipe_directory import read_recipe_directory
from farm.cli.settings import Settings
from farm.core.names.platform import Platform
from farm.core.policy.tree import load_tree
from farm.trust.keys.key_files import load_or_create_key
from tests.client.distribution import SmallDistribution
from tests.foreign.neighbours import announce, review

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "recipes"
FIX = Path(__file__).parent / "fix" / "no-digits-after-nan.patch"
_RECIPES = ("glibc", "gcc-libs", "oniguruma", "jq")
ADVISORY = {
    "schema_version": "1.7.0",
    "id": "EXAMPLE-2026-1",
    "modified": "2026-01-02T00:00:00Z",
    "published": "2026-01-02T00:00:00Z",
    "aliases": ["CVE-2024-53427"],
    "summary": "NaN with digits after it overflows the stack",
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],
    "affected": [
        {
            "package": {"ecosystem": "dist.example.org", "name": "jq"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.7.1-2"}]}],
        }
    ],
}


class RealChannel:
    """`dist.example.org/stable`: its first release is made here, its second by `release_the_fix`."""

    def __init__(self, folder: Path) -> None:
        settings = Settings.from_environment()
        self._state = LocalState(settings.state, settings.host)
        self.distribution = SmallDistribution(folder, builder=load_or_create_key(self._state.key), channel="stable")
        self._add(read_recipe_directory(RECIPES), *_RECIPES)
        self.distribution.publish()

    def release_the_fix(self) -> None:
        """Publish a jq with one more patch as release 2, and the advisory that it fixes."""
        self._add(with_the_fix(read_recipe_directory(RECIPES)), "jq")
        self.distribution.publish()
        announce(self.distribution, json.dumps(ADVISORY).encode())
        review(self.distribution, *_RECIPES)

    def _add(self, files: Mapping[str, bytes], *recipes: str) -> None:
        tree = load_tree(files)
        builds = LocalBuilds(tree, files, self._state, platform=Platform("linux", "amd64"), kept_bytes=0)
        for name in recipes:
            for package in builds.build([name]):
                outcome = self._state.outcome(package.descriptor.plan)
                assert outcome is not None
                self.distribution.add(package, outcome.provenance, tree.recipes[name], self._state.store)


def with_the_fix(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the tree of recipes with a second revision of jq."""
    text = files["packages/jq/recipe.yaml"].decode()
    for old, new in (
        ("version: 1.7.1\n", "version: 1.7.1\nrevision: 2\n"),
        ("source:\n  url:", "source:\n  - url:"),
        ("  sha256:", "    sha256:"),
        ("  origins: [debian: jq]\n", f"    origins: [debian: jq]\n  - file: {FIX.name}\n"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return {**files, "packages/jq/recipe.yaml": text.encode(), f"packages/jq/{FIX.name}": FIX.read_bytes()}
