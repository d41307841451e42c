"""The recipes of the repository itself are valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.core.policy.tree import RecipeTree, load_tree

ROOT = Path(__file__).parents[3] / "recipes"


@pytest.fixture(scope="module")
def tree() -> RecipeTree:
    paths = (path for path in ROOT.rglob("*") if path.is_file())
    return load_tree({path.relative_to(ROOT).as_posix(): path.read_bytes() for path in paths})


def test_they_load(tree: RecipeTree) -> None:
    wanted = {"glibc", "gcc-libs", "base-files", "zlib", "xz", "zstd", "ncurses", "readline", "bash", "oniguruma"}
    wanted |= {"jq", "pcre2", "grep", "json-c", "pkgconf", "bzip2", "lz4", "libffi", "make", "sqlite", "coreutils"}
    wanted |= {"openssl", "ca-certificates", "curl", "base", "python"}
    assert wanted <= tree.recipes.keys()


def test_every_recipe_is_tested_and_ships_its_license(tree: RecipeTree) -> None:
    for recipe in tree.recipes.values():
        assert recipe.tests, recipe.name
        scripts = " ".join(step.script for step in recipe.steps)
        assert "share/licenses/" in scripts, recipe.name


def test_what_recipes_need_is_made_by_a_recipe(tree: RecipeTree) -> None:
    made = {name for recipe in tree.recipes.values() for name in recipe.package_names}
    for recipe in tree.recipes.values():
        needed = {*recipe.build_needs, *recipe.requires, *(need for test in recipe.tests for need in test.needs)}
        assert needed <= made, recipe.name


def test_packages_taken_from_the_toolchain_are_in_its_lock(tree: RecipeTree) -> None:
    for recipe in tree.recipes.values():
        for source in recipe.sources:
            if source.debian_package:
                assert source.debian_package in {deb.name for deb in tree.locks[recipe.toolchain].debs}


def test_what_is_debians_binary_says_so_and_carries_what_debian_built_it_from(tree: RecipeTree) -> None:
    taking = [
        listed_recipe
        for listed_recipe in tree.recipes.values()
        if any(source.debian_package for source in listed_recipe.sources)
    ]
    assert {listed_recipe.name for listed_recipe in taking} == {"glibc", "gcc-libs"}
    for recipe in taking:
        assert recipe.summary.endswith("(Debian's binary)")
        for source in recipe.sources:
            if not source.debian_package:
                continue
            deb = {deb.name: deb for deb in tree.locks[recipe.toolchain].debs}[source.debian_package]
            assert str(recipe.version) == deb.version.replace("-", "+"), recipe.name
            # In the pool a package is in the folder of its source.
            name, version = deb.filename.split("/")[-2], deb.version
            upstream = version.rpartition("-")[0]
            carried = {carried_file.file for carried_file in recipe.carried if source.file in carried_file.of}
            assert f"{name}_{version}.dsc" in carried
            assert f"{name}_{version}.debian.tar.xz" in carried
            assert any(file.startswith(f"{name}_{upstream}.orig.tar.") for file in carried)


def test_every_build_unpacks_first_and_strips_last(tree: RecipeTree) -> None:
    for recipe in tree.recipes.values():
        assert (recipe.steps[0].name, recipe.steps[-1].name) == ("prepare", "finish")
