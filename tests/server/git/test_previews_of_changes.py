"""Which pull requests and branches are previewed, in whose name, and when their previews end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from farm.core.buildlog.error_kind import ErrorKind
from farm.core.buildlog.first_error import FirstError
from farm.server.git import changes, disconnecting, recipe_changes, repositories
from farm.server.git.change_previews import RETRY
from farm.server.git.sync import sync_repository
from farm.server.jobs import attempts
from farm.server.submissions.previewing import expire_previews
from farm.server.tables.evidence import FIRST_ERROR
from farm.server.tables.git_rows import ChangeState
from farm.server.tables.states import SubmissionState
from farm.server.transaction.planning_inputs import PreviewPolicy
from farm.store.git import program
from farm.store.git.copy import GitCopy
from tests.refusing import refuses
from tests.server.git.forge import Pull
from tests.server.git.git_farm import ADDRESS, CHANGED, LIB
from tests.server.pipeline.test_newest_tests import with_tests

if TYPE_CHECKING:
    from tests.server.git.git_farm import GitFarm

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
AGAIN = with_tests("lib", "lib-works", flag="y", revision=2)
OTHER = with_tests("other", "other-works")


def ask(farm: GitFarm, pull: int) -> None:
    """Do what `farm git preview` does at the present commit."""
    commit = farm.forge.head_of(farm.forge.pulls[pull])
    with farm.application.writing() as unit:
        changes.approve_change(unit, "main", f"pull/{pull}", commit)
        repositories.make_due(unit.session, "main", now=unit.now)


def due(farm: GitFarm) -> None:
    with farm.application.writing() as unit:
        repositories.make_due(unit.session, "main", now=unit.now)


def test_the_preview_of_a_members_pull_request_is_the_repositorys(git_farm: GitFarm) -> None:
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    due(git_farm)
    git_farm.look()
    view = git_farm.submission(git_farm.preview_of(pull.number))
    assert view.record.submitted_by == "git:main"
    assert view.preview is not None
    assert view.preview.origin == f"main pull/1 at {git_farm.forge.head_of(pull)}"
    assert [recipe.name for recipe in view.recipes] == ["lib"]


def test_a_strangers_pull_request_waits_until_it_is_asked_for_at_each_commit(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    pull = forge.open_pull("topic", {"lib": CHANGED}, author="eve", association="FIRST_TIME_CONTRIBUTOR")
    first = forge.head_of(pull)
    due(git_farm)
    git_farm.look()
    assert git_farm.changes()["pull/1"].state is ChangeState.UNAPPROVED
    assert not GitCopy(git_farm.settings.directory / "main.git").has(first), "it is fetched before anybody has asked"
    assert forge.states_of(first) == ["pending"]
    assert forge.statuses[-1]["description"] == f"waits for a maintainer: farm git preview main 1 --commit {first}"
    ask(git_farm, 1)
    git_farm.look()
    number = git_farm.preview_of(1)
    assert forge.states_of(first)[-1] == "pending"
    assert forge.statuses[-1]["target_url"] == f"{ADDRESS}/submissions/{number}"
    with refuses("already-previewed"):
        ask(git_farm, 1)
    second = forge.update_pull(pull, {"lib": AGAIN})
    due(git_farm)
    git_farm.look()
    assert git_farm.changes()["pull/1"].state is ChangeState.UNAPPROVED
    assert git_farm.submission(number).record.state is SubmissionState.WITHDRAWN
    assert forge.states_of(second) == ["pending"]


@pytest.mark.parametrize("association", ["NONE", "CONTRIBUTOR", "FIRST_TIMER", "MANNEQUIN", "member"])
def test_who_has_contributed_before_is_no_member(git_farm: GitFarm, association: str) -> None:
    git_farm.forge.open_pull("topic", {"lib": CHANGED}, author="eve", association=association)
    due(git_farm)
    git_farm.look()
    assert git_farm.changes()["pull/1"].state is ChangeState.UNAPPROVED


def test_a_newer_commit_replaces_the_preview_and_closing_withdraws_it(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    pull = forge.open_pull("topic", {"lib": CHANGED})
    due(git_farm)
    git_farm.look()
    first = git_farm.preview_of(1)
    due(git_farm)
    git_farm.look()
    assert git_farm.preview_of(1) == first, "a preview is made again of the same commit"
    forge.update_pull(pull, {"lib": AGAIN})
    due(git_farm)
    git_farm.look()
    second = git_farm.preview_of(1)
    assert git_farm.submission(first).record.state is SubmissionState.WITHDRAWN
    pull.state = "closed"
    due(git_farm)
    git_farm.look()
    assert git_farm.submission(second).record.state is SubmissionState.WITHDRAWN
    assert git_farm.changes() == {}


def test_a_recipe_with_errors_is_a_failure_that_names_the_line(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    wrong = {"recipe.yaml": LIB["recipe.yaml"].replace(b"license: MIT", b"licens: MIT")}
    pull = forge.open_pull("topic", {"lib": wrong})
    due(git_farm)
    git_farm.look()
    head = forge.head_of(pull)
    assert forge.states_of(head) == ["failure"]
    assert forge.statuses[-1]["description"].startswith("packages/lib/recipe.yaml:")
    assert len(forge.statuses[-1]["description"]) <= 140
    fixed = forge.update_pull(pull, {"lib": CHANGED})
    due(git_farm)
    git_farm.look()
    assert forge.states_of(fixed) == ["pending"]


def test_a_build_that_fails_is_a_failure_with_the_first_error_of_its_log(git_farm: GitFarm) -> None:
    forge, farm = git_farm.forge, git_farm.farm
    pull = forge.open_pull("topic", {"lib": CHANGED})
    due(git_farm)
    git_farm.look()
    lease = farm.claim()
    farm.fail(lease, "the step make failed")
    with git_farm.application.writing() as unit:
        attempt = attempts.attempt(unit.session, lease.attempt.id)
        assert attempt is not None
        line = "x.c:3:1: error: expected ';' before '}' token"
        text = FIRST_ERROR.write(FirstError(kind=ErrorKind.COMPILER, sure=True, line=1, step="make", text=line))
        unit.session.connection().exec_driver_sql(
            "UPDATE attempt SET first_error = ? WHERE id = ?", (text, lease.attempt.id)
        )
    git_farm.settle_previews()
    assert forge.states_of(forge.head_of(pull)) == ["pending", "failure"]
    assert forge.statuses[-1]["description"] == "lib: x.c:3:1: error: expected ';' before '}' token"


def test_a_pull_request_that_changes_no_recipe_succeeds_at_once(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    pull = forge.open_pull("topic", {})
    due(git_farm)
    git_farm.look()
    assert forge.states_of(forge.head_of(pull)) == ["success"]
    assert git_farm.changes()["pull/1"].state is ChangeState.EMPTY


def test_a_branch_is_previewed_when_it_is_pushed_and_not_for_being_there(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    forge.git("checkout", "-q", "-b", "old")
    forge.commit({"lib": CHANGED})
    forge.push("old")
    with git_farm.application.writing() as unit:
        disconnecting.disconnect(unit, "main", by="a test")
    git_farm.connect()
    git_farm.look()
    assert {name: change.state for name, change in git_farm.changes().items()} == {"branch/old": ChangeState.SEEN}
    forge.commit({"lib": AGAIN})
    forge.push("old")
    due(git_farm)
    git_farm.look()
    number = git_farm.changes()["branch/old"].submission
    assert number is not None
    forge.push(":old")
    due(git_farm)
    git_farm.look()
    assert git_farm.submission(number).record.state is SubmissionState.WITHDRAWN


def test_a_branch_of_a_pull_request_is_not_previewed_twice(git_farm: GitFarm) -> None:
    git_farm.forge.open_pull("topic", {"lib": CHANGED})
    git_farm.forge.push("topic")
    due(git_farm)
    git_farm.look()
    assert list(git_farm.changes()) == ["pull/1"]


def test_beyond_the_quota_a_pull_request_waits_for_its_turn(git_farm: GitFarm) -> None:
    forge, policy = git_farm.forge, PreviewPolicy(most_open=1)
    git_farm.application = replace(git_farm.application, preview_policy=policy)
    first = forge.open_pull("one", {"lib": CHANGED})
    second = forge.open_pull("two", {"other": OTHER})
    due(git_farm)
    git_farm.look()
    assert git_farm.changes()["pull/2"].state is ChangeState.DELAYED
    assert forge.states_of(forge.head_of(second)) == ["pending"]
    first.state = "closed"
    for _ in range(2):
        due(git_farm)
        git_farm.look()
    assert git_farm.preview_of(2)


def test_more_pull_requests_than_a_page_has_are_all_seen(git_farm: GitFarm) -> None:
    for number in range(5):  # the stand-in lists two at a time
        git_farm.forge.open_pull(f"topic-{number}", {f"lib{number}": LIB}, author="eve", association="NONE")
    due(git_farm)
    git_farm.look()
    assert len(git_farm.changes()) == 5


def test_while_the_forge_does_not_answer_nothing_is_withdrawn_and_it_is_tried_again(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    forge.open_pull("topic", {"lib": CHANGED})
    due(git_farm)
    git_farm.look()
    number, api = git_farm.preview_of(1), git_farm.repository().api
    with git_farm.application.writing() as unit:
        unit.session.connection().exec_driver_sql("UPDATE git_repository SET api = 'http://127.0.0.1:9/api'")
    due(git_farm)
    assert sync_repository(git_farm.application, git_farm.settings, "main")
    known = git_farm.repository()
    assert "cannot be reached" in known.trouble
    assert known.failures == 1
    assert known.due_at > git_farm.farm.clock.now
    assert git_farm.submission(number).record.state is SubmissionState.PREVIEW
    with git_farm.application.writing() as unit:
        unit.session.connection().exec_driver_sql("UPDATE git_repository SET api = ?", (api,))
    due(git_farm)
    git_farm.look()
    assert git_farm.repository().failures == 0


def test_what_is_asked_for_while_it_is_read_is_read_again(git_farm: GitFarm) -> None:
    with git_farm.application.writing() as unit:
        repositories.make_due(unit.session, "main", now=unit.now)
        reserved = repositories.reserve(unit, "main")
    assert reserved is not None
    assert not sync_repository(git_farm.application, git_farm.settings, "main"), "somebody else reads it too"
    due(git_farm)
    with git_farm.application.writing() as unit:
        repositories.set_synced(unit, reserved, again=git_farm.settings.every)
    assert git_farm.repository().due_at <= git_farm.farm.clock.now


def test_a_farm_that_is_disconnected_withdraws_the_previews(git_farm: GitFarm) -> None:
    git_farm.forge.open_pull("topic", {"lib": CHANGED})
    due(git_farm)
    git_farm.look()
    number = git_farm.preview_of(1)
    with git_farm.application.planning() as unit:
        disconnecting.disconnect(unit, "main", by="a test")
    assert git_farm.submission(number).record.state is SubmissionState.WITHDRAWN
    with git_farm.application.reading() as unit:
        assert repositories.repositories(unit.session) == []


def branch(farm: GitFarm, name: str, recipes: dict[str, dict[str, bytes]]) -> str:
    farm.forge.git("checkout", "-q", "-B", name, "main")
    commit = farm.forge.commit(recipes)
    farm.forge.push(name)
    farm.forge.git("checkout", "-q", "main")
    return commit


def look(farm: GitFarm) -> None:
    due(farm)
    farm.look()


def test_only_the_commit_that_was_looked_at_is_previewed(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    pull = forge.open_pull("topic", {"lib": CHANGED}, author="eve", association="NONE")
    look(git_farm)
    seen = forge.head_of(pull)
    forge.update_pull(pull, {"lib": AGAIN})
    look(git_farm)
    with git_farm.application.writing() as unit, refuses("commit-changed"):
        changes.approve_change(unit, "main", "pull/1", seen)
    look(git_farm)
    assert git_farm.changes()["pull/1"].state is ChangeState.UNAPPROVED


def test_what_lacks_a_recipe_of_the_farm_is_previewed_once_it_is_there(git_farm: GitFarm) -> None:
    git_farm.forge.open_pull("topic", {"more": with_tests("more", "more-works", needs=("other",))})
    look(git_farm)
    assert git_farm.changes()["pull/1"].state is ChangeState.REFUSED
    git_farm.forge.commit({"other": OTHER})
    git_farm.forge.push("main")
    git_farm.farm.clock.passes(RETRY.total_seconds())
    look(git_farm)
    assert git_farm.preview_of(1)


def test_two_changes_at_one_commit_have_one_preview_and_a_verdict_that_stays(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    commit = branch(git_farm, "one", {"lib": CHANGED})
    forge.push("one:two")
    look(git_farm)
    assert list(git_farm.changes()) == ["branch/one"]
    for _ in range(4):
        assert git_farm.tell() == 0
    assert forge.states_of(commit) == ["pending"]


def test_a_pull_request_of_a_pushed_branch_has_the_preview_of_the_branch(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    commit = branch(git_farm, "topic", {"lib": CHANGED})
    look(git_farm)
    number = git_farm.changes()["branch/topic"].submission
    forge.push("topic:refs/pull/1/head")
    forge.pulls[1] = Pull(1, "topic", "eve", "NONE")
    look(git_farm)
    assert list(git_farm.changes()) == ["pull/1"]
    assert git_farm.preview_of(1) == number
    assert git_farm.changes()["pull/1"].author == "eve"
    assert forge.states_of(commit) == ["pending"]


def test_two_connections_to_a_project_show_their_verdicts_side_by_side(git_farm: GitFarm) -> None:
    git_farm.connect("docs", path="docs")
    assert sync_repository(git_farm.application, git_farm.settings, "docs")
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    with git_farm.application.writing() as unit:
        repositories.make_due(unit.session, "docs", now=unit.now)
    assert sync_repository(git_farm.application, git_farm.settings, "docs")
    git_farm.tell()
    head = git_farm.forge.head_of(pull)
    assert git_farm.forge.states_of(head, "farm/preview/main") == ["pending"]
    assert git_farm.forge.states_of(head, "farm/preview/docs") == ["success"]


def test_a_pull_request_that_is_missing_from_the_list_is_not_taken_for_closed(git_farm: GitFarm) -> None:
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    number = git_farm.preview_of(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(git_farm.forge, "_open_pulls", lambda _: [])
        look(git_farm)
    assert git_farm.preview_of(1) == number
    assert git_farm.submission(number).record.state is SubmissionState.PREVIEW
    pull.base = "other"
    look(git_farm)
    assert git_farm.changes() == {}
    assert git_farm.submission(number).record.state is SubmissionState.WITHDRAWN


def test_a_pull_request_that_the_forge_has_deleted_is_over(git_farm: GitFarm) -> None:
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    number = git_farm.preview_of(1)
    del git_farm.forge.pulls[pull.number]
    look(git_farm)
    assert git_farm.changes() == {}
    assert git_farm.submission(number).record.state is SubmissionState.WITHDRAWN


def test_a_commit_that_is_replaced_or_closed_does_not_stay_pending(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    pull = forge.open_pull("topic", {"lib": CHANGED})
    stranger = forge.open_pull("strange", {"other": OTHER}, author="eve", association="NONE")
    look(git_farm)
    first, waits = forge.head_of(pull), forge.head_of(stranger)
    second = forge.update_pull(pull, {"lib": AGAIN})
    look(git_farm)
    assert forge.states_of(first) == ["pending", "error"]
    pull.state = stranger.state = "closed"
    look(git_farm)
    assert forge.states_of(second) == ["pending", "error"]
    assert forge.states_of(waits) == ["pending", "error"]


def test_beyond_the_quota_nothing_is_fetched(git_farm: GitFarm) -> None:
    git_farm.application = replace(git_farm.application, preview_policy=PreviewPolicy(most_open=0))
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    for _ in range(2):
        look(git_farm)
    assert git_farm.changes()["pull/1"].state is ChangeState.DELAYED
    assert not GitCopy(git_farm.settings.directory / "main.git").has(git_farm.forge.head_of(pull))


def test_an_ended_preview_is_told_once_and_not_looked_at_again(git_farm: GitFarm) -> None:
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    git_farm.farm.clock.passes(timedelta(days=8).total_seconds())
    expire_previews(git_farm.application)
    git_farm.tell()
    assert git_farm.forge.states_of(git_farm.forge.head_of(pull)) == ["pending", "error"]
    with git_farm.application.reading() as unit:
        assert changes.previewed(unit.session) == []


def test_many_recipes_need_no_process_for_each(git_farm: GitFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"lib{number}" for number in range(30)]
    git_farm.forge.open_pull("topic", {name: with_tests(name, f"{name}-works") for name in names})
    ran: list[str] = []
    whole = program._output
    monkeypatch.setattr(program, "_output", lambda command, *more: ran.append(command[-1]) or whole(command, *more))
    monkeypatch.setattr(recipe_changes, "read_directory", lambda *_, **__: OTHER)  # two for each
    due(git_farm)
    sync_repository(git_farm.application, git_farm.settings, "main")
    assert len(ran) < len(names)
