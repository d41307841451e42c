"""Commit statuses reach the forge once for each state, through its failures and those of the farm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.server.events.deliveries import PAUSES
from farm.server.git import statuses
from farm.server.git.status_delivery import deliver_statuses
from farm.server.git.statuses import commit_status, show
from tests.server.git.git_farm import POLICY

if TYPE_CHECKING:
    from farm.server.git.statuses import StatusRecord
    from tests.server.git.git_farm import GitFarm

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
PAGE = "https://farm.example.org/submissions/1"


def put(farm: GitFarm, state: str = "pending", line: str = "x", target: str = PAGE) -> str:
    commit = farm.forge.git("rev-parse", "main")
    with farm.application.writing() as unit:
        show(unit, "main", commit_status(commit, "farm/preview/main", state, line, target))  # type: ignore[arg-type]
    return commit


def deliver(farm: GitFarm) -> int:
    return deliver_statuses(farm.application, POLICY)


def only(farm: GitFarm) -> StatusRecord:
    with farm.application.reading() as unit:
        (found,) = statuses.statuses_of(unit.session, "main", limit=9)
    return found


def test_each_state_is_sent_once_and_the_same_state_not_again(git_farm: GitFarm) -> None:
    commit = put(git_farm)
    assert deliver(git_farm) == 1
    assert deliver(git_farm) == 0
    put(git_farm)
    assert deliver(git_farm) == 0
    put(git_farm, "success")
    put(git_farm, "failure")
    assert deliver(git_farm) == 1, "what was overtaken is sent"
    assert git_farm.forge.states_of(commit) == ["pending", "failure"]


def test_one_that_is_refused_is_sent_again_after_pauses_that_grow_and_given_up_at_last(git_farm: GitFarm) -> None:
    commit = put(git_farm)
    git_farm.forge.answers = [500] * (len(PAUSES) + 1)
    for pause in PAUSES:
        assert deliver(git_farm) == 0
        assert only(git_farm).due_at == git_farm.farm.clock.now + pause
        assert deliver(git_farm) == 0
        git_farm.farm.clock.passes(pause.total_seconds())
    deliver(git_farm)
    assert only(git_farm).due_at is None
    assert "HTTP status 500. See that the token may read pull requests" in only(git_farm).trouble
    assert git_farm.forge.states_of(commit) == []
    put(git_farm, "success")
    assert deliver(git_farm) == 1
    assert git_farm.forge.states_of(commit) == ["success"]


def test_one_that_arrived_before_the_farm_was_killed_is_not_sent_twice(git_farm: GitFarm) -> None:
    commit = put(git_farm)

    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statuses, "set_sent", kill)
        with pytest.raises(Killed):
            deliver(git_farm)
    assert git_farm.forge.states_of(commit) == ["pending"]
    git_farm.farm.clock.passes(statuses.RESERVED.total_seconds())
    assert deliver(git_farm) == 1
    assert git_farm.forge.states_of(commit) == ["pending"]
    assert only(git_farm).sent == "pending"


def test_one_that_did_not_arrive_before_the_farm_was_killed_is_sent(git_farm: GitFarm) -> None:
    commit = put(git_farm)
    with git_farm.application.writing() as unit:
        assert statuses.reserve(unit, ("main", commit, "farm/preview/main")) is not None
    assert deliver(git_farm) == 0
    git_farm.farm.clock.passes(statuses.RESERVED.total_seconds())
    assert deliver(git_farm) == 1
    assert git_farm.forge.states_of(commit) == ["pending"]


def test_one_that_may_have_arrived_may_have_so_after_an_attempt_that_was_refused(git_farm: GitFarm) -> None:
    key = ("main", put(git_farm), "farm/preview/main")
    for unsure in (True, False):
        with git_farm.application.writing() as unit:
            tried = statuses.reserve(unit, key)
            assert tried is not None
            statuses.set_unsent(unit, tried, "x", unsure=unsure)
        git_farm.farm.clock.passes(PAUSES[1].total_seconds())
        assert only(git_farm).unsure


def test_a_description_is_one_line_of_at_most_140_characters_with_nothing_to_obey(git_farm: GitFarm) -> None:
    put(git_farm, line="lib: \x1b]0;owned\x07 error\n" + "é" * 300)
    assert deliver(git_farm) == 1
    said = git_farm.forge.statuses[-1]["description"]
    assert len(said) == 140
    assert said.startswith("lib: \\x1b]0;owned\\x07 error é")


def test_old_statuses_are_forgotten_unless_they_wait(git_farm: GitFarm) -> None:
    put(git_farm)
    git_farm.farm.clock.passes(1)
    with git_farm.application.writing() as unit:
        statuses.forget_statuses(unit.session, before=unit.now)
    assert only(git_farm).state == "pending"
    deliver(git_farm)
    with git_farm.application.writing() as unit:
        statuses.forget_statuses(unit.session, before=unit.now)
        assert statuses.statuses_of(unit.session, "main", limit=9) == []
