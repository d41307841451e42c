"""The old spelling `licence` is still read, with a warning, and changes nothing that is signed or built."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from farm.core.plan.pin import pin
from farm.core.policy.tree import RecipeTree, load_tree

ROOT = Path(__file__).parents[3] / "recipes"
RECIPE, POLICY = "packages/zlib/recipe.yaml", "channels/stable.yaml"


def _tree(*replacing: tuple[str, bytes, bytes]) -> RecipeTree:
    files = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in ROOT.rglob("*") if path.is_file()}
    for path, new, old in replacing:
        assert new in files[path]
        files[path] = files[path].replace(new, old)
    return load_tree(files)


@pytest.fixture(scope="module")
def tree() -> RecipeTree:
    return _tree()


@pytest.fixture(scope="module")
def before() -> RecipeTree:
    return _tree((RECIPE, b"- license:", b"- licence:"), (POLICY, b"- licenses:", b"- licences:"))


def _plan_digest(tree: RecipeTree) -> Digest:
    return pin(
        tree.recipes["zlib"],
        distribution="dist.example.org",
        platform=Platform.parse("linux/amd64"),
        toolchain=Digest.of(b"toolchain"),
        toolchain_debs={},
        dependencies=(),
    ).digest


def test_a_recipe_with_either_spelling_has_the_same_plan(tree: RecipeTree, before: RecipeTree) -> None:
    assert tree.recipes["zlib"].steps == before.recipes["zlib"].steps
    assert "licence" in {step.name for step in tree.recipes["zlib"].steps}
    assert "license" in {step.title for step in tree.recipes["zlib"].steps}
    assert _plan_digest(tree) == _plan_digest(before)


def test_a_policy_with_either_spelling_is_the_same(tree: RecipeTree, before: RecipeTree) -> None:
    assert tree.channels == before.channels
    assert {"allow": [], "deny": ["AGPL-3.0-only"], "gate": "licences"} in tree.channels["stable"].to_dict()["gates"]


def test_the_old_spelling_is_warned_of(tree: RecipeTree, before: RecipeTree) -> None:
    assert tree.warnings == ()
    step, gate = before.warnings
    assert (step.place.file, step.message, step.excerpt) == (
        RECIPE,
        "the step licence is called license now",
        "  - licence: {files: [LICENSE]}",
    )
    assert (gate.place.file, gate.message) == (POLICY, "the gate licences is called licenses now")
    assert step.remedy == "Write license; the next release reads no other."
