"""Several readers, limits of the forge, and broken copies: no merge is lost, and no repository blocks another."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from farm.server.git import disconnecting, repositories
from farm.server.git.status_delivery import deliver_statuses
from farm.server.git.sync import sync_next, sync_repository
from farm.store.git.copy import GitCopy
from farm.store.git.program import GitError
from farm.store.locks import locked
from tests.server.git.git_farm import CHANGED, POLICY
from tests.server.git.test_merges import current, look, states
from tests.server.git.test_previews_of_changes import AGAIN, OTHER, due

if TYPE_CHECKING:
    from tests.server.git.git_farm import GitFarm

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def copy_of(farm: GitFarm) -> GitCopy:
    return GitCopy(farm.settings.directory / "main.git")


def read(farm: GitFarm) -> None:
    """Read the repository, whatever comes of it."""
    due(farm)
    assert sync_repository(farm.application, farm.settings, "main")


def test_while_one_reads_a_repository_another_reader_goes_on_and_it_stays_due(git_farm: GitFarm) -> None:
    due(git_farm)
    with locked(git_farm.settings.directory / "main.lock"):
        other = threading.Thread(target=sync_next, args=(git_farm.application, git_farm.settings))
        other.start()
        other.join(20)
        assert not other.is_alive(), "it waits for the first one"
        assert not sync_repository(git_farm.application, git_farm.settings, "main")
    assert sync_repository(git_farm.application, git_farm.settings, "main")


def test_a_merge_that_is_pushed_during_a_slow_first_reading_is_submitted(
    git_farm: GitFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with git_farm.application.planning() as unit:
        disconnecting.disconnect(unit, "main", by="a test")
    git_farm.connect()
    begun, go_on, whole = threading.Event(), threading.Event(), GitCopy.branches

    def slow(copy: GitCopy, remote: object) -> object:
        found = whole(copy, remote)  # type: ignore[arg-type]
        if not begun.is_set():
            begun.set()
            assert go_on.wait(20)
        return found

    monkeypatch.setattr(GitCopy, "branches", slow)
    readers = [threading.Thread(target=sync_next, args=(git_farm.application, git_farm.settings)) for _ in range(4)]
    readers[0].start()
    assert begun.wait(20)
    git_farm.forge.commit({"lib": CHANGED})
    git_farm.forge.push("main")
    for reader in readers[1:]:
        due(git_farm)  # a ping, `farm git sync`, and a push
        reader.start()
        reader.join(20)
        assert not reader.is_alive()
    go_on.set()
    readers[0].join(30)
    git_farm.look()
    assert [state for _, state in states(git_farm)] == ["taken"]


def test_a_repository_that_is_connected_anew_while_it_is_read_gets_nothing_of_the_old_connection(
    git_farm: GitFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_farm.forge.commit({"lib": CHANGED})
    git_farm.forge.push("main")
    before, whole = current(git_farm), GitCopy.branches

    def reconnect(copy: GitCopy, remote: object) -> object:
        monkeypatch.setattr(GitCopy, "branches", whole)
        with git_farm.application.planning() as unit:
            disconnecting.disconnect(unit, "main", by="a test")
        git_farm.farm.clock.passes(1)
        git_farm.connect()
        return whole(copy, remote)  # type: ignore[arg-type]

    monkeypatch.setattr(GitCopy, "branches", reconnect)
    read(git_farm)
    assert current(git_farm) == before
    assert states(git_farm) == []
    assert git_farm.repository().head == ""
    look(git_farm)
    assert git_farm.repository().head == git_farm.forge.git("rev-parse", "main")


@pytest.mark.parametrize("error", [GitError("git was ended: it was not done after 300 s"), RuntimeError("a surprise")])
def test_what_fails_for_once_is_trouble_and_the_merge_is_submitted_the_next_time(
    git_farm: GitFarm, error: Exception
) -> None:
    head = git_farm.forge.commit({"lib": CHANGED})
    git_farm.forge.push("main")
    with pytest.MonkeyPatch.context() as patch:

        def fail(*_: object) -> None:
            raise error

        patch.setattr(GitCopy, "changed_paths", fail)
        read(git_farm)
    known = git_farm.repository()
    assert str(error) in known.trouble
    assert (known.failures, known.refused) == (1, "")
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["taken"]
    assert git_farm.forge.states_of(head, "farm/submission/main") == ["success"]


def test_half_a_copy_is_made_anew(git_farm: GitFarm) -> None:
    (copy_of(git_farm).directory / "HEAD").unlink()
    git_farm.forge.commit({"lib": CHANGED})
    git_farm.forge.push("main")
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["taken"]


def test_a_copy_that_lacks_objects_is_made_anew(git_farm: GitFarm) -> None:
    for pack in (copy_of(git_farm).directory / "objects" / "pack").glob("*"):
        pack.unlink()
    git_farm.forge.commit({"lib": CHANGED})
    git_farm.forge.push("main")
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["taken"]


def test_locks_of_a_git_that_was_killed_are_removed(git_farm: GitFarm) -> None:
    place = copy_of(git_farm).directory
    head = git_farm.forge.commit({"lib": CHANGED})
    for lock in (f"refs/farm/{head}.lock", "packed-refs.lock", "config.lock"):
        (place / lock).parent.mkdir(parents=True, exist_ok=True)
        (place / lock).touch()
    git_farm.forge.push("main")
    look(git_farm)
    assert [state for _, state in states(git_farm)] == ["taken"]


def test_a_branch_below_the_name_of_one_that_is_gone_is_read(git_farm: GitFarm) -> None:
    forge = git_farm.forge
    for name, recipes in (("topic", {"lib": CHANGED}), ("topic/a", {"lib": AGAIN})):
        forge.git("checkout", "-q", "-B", "work", "main")
        forge.commit(recipes)
        forge.push(f"work:{name}")
        forge.git("checkout", "-q", "main")
        look(git_farm)
        assert list(git_farm.changes()) == [f"branch/{name}"]
        forge.push(f":{name}")


@pytest.mark.parametrize("kind", ["seconds", "date", "reset", "none"])
def test_the_forge_is_not_asked_while_it_wants_a_pause_whoever_asks(git_farm: GitFarm, kind: str) -> None:
    then = datetime.now(UTC) + timedelta(seconds=600)
    headers = {
        "seconds": {"Retry-After": "600"},
        "date": {"Retry-After": format_datetime(then, usegmt=True)},
        "reset": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(then.timestamp()))},
        "none": {},
    }[kind]
    pause = 60 if kind == "none" else 600
    git_farm.forge.open_pull("topic", {"lib": CHANGED})
    git_farm.forge.busy = (429 if kind == "none" else 403, headers)
    read(git_farm)
    known = git_farm.repository()
    assert known.failures == 0
    assert "asks for a pause" in known.trouble
    asked = len(git_farm.forge.requests)
    due(git_farm)
    assert not sync_repository(git_farm.application, git_farm.settings, "main"), "a webhook undoes the pause"
    git_farm.farm.clock.passes(pause - 10)
    assert not sync_repository(git_farm.application, git_farm.settings, "main")
    assert len(git_farm.forge.requests) == asked
    git_farm.forge.busy = None
    git_farm.farm.clock.passes(20)
    git_farm.look()
    assert git_farm.preview_of(1)


def test_a_status_waits_for_the_pause_of_the_forge_without_an_attempt(git_farm: GitFarm) -> None:
    pull = git_farm.forge.open_pull("topic", {"lib": CHANGED})
    read(git_farm)
    git_farm.forge.busy = (403, {"Retry-After": "600"})
    assert deliver_statuses(git_farm.application, POLICY) == 0
    asked = len(git_farm.forge.requests)
    git_farm.farm.clock.passes(300)
    assert deliver_statuses(git_farm.application, POLICY) == 0
    due(git_farm)
    assert not sync_repository(git_farm.application, git_farm.settings, "main")
    assert len(git_farm.forge.requests) == asked
    git_farm.forge.busy = None
    git_farm.farm.clock.passes(300)
    assert deliver_statuses(git_farm.application, POLICY) == 1
    assert git_farm.forge.states_of(git_farm.forge.head_of(pull)) == ["pending"]


def test_where_the_list_of_pull_requests_cannot_be_read_merges_are_submitted_nevertheless(git_farm: GitFarm) -> None:
    git_farm.forge.commit({"other": OTHER})
    git_farm.forge.push("main")
    git_farm.forge.busy = (500, {})
    read(git_farm)
    assert "HTTP status 500" in git_farm.repository().trouble
    assert [state for _, state in states(git_farm)] == ["taken"]


def test_a_webhook_during_a_reading_has_it_read_again(git_farm: GitFarm) -> None:
    due(git_farm)
    with git_farm.application.writing() as unit:
        reserved = repositories.reserve(unit, "main")
    assert reserved is not None
    due(git_farm)
    with git_farm.application.writing() as unit:
        repositories.set_synced(unit, reserved, again=timedelta(minutes=5))
    assert sync_repository(git_farm.application, git_farm.settings, "main")


def test_a_copy_is_made_anew_between_two_readings_and_never_within_one(
    git_farm: GitFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    git_farm.forge.open_pull("topic", {"lib": CHANGED})
    whole = GitCopy.branches

    def grown(copy: GitCopy, remote: object) -> object:
        found = whole(copy, remote)  # type: ignore[arg-type]
        monkeypatch.setattr(GitCopy, "_size", lambda _: 3 << 30)
        return found

    monkeypatch.setattr(GitCopy, "branches", grown)
    look(git_farm)
    assert git_farm.preview_of(1)


def test_a_copy_is_removed_as_a_whole(git_farm: GitFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = copy_of(git_farm)
    with monkeypatch.context() as killed:
        killed.setattr("shutil.rmtree", lambda *_, **__: None)
        copy.remove()
    assert not copy.directory.exists()
    assert list(copy.directory.parent.glob("main.git.*"))
    copy.remove()
    assert not list(copy.directory.parent.glob("main.git.*"))
