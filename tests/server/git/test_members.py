"""Whose pull requests are previewed unasked: those of members, from where nobody else can push."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.server.git.forge import ForgeApi
from tests.server.git.forge import PROJECT
from tests.server.git.git_farm import CHANGED, POLICY, git_farm_of

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
CASES = {
    "their own fork": ("ada", "", True),
    "their own fork, in other letters": ("ada", "ADA/recipes", True),
    "a branch of the repository": ("ada", PROJECT, True),
    "a fork that is shared": ("ada", "team/recipes", False),
    "a fork of somebody with a name that begins alike": ("ada", "ada-2/recipes", False),
    "a fork that was deleted": ("ada", "-", False),
    "an account that was deleted": ("", "/recipes", False),
}


@pytest.mark.parametrize("kind", ["github", "forgejo"])
def test_a_members_pull_request_counts_where_only_members_can_push(
    database: Database, tmp_path: Path, kind: str
) -> None:
    with git_farm_of(database, tmp_path, kind) as farm:
        for number, (author, of, _) in enumerate(CASES.values()):
            farm.forge.open_pull(f"topic-{number}", {"lib": CHANGED}, author=author).of = of
        found = ForgeApi(farm.repository(), POLICY).open_pull_requests()
    told = {name: pull.is_member for name, pull in zip(CASES, found, strict=True)}
    assert told == {name: expected for name, (_, _, expected) in CASES.items()}
