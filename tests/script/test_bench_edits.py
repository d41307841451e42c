"""An edited leaf is the same software for both builders, and the processor time of its containers is counted."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from farm.build.recipe_directory import read_recipe_directory
from farm.core.lint.checked_tree import load_checked_tree
from farm.core.names.platform import Platform
from script.benchmarks.container_processor import processor_seconds
from script.benchmarks.edited_leaf import LEAVES, PATCH, Leaf
from script.benchmarks.measurement import interleave

if TYPE_CHECKING:
    from farm.core.policy.tree import RecipeTree

RECIPES = Path(__file__).parents[2] / "recipes"
AMD64 = Platform("linux", "amd64")


@pytest.fixture(scope="module")
def tree() -> RecipeTree:
    return load_checked_tree(read_recipe_directory(RECIPES))


@pytest.fixture(params=LEAVES, ids=lambda leaf: leaf.name)
def leaf(request: pytest.FixtureRequest) -> Leaf:
    found: Leaf = request.param
    return found


def archive(directory: Path, leaf: Leaf) -> Path:
    content = f"before\n{leaf.before};\nafter\n".encode()
    with tarfile.open(directory / "source.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo(f"{leaf.name}-1.0/{leaf.file}")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return directory / "source.tar.gz"


def test_a_patch_changes_one_line_to_the_number_of_the_edit(leaf: Leaf, tmp_path: Path) -> None:
    patch = leaf.patch(archive(tmp_path, leaf), 7)
    source = tmp_path / leaf.file
    source.parent.mkdir(exist_ok=True)
    source.write_text(f"before\n{leaf.before};\nafter\n")
    subprocess.run(["patch", "--strip=1"], input=patch, text=True, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert source.read_text() == f"before\n{leaf.line(7)};\nafter\n"
    assert "edit 7" in leaf.line(7)


def test_a_line_that_is_not_there_once_is_refused(leaf: Leaf) -> None:
    for content in ("", leaf.before * 2):
        with pytest.raises(ValueError, match="is not once"):
            leaf.edited(content, 1)


def test_the_farm_builds_the_recipe_of_the_tree_with_the_patch(leaf: Leaf, tree: RecipeTree) -> None:
    path = f"packages/{leaf.name}"
    files = dict(read_recipe_directory(RECIPES))
    text = leaf.farm_recipe(files[f"{path}/recipe.yaml"].decode(), 7)
    files |= {f"{path}/recipe.yaml": text.encode(), f"{path}/{PATCH}": b"--- a\n+++ b\n"}
    edited, usual = load_checked_tree(files).recipes[leaf.name], tree.recipes[leaf.name]
    assert [source.file for source in edited.sources] == [*(source.file for source in usual.sources), PATCH]
    assert edited.build_needs == usual.build_needs == ()
    assert edited.outputs == usual.outputs
    assert [step.name for step in edited.steps] == [step.name for step in usual.steps]
    assert [test.command for test in edited.tests] == [*(command for command, _ in leaf.tests), leaf.prints]
    assert not any(test.needs for test in edited.tests)


def test_rattler_build_has_the_same_flags_patch_and_tests(leaf: Leaf, tree: RecipeTree) -> None:
    recipe = tree.recipes[leaf.name]
    form = yaml.safe_load(leaf.rattler_recipe(recipe, "/source.tar.gz", 7, platform=AMD64, jobs=2))
    assert form["source"] == {"path": "/source.tar.gz", "patches": [PATCH]}
    variables = form["build"]["script"]["env"]
    for flags in recipe.flags:
        assert flags.text(AMD64) in variables[flags.name]
    assert "-fstack-protector-strong" in variables["CFLAGS"]
    assert variables["MAKEFLAGS"] == "-j2"
    (tests,) = form["tests"]
    assert len(tests["script"]) == len(leaf.tests) + 1
    assert "edit 7" in tests["script"][-1]


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("cpuacct/docker/{}/cpuacct.usage", "2500000000\n"),
        ("cpuacct/system.slice/docker-{}.scope/cpuacct.usage", "2500000000\n"),
        ("system.slice/docker-{}.scope/cpu.stat", "usage_usec 2500000\nuser_usec 1\n"),
        ("docker/{}/cpu.stat", "usage_usec 2500000\nuser_usec 1\n"),
    ],
)
def test_the_processor_time_of_a_container_is_read_from_its_cgroup(place: str, content: str, tmp_path: Path) -> None:
    account = tmp_path / place.format("c0ffee")
    account.parent.mkdir(parents=True)
    account.write_text(content)
    assert processor_seconds("c0ffee", tmp_path) == 2.5
    assert processor_seconds("decade", tmp_path) is None


def test_processor_time_that_was_used_elsewhere_counts() -> None:
    elsewhere = [0.0]

    def work() -> None:
        elsewhere[0] += 1000

    (measured,) = interleave({"a": work}, 2, elsewhere=lambda: elsewhere[0])
    assert [round(seconds, -2) for seconds in measured.processor] == [1000, 1000]
