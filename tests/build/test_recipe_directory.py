"""A directory of recipes on the disk: what cannot be read of it is an error that names the place."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.build.recipe_directory import read_readable_recipes, read_recipe_directory
from farm.cli.recipes_option import read_part, scope_of
from tests.core.lint.examples import named, tree
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def as_another_user() -> Iterator[None]:
    """Let the modes of files hold for root too."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        yield
    finally:
        os.seteuid(before)


def write(root: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


@pytest.fixture
def recipes() -> Iterator[Path]:
    """A tree that other users may read."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        write(Path(place), tree())
        yield Path(place)


@pytest.mark.parametrize("mode", [0o000, 0o111, 0o444])
def test_a_directory_that_may_not_be_read_is_named_and_no_other_recipe_is_missed(recipes: Path, mode: int) -> None:
    closed = recipes / "packages" / "bash"
    closed.chmod(mode)
    with as_another_user():
        if mode == 0o111:
            assert (closed / "recipe.yaml").is_file()
        with refuses("unreadable-recipes", rf"cannot read {closed}.*: Permission denied"):
            read_recipe_directory(recipes)
        files, unreadable = read_readable_recipes(recipes)
    closed.chmod(0o755)
    assert list(unreadable) == ["bash"]
    assert "packages/zlib/recipe.yaml" in files
    (recipes / "steps").chmod(mode)
    with as_another_user(), refuses("unreadable-recipes", rf"cannot read {recipes / 'steps'}.*: Permission denied"):
        read_readable_recipes(recipes)
    (recipes / "steps").chmod(0o755)


def test_a_recipe_that_cannot_be_read_may_be_replaced(recipes: Path, tmp_path: Path) -> None:
    (recipes / "packages" / "hello" / "linked").symlink_to("/etc/shadow")
    (tmp_path / "recipe.yaml").write_text(named("hello"))
    with refuses("unreadable-recipes", "is not a regular file"):
        read_part(recipes, scope_of("hello"))
    files, part = read_part(recipes, scope_of("hello"), instead=tmp_path)
    assert part.is_whole
    assert files["packages/hello/recipe.yaml"] == named("hello").encode()
