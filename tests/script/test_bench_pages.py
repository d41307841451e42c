"""The stored farm of the benchmarks has packages whose pages show what needs them, as those of a real farm."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from script.benchmarks.first_package_page import WebPage, most_needed
from script.benchmarks.stored_farm import fill, write_settings
from script.benchmarks.synthetic_set import synthetic_packages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from script.benchmarks.synthetic_set import SyntheticPackage

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(scope="module")
def packages() -> list[SyntheticPackage]:
    return synthetic_packages(60)


@pytest.fixture(scope="module")
def settings(packages: list[SyntheticPackage], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = write_settings(tmp_path_factory.mktemp("farm"), RECIPES)
    fill(file, packages)
    return file


@pytest.fixture
def page(settings: Path, packages: list[SyntheticPackage]) -> Iterator[WebPage]:
    page = WebPage(settings, f"packages/{most_needed(packages)[0]}")
    yield page
    page.stop()


def test_the_page_of_a_package_after_a_restart_and_again(page: WebPage, packages: list[SyntheticPackage]) -> None:
    name, users = most_needed(packages)
    for _ in range(2):
        page.restart()
        first = page.get()
        assert page.get() == first
        assert f"{name} 1.0" in first
        for needed_by in (package.name for package in packages if packages[0].number in dict(package.needs)):
            assert f"/packages/{needed_by}" in first
    assert users > len(packages) / 2
    assert not re.search("not known|cannot be shown", first)
