"""Recipes from a commit or with a patch: what would be submitted, with a real git, and nothing of the work tree."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from farm.build.recipe_directory import read_recipe_directory
from farm.build.recipe_patch import patched_recipes
from farm.build.recipe_revision import commit_of_ref, read_recipe_at
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

JQ = b"name: jq\nversion: '1'\n"


def git(tree: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *who, *arguments], cwd=tree, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with a tree of recipes below `recipes`, committed once."""
    place = tmp_path / "recipes" / "packages" / "jq"
    (place / "patches").mkdir(parents=True)
    (place / "recipe.yaml").write_bytes(JQ)
    (place / "patches" / "fix.patch").write_bytes(b"binary \0 patch\r\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_a_recipe_is_read_as_it_was_at_a_commit_without_touching_the_work_tree(tree: Path) -> None:
    directory = tree / "recipes" / "packages" / "jq"
    committed = read_recipe_directory(directory)
    (directory / "recipe.yaml").write_bytes(JQ + b"summary: not committed\n")
    (directory / "new").write_bytes(b"")
    git(tree, "add", str(directory / "new"))
    before = git(tree, "status", "--porcelain")
    assert read_recipe_at(directory, commit_of_ref(directory, "main")) == committed
    assert git(tree, "status", "--porcelain") == before


def test_a_recipe_that_is_gone_from_the_work_tree_is_read(tree: Path) -> None:
    directory = tree / "recipes" / "packages" / "jq"
    commit = commit_of_ref(directory, "HEAD")
    git(tree, "rm", "-rqf", str(directory))
    assert read_recipe_at(directory, commit)["recipe.yaml"] == JQ


def test_a_ref_is_a_commit_and_no_option(tree: Path) -> None:
    directory = tree / "recipes" / "packages" / "jq"
    for ref in ("nothing", "--all", "--output=x", "HEAD:recipes"):
        with refuses("git", "no such commit"):
            commit_of_ref(directory, ref)
    with refuses("unreadable-recipes", "has no files at commit"):
        read_recipe_at(tree / "recipes" / "packages" / "other", commit_of_ref(directory, "HEAD"))


def test_links_in_a_commit_are_refused(tree: Path) -> None:
    directory = tree / "recipes" / "packages" / "jq"
    (directory / "link").symlink_to("/etc/passwd")
    git(tree, "add", ".")
    git(tree, "commit", "-qm", "two")
    with refuses("unreadable-recipes", "is not a regular file in that commit"):
        read_recipe_at(directory, commit_of_ref(directory, "HEAD"))


def test_no_program_of_the_repository_runs(tree: Path) -> None:
    directory = tree / "recipes" / "packages" / "jq"
    ran = tree / "ran"
    git(tree, "config", "filter.evil.smudge", f"touch {ran}")
    git(tree, "config", "diff.evil.textconv", f"touch {ran}")
    git(tree, "config", "core.fsmonitor", f"touch {ran}")
    (tree / ".gitattributes").write_text("* filter=evil diff=evil export-subst\n")
    read_recipe_at(directory, commit_of_ref(directory, "HEAD"))
    assert not ran.exists()


def test_a_patch_is_applied_to_what_the_farm_has_at_any_depth(tree: Path) -> None:
    directory = tree / "recipes" / "packages" / "jq"
    (directory / "recipe.yaml").write_bytes(JQ.replace(b"'1'", b"'2'"))
    new = tree / "recipes" / "packages" / "new"
    new.mkdir()
    (new / "recipe.yaml").write_bytes(b"name: new\n")
    git(tree, "add", "-N", ".")
    deep = git(tree, "diff").encode() + b"\n"
    flat = git(tree, "diff", "--no-prefix", "--relative=recipes").encode() + b"\n"
    for patch in (deep, git(tree, "diff", "--relative=recipes").encode() + b"\n"):
        found = patched_recipes(patch, lambda name: {"recipe.yaml": JQ, "other": b"x"} if name == "jq" else {})
        assert found == {
            "jq": {"recipe.yaml": b"name: jq\nversion: '2'\n", "other": b"x"},
            "new": {"recipe.yaml": b"name: new\n"},
        }
    with refuses("invalid-patch"):
        patched_recipes(flat, lambda _name: {"recipe.yaml": b"name: other\n"})


def _patch(path: str) -> bytes:
    return f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n".encode()


@pytest.mark.parametrize(
    "path", ["README.md", "packages/jq/../../../../tmp/evil", "channels/edge.yaml", "packages/recipe.yaml"]
)
def test_a_patch_of_anything_else_is_refused(path: str, tmp_path: Path) -> None:
    with refuses("invalid-patch"):
        patched_recipes(_patch(path), lambda _name: {})
    assert not (tmp_path.parent / "evil").exists()


def test_a_patch_with_paths_of_two_depths_is_refused() -> None:
    patch = _patch("packages/jq/a") + _patch("recipes/packages/jq/b")
    with refuses("invalid-patch", "different numbers of directories"):
        patched_recipes(patch, lambda _name: {"recipe.yaml": JQ})


def test_a_patch_that_does_not_apply_says_where(tree: Path) -> None:
    directory = tree / "recipes" / "packages" / "jq"
    (directory / "recipe.yaml").write_bytes(JQ.replace(b"'1'", b"'2'"))
    patch = git(tree, "diff").encode() + b"\n"
    with refuses("invalid-patch", "recipe.yaml"):
        patched_recipes(patch, lambda _name: {"recipe.yaml": b"name: jq\nversion: '7'\n"})
