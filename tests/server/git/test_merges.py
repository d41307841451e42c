"""What is merged is submitted: with the builds of its preview where it is the same, and with owners' signatures."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from farm.server.git import repositories
from farm.server.git.recipe_commits import commits_of
from farm.server.identities.access import Actor
from farm.server.recipes import recipes
from farm.server.submissions import submissions
from farm.server.submissions.pending_submissions import accept
from farm.server.submissions.previewing import expire_previews
from farm.server.tables.git_rows import ChangeState
from farm.server.tables.states import SubmissionState
from farm.store.git.commits import SignatureState
from farm.store.git.copy import GitCopy
from tests.farms.people import own, signed
from tests.server.git.git_farm import APP, CHANGED, LIB
from tests.server.git.test_previews_of_changes import AGAIN, OTHER, due
from tests.server.pipeline.test_newest_tests import with_tests

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.server.git.repositories import GitRepository
    from tests.server.git.git_farm import GitFarm

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
WRONG = {"recipe.yaml": LIB["recipe.yaml"].replace(b"license: MIT", b"licens: MIT")}
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
