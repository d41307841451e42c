"""A whole run collects every file of tests."""

from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING

from tests.farms.running import REPOSITORY

if TYPE_CHECKING:
    import pytest


def test_pytest_leaves_no_folder_of_tests_out(pytestconfig: pytest.Config) -> None:
    """Its own list of folders to leave out has `build` and `dist`."""
    patterns = pytestconfig.getini("norecursedirs")
    files = [path.relative_to(REPOSITORY) for path in (REPOSITORY / "tests").rglob("test_*.py")]
    assert len(files) > 400
    assert not [file for file in files if any(fnmatch(part, pattern) for part in file.parts for pattern in patterns)]
