"""What is merged is submitted: with the builds of its preview where it is the same, and with owners' signatures."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from farm.errors import FarmError
from farm.server.git import changes, merged_changes, repositories
from farm.server.git.change_previews import RETRY
from farm.server.git.recipe_commits import commits_of
from farm.server.git.sync import sync_repository
from farm.server.identities.access import Actor
from farm.server.recipes import recipes
from farm.server.submissions import submissions
from farm.server.submissions.pending_submissions import accept
from farm.server.submissions.previewing import expire_previews
from farm.server.tables.git_rows import ChangeState
from farm.server.tables.states import SubmissionState
from farm.server.transaction.planning_inputs import PreviewPolicy
from farm.store.git.commits import SignatureState
from farm.store.git.copy import GitCopy
from tests.farms.people import own, signed
from tests.refusing import refuses
from tests.server.git.git_farm import APP, CHANGED, LIB
from tests.server.git.test_previews_of_changes import AGAIN, OTHER, ask, due
from tests.server.pipeline.test_newest_tests import with_tests

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.server.git.repositories import GitRepository
    from tests.server.git.git_farm import GitFarm

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
WRONG = {"recipe.yaml": LIB["recipe.yaml"].replace(b"license: MIT", b"licens: MIT")}
SUBMISSION = "farm/submission/main"
THIRD = with_tests("lib", "lib-works", flag="z", revision=3)
NEEDS_OTHER = with_tests("more", "more-works", needs=("other",))
CHANGED_APP = with_tests("app", "app-works", needs=("lib",), flag="z", revision=2)


def look(farm: GitFarm) -> None:
    due(farm)
    farm.look()


def forget_head(farm: GitFarm, before: GitRepository) -> None:
    """Be as after an interruption, between a submission and the record of it."""
    with farm.application.writing() as unit:
        unit.session.connection().exec_driver_sql("UPDATE git_repository SET head = ?", (before.head,))


def current(farm: GitFarm) -> dict[str, Digest]:
    with farm.application.reading() as unit:
        return recipes.current_digests(unit.session, ["lib", "app", "other"])


def states(farm: GitFarm) -> list[tuple[int, str]]:
    """The submissions of the repository with their states, oldest first."""
    with farm.application.reading() as unit:
        found = submissions.list_submissions(unit.session)
    return [(record.id, str(record.state)) for record in reversed(found) if record.submitted_by == "git:main"]


def test_what_is_pushed_to_the_branch_without_a_pull_request_is_submitted(git_farm: GitFarm) -> None:
    before = current(git_farm)
    head = git_farm.forge.commit({"lib": CHANGED, "other": OTHER})
    git_farm.forge.push("main")
    look(git_farm)
    after = current(git_farm)
    assert after["lib"] != before["lib"]
    assert after["app"] == before["app"]
    assert "other" in after
    assert [state for _, state in states(git_farm)] == ["taken"]
    assert git_farm.forge.states_of(head, "farm/submission/main") == ["success"]
    look(git_farm)
    assert len(states(git_farm)) == 1


def test_what_was_there_when_it_was_connected_is_not_submitted(git_farm: GitFarm) -> None:
    assert states(git_farm) == []
    assert git_farm.repository().head == git_farm.forge.git("rev-parse", "main")


def test_a_squashed_merge_takes_the_builds_too(git_farm: GitFarm) -> None:
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    number = git_farm.preview_of(1)
    git_farm.settle_previews()
    git_farm.forge.git("merge", "-q", "--squash", "topic")
    git_farm.forge.git("commit", "-q", "-m", "squashed")
    pull.state, pull.merged_by = "closed", git_farm.forge.git("rev-parse", "HEAD")
    git_farm.forge.push("main")
    look(git_farm)
    assert states(git_farm) == [(number, "taken")]
    assert git_farm.farm.build_all_but_tests() == []


def test_a_merge_with_other_recipes_than_the_preview_had_is_submitted_anew(git_farm: GitFarm) -> None:
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    number = git_farm.preview_of(1)
    pull.state = "closed"
    pull.merged_by = git_farm.forge.commit({"lib": AGAIN})
    git_farm.forge.push("main")
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["withdrawn", "taken"]
    assert git_farm.submission(number).record.state is SubmissionState.WITHDRAWN


def test_two_merges_between_two_looks_accept_both_previews(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    one, two = forge.open_pull("one", {"lib": CHANGED}), forge.open_pull("two", {"other": OTHER})
    look(git_farm)
    numbers = [git_farm.preview_of(1), git_farm.preview_of(2)]
    forge.merge(one)
    forge.merge(two)
    look(git_farm)
    assert states(git_farm) == [(number, "taken") for number in numbers]
    assert git_farm.changes() == {}


def test_recipes_with_errors_change_nothing_and_are_submitted_with_the_commit_that_mends_them(
    git_farm: GitFarm,
) -> None:
    before = current(git_farm)
    bad = git_farm.forge.commit({"lib": WRONG, "app": CHANGED_APP})
    git_farm.forge.push("main")
    for _ in range(2):
        look(git_farm)
    assert current(git_farm) == before
    assert git_farm.forge.states_of(bad, "farm/submission/main") == ["failure"]
    assert "licens" in git_farm.forge.statuses[-1]["description"]
    good = git_farm.forge.commit({"lib": CHANGED})
    git_farm.forge.push("main")
    look(git_farm)
    after = current(git_farm)
    assert after["lib"] != before["lib"]
    assert after["app"] != before["app"], "what was in the commit with errors is lost"
    assert git_farm.forge.states_of(good, "farm/submission/main") == ["success"]


def test_a_merge_that_git_does_not_have_yet_withdraws_no_preview(git_farm: GitFarm) -> None:
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    number = git_farm.preview_of(1)
    pull.state, pull.merged_by = "closed", "f" * 40  # the branch is not updated yet
    look(git_farm)
    assert git_farm.submission(number).record.state is SubmissionState.PREVIEW
    git_farm.forge.merge(pull)
    look(git_farm)
    assert states(git_farm) == [(number, "taken")]


def test_a_branch_that_was_rewritten_is_told_and_submits_nothing(git_farm: GitFarm) -> None:
    git_farm.forge.git("checkout", "-q", "--orphan", "fresh")
    head = git_farm.forge.commit({"lib": CHANGED})
    git_farm.forge.push("fresh:main")
    GitCopy(git_farm.settings.directory / "main.git").remove()
    look(git_farm)
    assert states(git_farm) == []
    assert git_farm.forge.states_of(head, "farm/submission/main") == ["failure"]
    assert "has no longer the commit" in git_farm.forge.statuses[-1]["description"]


def test_interrupted_after_the_submission_and_before_it_was_recorded_nothing_is_submitted_twice(
    git_farm: GitFarm,
) -> None:
    git_farm.forge.commit({"lib": CHANGED})
    git_farm.forge.push("main")
    before = git_farm.repository()
    look(git_farm)
    taken = states(git_farm)
    forget_head(git_farm, before)
    look(git_farm)
    assert states(git_farm) == taken


def test_where_recipes_have_owners_a_merge_waits_and_the_owner_takes_its_builds(git_farm: GitFarm) -> None:
    own(git_farm.farm)
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    number = git_farm.preview_of(1)
    git_farm.settle_previews()
    before = current(git_farm)
    merge = git_farm.forge.merge(pull)
    for _ in range(2):
        look(git_farm)
    assert current(git_farm) == before, "a merge has replaced an owner's signature"
    assert [change.state for change in git_farm.changes().values()] == [ChangeState.MERGED]
    assert git_farm.submission(number).record.state is SubmissionState.PREVIEW
    assert git_farm.forge.states_of(merge, "farm/submission/main") == ["pending"]
    assert git_farm.forge.statuses[-1]["description"].endswith(f"farm submission accept {number}")
    accept(git_farm.application, Actor("token:alice"), number, signed("alice", CHANGED))
    assert git_farm.farm.build_all_but_tests() == []
    assert current(git_farm) != before
    look(git_farm)
    assert git_farm.changes() == {}


def test_a_merge_whose_preview_expires_before_owners_have_signed_goes_on_waiting(git_farm: GitFarm) -> None:
    own(git_farm.farm)
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    number = git_farm.preview_of(1)
    git_farm.forge.merge(pull)
    look(git_farm)
    git_farm.farm.clock.passes(timedelta(days=8).total_seconds())
    expire_previews(git_farm.application)
    look(git_farm)
    (_, expired), (again, waiting) = states(git_farm)
    assert (expired, waiting) == ("expired", "waiting")
    assert again != number
    look(git_farm)
    assert len(states(git_farm)) == 2
    accept(git_farm.application, Actor("token:alice"), again, signed("alice", CHANGED))
    assert git_farm.submission(again).record.state is SubmissionState.TAKEN


def test_what_waits_for_owners_is_not_submitted_a_second_time_after_an_interruption(git_farm: GitFarm) -> None:
    own(git_farm.farm)
    git_farm.forge.commit({"lib": CHANGED})
    git_farm.forge.push("main")
    before = git_farm.repository()
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["waiting"]
    forget_head(git_farm, before)
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["waiting"]


def test_who_wrote_a_recipe_is_recorded_of_its_preview_and_of_its_merge(git_farm: GitFarm) -> None:
    git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    number = git_farm.preview_of(1)
    with git_farm.application.reading() as unit:
        found = commits_of(unit.session, [number])[number]["lib"]
    assert found.commit == git_farm.forge.git("rev-parse", "topic")
    assert (found.author, found.committer, found.url) == ("Ada", "Grace", git_farm.forge.url)
    assert found.signature is SignatureState.UNSIGNED
    head = git_farm.forge.commit({"app": APP | {"recipe.yaml": CHANGED_APP["recipe.yaml"]}})
    git_farm.forge.push("main")
    look(git_farm)
    (taken,) = [number for number, state in states(git_farm) if state == "taken"]
    with git_farm.application.reading() as unit:
        assert commits_of(unit.session, [taken])[taken]["app"].commit == head


def test_pages_and_answers_show_who_wrote_a_recipe_and_whether_it_is_signed(git_farm: GitFarm) -> None:
    git_farm.forge.git("checkout", "-q", "main")
    head = git_farm.forge.commit({"lib": CHANGED, "other": OTHER})
    git_farm.forge.push("main")
    look(git_farm)
    ((number, _),) = states(git_farm)
    for path in (f"/submissions/{number}", "/packages/other"):
        page = httpx.get(f"{git_farm.url}{path}").text
        assert head[:12] in page, path
        assert "author <q><bdi>Ada</bdi></q>, committer <q><bdi>Grace</bdi></q>" in page, path
        assert "signature unsigned" in page, path
    (shown,) = httpx.get(f"{git_farm.url}/api/v1/submissions?limit=1").json()["submissions"]
    commit = {recipe["name"]: recipe["commit"] for recipe in shown["recipes"]}["lib"]
    assert (commit["commit"], commit["author_email"], commit["signature"]) == (head, "ada@example.org", "unsigned")


def test_no_name_in_a_commit_passes_for_a_signature(git_farm: GitFarm) -> None:
    forge, claim = git_farm.forge, "Eve: signed by alice, when it was read, SHA256:abc" + 99 * " and more"
    forge.git("checkout", "-q", "main")
    forge.git("config", "user.name", "Eve")
    forge.commit({"other": OTHER})
    forge.git("commit", "-q", "--amend", "-m", "x", "--author", f"{claim} <eve@example.org>")
    forge.push("main")
    look(git_farm)
    ((number, _),) = states(git_farm)
    for path in (f"/submissions/{number}", "/packages/other"):
        page = httpx.get(f"{git_farm.url}{path}").text
        assert re.findall('<span class="signature">(.*?)</span>', page) == ["signature unsigned, when it was read"]
        (author, _) = re.findall("<q><bdi>(.*?)</bdi></q>", page)
        assert claim.startswith(author.removesuffix("…")), path
        assert len(author) == 60, path
        assert "alice" not in page.replace(author, ""), path


def test_the_timer_does_what_a_webhook_does(git_farm: GitFarm) -> None:
    git_farm.forge.commit({"lib": CHANGED})
    git_farm.forge.push("main")
    with git_farm.application.reading() as unit:
        assert repositories.due(unit.session, now=unit.now, limit=9) == []
    git_farm.farm.clock.passes(git_farm.settings.every.total_seconds())
    git_farm.look()
    assert [state for _, state in states(git_farm)] == ["taken"]


def settle_owned(farm: GitFarm, number: int, *recipes: dict[str, bytes]) -> None:
    accept(farm.application, Actor("token:alice"), number, signed("alice", *recipes))


def expire(farm: GitFarm) -> None:
    farm.farm.clock.passes(timedelta(days=8).total_seconds())
    expire_previews(farm.application)


def test_a_merge_that_needs_what_waits_for_an_owner_is_submitted_once_that_is_accepted(git_farm: GitFarm) -> None:
    own(git_farm.farm)
    git_farm.forge.commit({"other": OTHER})
    git_farm.forge.push("main")
    look(git_farm)
    head = git_farm.forge.commit({"more": NEEDS_OTHER})
    git_farm.forge.push("main")
    look(git_farm)
    assert git_farm.repository().refused == head
    assert git_farm.forge.states_of(head, SUBMISSION) == ["failure"]
    ((waiting, _),) = states(git_farm)
    settle_owned(git_farm, waiting, OTHER)
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["taken", "waiting"]
    assert git_farm.repository().refused == ""
    assert git_farm.forge.states_of(head, SUBMISSION) == ["failure", "pending"]


def test_what_was_merged_again_withdraws_what_waits_for_owners_with_the_older_recipes(git_farm: GitFarm) -> None:
    own(git_farm.farm)
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED, "other": OTHER})
    look(git_farm)
    preview = git_farm.preview_of(1)
    git_farm.forge.merge(pull)
    look(git_farm)
    git_farm.forge.commit({"lib": THIRD})
    git_farm.forge.push("main")
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["withdrawn", "waiting"]
    assert git_farm.submission(preview).record.state is SubmissionState.WITHDRAWN
    newer = git_farm.submission(states(git_farm)[-1][0])
    assert [recipe.name for recipe in newer.recipes] == ["lib", "other"], "what else was merged is lost"
    with git_farm.application.reading() as unit:
        assert set(commits_of(unit.session, [newer.record.id])[newer.record.id]) == {"lib", "other"}
    settle_owned(git_farm, newer.record.id, THIRD, OTHER)
    taken = current(git_farm)
    expire(git_farm)
    for _ in range(2):
        look(git_farm)
    assert [state for _, state in states(git_farm)] == ["withdrawn", "taken"]
    assert current(git_farm) == taken


def test_two_submissions_that_wait_are_withdrawn_by_a_later_merge(git_farm: GitFarm) -> None:
    own(git_farm.farm)
    for recipe in (CHANGED, THIRD):
        git_farm.forge.commit({"lib": recipe})
        git_farm.forge.push("main")
        look(git_farm)
    assert [state for _, state in states(git_farm)] == ["withdrawn", "waiting"]


def test_killed_while_an_expired_merge_is_submitted_again_there_is_one_submission_with_its_author(
    git_farm: GitFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(git_farm.farm)
    git_farm.forge.merge(pull := git_farm.forge.open_pull("topic", {"lib": CHANGED}))
    git_farm.forge.git("reset", "-q", "--hard", "HEAD~1")
    pull.state, pull.merged_by = "open", ""
    git_farm.forge.push("main")
    look(git_farm)
    git_farm.forge.merge(pull)
    look(git_farm)
    expire(git_farm)

    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    due(git_farm)
    with monkeypatch.context() as patch:
        patch.setattr(changes, "set_merged", kill)
        with pytest.raises(Killed):
            sync_repository(git_farm.application, git_farm.settings, "main")
    for _ in range(2):
        look(git_farm)
    (_, waiting) = states(git_farm)
    assert waiting[1] == "waiting"
    with git_farm.application.reading() as unit:
        assert commits_of(unit.session, [waiting[0]])[waiting[0]]["lib"].author == "Ada"


def test_an_expired_merge_that_cannot_be_submitted_again_holds_nothing_up(git_farm: GitFarm) -> None:
    own(git_farm.farm)
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    git_farm.forge.merge(pull)
    look(git_farm)
    expire(git_farm)
    with pytest.MonkeyPatch.context() as patch:

        def fail(*_: object, **__: object) -> None:
            raise FarmError("no blob")

        patch.setattr(merged_changes, "submit", fail)
        look(git_farm)
    (change,) = git_farm.changes().values()
    assert change.detail.endswith("cannot be submitted again: no blob")
    git_farm.farm.clock.passes(RETRY.total_seconds())
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["expired", "waiting"]


def test_a_merged_pull_request_cannot_be_asked_for_again(git_farm: GitFarm) -> None:
    own(git_farm.farm)
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    git_farm.forge.merge(pull)
    look(git_farm)
    expire(git_farm)
    with refuses("not-found"):
        ask(git_farm, 1)
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["expired", "waiting"]


def test_what_is_pushed_to_a_branch_whose_merge_waits_is_previewed(git_farm: GitFarm) -> None:
    own(git_farm.farm)
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    first = git_farm.preview_of(1)
    git_farm.forge.commit({"lib": CHANGED})  # the same recipes, without the pull request
    git_farm.forge.push("main")
    look(git_farm)
    assert list(git_farm.changes()) == [f"merged/{first}"]
    git_farm.forge.update_pull(pull, {"lib": THIRD})
    look(git_farm)
    assert git_farm.preview_of(1) != first
    assert git_farm.submission(first).record.state is SubmissionState.PREVIEW


def test_merges_that_wait_take_no_place_in_the_quota(git_farm: GitFarm) -> None:
    git_farm.application = replace(git_farm.application, preview_policy=PreviewPolicy(most_open=1))
    own(git_farm.farm)
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    look(git_farm)
    git_farm.forge.merge(pull)
    look(git_farm)
    git_farm.forge.open_pull("next", {"other": OTHER})
    look(git_farm)
    assert git_farm.preview_of(2)
