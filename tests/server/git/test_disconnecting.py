"""A repository that is disconnected leaves nothing pending on its forge, and then nothing of itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select, update

from farm.errors import FarmError
from farm.server.application import FarmSettings
from farm.server.events.deliveries import PAUSES
from farm.server.git import disconnecting, repositories, statuses
from farm.server.git.connection_changes import ConnectionChange, change_connection
from farm.server.git.statuses import commit_status, preview_context
from farm.server.git.sync import sync_repository
from farm.server.tables.git_rows import GitRepositoryRow
from farm.server.tables.preview_rows import PreviewRow
from tests.refusing import refuses
from tests.server.git.forge import TOKEN
from tests.server.git.git_farm import ADDRESS, CHANGED
from tests.server.git.test_previews_of_changes import due, look
from workers.control import BackgroundTask, git_tasks

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.git.forge import StatusState
    from tests.server.git.git_farm import GitFarm

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def rows(farm: GitFarm) -> tuple[list[str], list[str]]:
    """The names of all repositories in the database, and the tokens."""
    with farm.application.reading() as unit:
        found = unit.session.exec(select(GitRepositoryRow)).all()
        return [row.name for row in found], [row.token for row in found]


def disconnected(farm: GitFarm) -> None:
    with farm.application.planning() as unit:
        disconnecting.disconnect(unit, "main", by="a test")


def shown(farm: GitFarm, state: StatusState) -> str:
    commit = farm.forge.git("rev-parse", "main")
    with farm.application.writing() as unit:
        statuses.show(unit, "main", commit_status(commit, preview_context("main"), state, "x", ADDRESS))
    farm.tell()
    return commit


def test_what_is_pending_when_it_is_disconnected_ends_on_the_forge(git_farm: GitFarm) -> None:
    """Nobody would ever look at it again, and it would hold a merge back for ever."""
    forge = git_farm.forge
    pull = forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    assert forge.states_of(forge.head_of(pull)) == ["pending"]
    disconnected(git_farm)
    with git_farm.application.reading() as unit:
        assert repositories.due(unit.session, now=unit.now + timedelta(days=1), limit=9) == []
        with pytest.raises(FarmError, match="no repository 'main' is connected"):
            repositories.find_repository(unit.session, "main")
    disconnecting.remove_ended(git_farm.application)
    git_farm.tell()
    assert forge.states_of(forge.head_of(pull)) == ["pending", "error"]
    assert forge.statuses[-1]["description"] == "the farm no longer previews this repository: it was disconnected"
    assert rows(git_farm)[1] == [TOKEN]
    disconnecting.remove_ended(git_farm.application)
    assert rows(git_farm) == ([], []), "the token is kept"


def test_what_a_forge_takes_no_more_is_given_up_after_an_hour_and_its_token_removed(git_farm: GitFarm) -> None:
    git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    disconnected(git_farm)
    git_farm.forge.answers = [500] * 9
    git_farm.tell()
    disconnecting.remove_ended(git_farm.application)
    assert rows(git_farm)[1] == [TOKEN]
    git_farm.farm.clock.passes(repositories.KEPT_TO_END.total_seconds())
    disconnecting.remove_ended(git_farm.application)
    assert rows(git_farm) == ([], [])


def test_a_token_is_removed_in_time_also_where_control_cannot_read_a_verdict(git_farm: GitFarm, tmp_path: Path) -> None:
    git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    git_farm.connect("docs", token="of-docs")
    with git_farm.application.planning() as unit:
        commit = git_farm.forge.git("rev-parse", "main")
        statuses.show(unit, "docs", commit_status(commit, preview_context("docs"), "success", "x", ADDRESS))
        disconnecting.disconnect(unit, "docs", by="a test")
        unit.session.exec(update(PreviewRow).values(verdict="{"))
    assert rows(git_farm)[1] == [TOKEN, "of-docs"]
    git_farm.farm.clock.passes(repositories.KEPT_TO_END.total_seconds())
    with pytest.raises(ValueError, match="Expecting property name"):
        git_farm.tell()
    settings = FarmSettings(database="", blobs=tmp_path, logs=tmp_path / "logs", recipes=tmp_path, toolchains=())
    (task,) = [task for task in git_tasks(git_farm.application, settings) if task.task == "farm.control.statuses"]
    assert isinstance(task.run, BackgroundTask)
    task.run()
    assert task.run.thread is not None
    task.run.thread.join()
    assert rows(git_farm)[1] == [TOKEN]


def test_what_is_connected_again_has_nothing_left_of_the_connection_before(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    pull = forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    disconnected(git_farm)
    git_farm.connect()
    git_farm.look()
    assert forge.states_of(forge.head_of(pull)) == ["pending", "pending"], "an error is sent after it"
    disconnecting.remove_ended(git_farm.application)
    assert rows(git_farm)[0] == ["main"]


def test_what_is_connected_again_does_not_show_still_ends_on_the_forge(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    pull = forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    disconnected(git_farm)
    pull.state = "closed"
    git_farm.connect()
    git_farm.look()
    assert forge.states_of(forge.head_of(pull)) == ["pending", "error"]


@pytest.mark.parametrize("other", [{"project": "dist/others"}, {"api": "http://127.0.0.1:1/api/v1"}])
def test_another_project_that_gets_the_name_drops_no_last_status(git_farm: GitFarm, other: dict[str, str]) -> None:
    forge = git_farm.forge
    commit = forge.head_of(forge.open_pull("topic", {"lib": CHANGED}))
    look(git_farm)
    disconnected(git_farm)
    url = forge.url.replace("dist/recipes", other.get("project", "dist/recipes"))
    git_farm.connect(url=url, api=other.get("api", forge.api))
    with git_farm.application.writing() as unit:  # as it would for a commit that both have
        statuses.show(unit, "main", commit_status(commit, preview_context("main"), "pending", "x", ADDRESS))
        repositories.pause(unit, "main", unit.now + timedelta(days=1))
    git_farm.tell()
    assert forge.states_of(commit) == ["pending", "error"]


def test_what_is_kept_of_it_cannot_be_reached_by_its_name(git_farm: GitFarm) -> None:
    shown(git_farm, "pending")
    disconnected(git_farm)
    (name,), _ = rows(git_farm)
    with git_farm.application.planning() as unit:
        for use in (
            lambda: repositories.find_repository(unit.session, name),
            lambda: change_connection(unit, name, ConnectionChange(token="x")),
            lambda: disconnecting.disconnect(unit, name, by="a test"),
        ):
            with refuses("not-found"):
                use()
    git_farm.farm.clock.passes(repositories.KEPT_TO_END.total_seconds())
    assert not sync_repository(git_farm.application, git_farm.settings, name)
    answer = git_farm.forge.send(f"{git_farm.url}/api/v1/git/{name}/webhook", "", "push")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    git_farm.tell()
    assert git_farm.forge.statuses[-1]["state"] == "error"


def test_a_verdict_that_was_given_up_is_tried_again_at_the_end_where_the_forge_shows_pending(git_farm: GitFarm) -> None:
    commit = shown(git_farm, "pending")
    git_farm.forge.answers = [500] * (len(PAUSES) + 1)
    shown(git_farm, "success")
    for pause in PAUSES:
        git_farm.farm.clock.passes(pause.total_seconds())
        git_farm.tell()
    assert git_farm.forge.answers == []
    disconnected(git_farm)
    git_farm.tell()
    assert git_farm.forge.states_of(commit) == ["pending", "success"]


def test_a_verdict_that_waits_for_longer_than_the_token_is_kept_is_sent_at_the_end(git_farm: GitFarm) -> None:
    git_farm.forge.answers = [500] * 5
    commit = shown(git_farm, "success")
    for pause in PAUSES[:4]:
        git_farm.farm.clock.passes(pause.total_seconds())
        git_farm.tell()
    assert git_farm.forge.answers == []
    assert PAUSES[4] > repositories.KEPT_TO_END
    disconnected(git_farm)
    git_farm.tell()
    assert git_farm.forge.states_of(commit) == ["success"]


@pytest.mark.parametrize("then", ["pending", "success"])
def test_what_may_have_arrived_as_pending_ends_on_the_forge(git_farm: GitFarm, then: StatusState) -> None:
    """The forge takes it, and its answer is lost; what follows is given up."""

    def lose() -> None:
        raise ConnectionError("as the test asks")

    git_farm.forge.before = lose
    commit = shown(git_farm, "pending")
    git_farm.forge.before = lambda: None
    assert git_farm.forge.states_of(commit) == ["pending"]
    git_farm.forge.answers = [500] * (len(PAUSES) + 1)
    if then == "success":
        shown(git_farm, then)
        for pause in PAUSES:
            git_farm.farm.clock.passes(pause.total_seconds())
            git_farm.tell()
        assert git_farm.forge.answers == []
    git_farm.forge.answers = []
    disconnected(git_farm)
    git_farm.tell()
    assert git_farm.forge.states_of(commit)[-1] == {"pending": "error", "success": "success"}[then]


def test_what_the_forge_does_not_show_as_pending_is_left_as_it_is(git_farm: GitFarm) -> None:
    commit = shown(git_farm, "success")
    git_farm.forge.answers = [500]
    shown(git_farm, "pending")
    disconnected(git_farm)
    assert rows(git_farm) == ([], [])
    assert git_farm.forge.states_of(commit) == ["success"]


def test_what_the_forge_has_never_seen_is_not_sent_at_the_end(git_farm: GitFarm) -> None:
    git_farm.forge.open_pull("topic", {"lib": CHANGED})
    due(git_farm)
    assert sync_repository(git_farm.application, git_farm.settings, "main")
    disconnected(git_farm)
    assert rows(git_farm) == ([], [])
    git_farm.tell()
    assert git_farm.forge.statuses == []
