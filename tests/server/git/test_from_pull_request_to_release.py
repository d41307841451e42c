"""A pull request on a real git server becomes a preview, its verdict a commit status, and its merge a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.server.git.git_farm import ADDRESS, CHANGED, GitFarm, git_farm_of
from tests.server.pipeline.test_preview_verdicts import digests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database


@pytest.fixture(params=["github", "forgejo"])
def git_farm(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[GitFarm]:
    with git_farm_of(database, tmp_path, request.param) as made:
        yield made


def test_from_a_pull_request_to_a_release_with_the_builds_of_its_preview(git_farm: GitFarm) -> None:
    forge, farm = git_farm.forge, git_farm.farm
    pull = forge.open_pull("topic", {"lib": CHANGED})
    head = forge.head_of(pull)
    assert git_farm.webhook() == "accepted"
    git_farm.look()
    number = git_farm.preview_of(pull.number)
    assert forge.states_of(head) == ["pending"]

    git_farm.settle_previews()
    assert forge.states_of(head) == ["pending", "success"]
    told = forge.statuses[-1]
    assert told["target_url"] == f"{ADDRESS}/submissions/{number}"
    assert told["description"] == "2 packages would change, 2 tests passed"
    built = digests(farm, number)
    assert farm.releases() == 1

    merge = forge.merge(pull)
    farm.test_runs.clear()
    assert git_farm.webhook("push") == "accepted"
    git_farm.look()
    assert forge.states_of(merge, "farm/submission/main") == ["success"]
    assert farm.build_all_but_tests() == [], "what was built in the preview is built again"
    farm.settle()
    assert farm.releases() == 2
    assert farm.released() == built
    assert farm.test_runs == [], "what was tested in the preview is tested again"
    assert git_farm.changes() == {}
    assert forge.states_of(head) == ["pending", "success", "success"]
    assert "accepted: the farm has taken these builds" in [told["description"] for told in forge.statuses]
