"""What may be changed of a connected repository, and that nothing else changes: no merge is lost meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.server.git.connection_changes import ConnectionChange, change_connection
from farm.server.tables.git_rows import PreviewPermission
from tests.refusing import refuses
from tests.server.git.forge import TOKEN
from tests.server.git.git_farm import CHANGED
from tests.server.git.test_previews_of_changes import OTHER, due

if TYPE_CHECKING:
    from farm.server.git.repositories import GitRepository
    from tests.server.git.git_farm import GitFarm

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def change(farm: GitFarm, name: str = "main", **asked: object) -> GitRepository:
    with farm.application.writing() as unit:
        return change_connection(unit, name, ConnectionChange(**asked))  # type: ignore[arg-type]


def test_what_is_merged_before_a_new_token_is_there_is_submitted_with_it(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    pull = forge.open_pull("topic", {"lib": CHANGED})
    due(git_farm)
    git_farm.look()
    preview = git_farm.preview_of(pull.number)
    before = git_farm.repository()
    forge.private = True
    change(git_farm, token="ended")
    forge.merge(pull)
    change(git_farm, token=TOKEN)
    git_farm.look()
    assert git_farm.submission(preview).record.state == "taken"
    after = git_farm.repository()
    assert (after.head, after.secret, after.created_at) == (pull.merged_by, before.secret, before.created_at)


def test_each_is_changed_alone(git_farm: GitFarm) -> None:
    before = git_farm.repository()
    assert change(git_farm) == before
    for asked in ({"token": ""}, {"members": ("eve", "bob", "eve")}, {"previews": PreviewPermission.ALL}):
        change(git_farm, **asked)
    found = git_farm.repository()
    assert (found.token, found.members, found.previews) == ("", ("bob", "eve"), PreviewPermission.ALL)
    assert (found.secret, found.branch, found.head) == (before.secret, before.branch, before.head)
    assert change(git_farm, new_secret=True).secret not in ("", before.secret)
    with refuses("not-found"):
        change(git_farm, "other", token="x")
    with refuses("invalid-repository"):
        change(git_farm, branch="a..b")


def test_the_old_secret_ends_at_once(git_farm: GitFarm) -> None:
    new = change(git_farm, new_secret=True).secret
    address = f"{git_farm.url}/api/v1/git/main/webhook"
    assert git_farm.forge.send(address, git_farm.secret, "push").status_code == 401
    assert git_farm.forge.send(address, new, "push").status_code == 202


def test_what_differs_on_another_branch_is_submitted(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    forge.git("checkout", "-q", "-b", "trunk", "main")
    head = forge.commit({"other": OTHER})
    forge.push("trunk")
    change(git_farm, branch="trunk")
    git_farm.look()
    assert git_farm.repository().head == head
    assert forge.states_of(head, "farm/submission/main") == ["success"]
