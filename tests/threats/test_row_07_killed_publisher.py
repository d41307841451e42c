"""Row 7: the publisher killed at every access to the file system, and two publishers at once."""

from __future__ import annotations

import shutil
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.readers import DirectoryReader
from farm.core.names.digest import Digest
from farm.trust.attestation.check_results import VerifiedRelease
from farm.trust.attestation.release_summary import read_summary, summary_path
from farm.trust.ceremony.ceremony import found_repository
from farm.trust.ceremony.draft import Draft
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.metadata.delegation import role_of
from farm.trust.metadata.repository import Repository, StaleReleaseError
from farm.trust.verification.client_metadata import ChannelMetadata
from tests.threats.killed import dies_at, exit_status, fork
from tests.threats.simulator import Simulator, successor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.trust.index.release_index import Release

MOST_TOUCHES = 400


def seen(simulator: Simulator, public: Path, state: Path) -> Release:
    """What a client sees: everything is verified from the pinned root on."""
    root = (simulator.public / "metadata" / "1.root.json").read_bytes()
    return ChannelMetadata(state, root, DirectoryReader(public)).newest("edge")[0]


def killed_everywhere(
    simulator: Simulator, act: Callable[[Repository], object], check: Callable[[Path, bool], None]
) -> int:
    """Do `act` on a copy for every access at which it can be killed; `check` the copy after each, then finish it."""
    for touch in range(1, MOST_TOUCHES):
        public = simulator.folder / "attempt"
        shutil.copytree(simulator.public, public)
        killed = dies_at(touch, lambda at=public: act(Repository(at)), str(public))  # type: ignore[misc]
        check(public, not killed)
        # The next publisher finishes the work.
        act(Repository(public))
        check(public, True)
        shutil.rmtree(public)
        if not killed:
            return touch
    raise AssertionError("the publisher never came to its end")


def test_a_killed_publisher_of_a_release_leaves_the_old_or_the_new(simulator: Simulator, tmp_path: Path) -> None:
    old, new = simulator.releases[0], successor(simulator.releases[0], released_at="2026-01-02T00:00:00Z")
    online = simulator.online
    head = simulator.repository.head()
    assert head.targets.delegations
    keys = {keyid: head.targets.delegations.keys[keyid] for keyid in role_of(head.targets, "edge").keyids}
    verified = VerifiedRelease(
        release=new.digest,
        previous=old.digest,
        policy=Digest.of(simulator.repository.builders_document(head)),
        evidence=Digest.of(b"evidence"),
        new=(),
        provenances=(),
        checked=(),
    )
    known = tmp_path / "known"
    assert seen(simulator, simulator.public, known) == old

    def check(public: Path, done: bool) -> None:
        fresh, before = tmp_path / "fresh", tmp_path / "before"
        shutil.copytree(known, before)
        try:
            for state in (fresh, before):
                newest = seen(simulator, public, state)
                assert newest in ((new,) if done else (old, new))
                if newest == new:  # never without its summary, killed or not
                    read_summary((public / summary_path(new.digest)).read_bytes(), keys, new)
        finally:
            for state in (fresh, before):
                shutil.rmtree(state)

    def publish(repository: Repository) -> None:
        repository.publish(new, online, datetime.now(UTC), verified=verified)

    touches = killed_everywhere(simulator, publish, check)
    assert touches > 10


@pytest.mark.parametrize("role", ["targets", "root"])
def test_a_killed_publisher_of_a_draft_locks_nobody_out(simulator: Simulator, tmp_path: Path, role: str) -> None:
    simulator.keys("new keys/online/fresh")
    old = next(iter(simulator.repository.head().root.roles["timestamp"].keyids))
    change = (
        "--add-channel stable --key keys/online/fresh.pub"
        if role == "targets"
        else f"--role timestamp --remove-key {old} --add-key keys/online/fresh.pub"
    )
    simulator.keys(f"draft {role} --repository public {change}", f"sign {role}.draft --key keys/offline/{role} --yes")
    draft = Draft.from_json((simulator.folder / f"{role}.draft").read_bytes())
    online, release = simulator.online, simulator.releases[0]
    known = tmp_path / "known"
    seen(simulator, simulator.public, known)

    def check(public: Path, done: bool) -> None:
        fresh, before = tmp_path / "fresh", tmp_path / "before"
        shutil.copytree(known, before, symlinks=True)
        try:
            for state in (fresh, before):
                assert seen(simulator, public, state) == release
        finally:
            for state in (fresh, before):
                shutil.rmtree(state)
        if done:
            head = Repository(public).head()
            assert getattr(head, role).version == 2

    touches = killed_everywhere(
        simulator, lambda repository: publish_draft(repository, draft, online, datetime.now(UTC)), check
    )
    assert touches > 5


def test_a_killed_ceremony_goes_on_with_the_keys_it_had_made(tmp_path: Path) -> None:
    for touch in range(1, MOST_TOUCHES, 5):
        folder = tmp_path / str(touch)
        folder.mkdir()

        def found(at: Path = folder) -> object:
            return found_repository(at / "public", at / "keys", ["edge"], [], datetime.now(UTC))

        killed = dies_at(touch, found, str(folder))
        if killed and not Repository(folder / "public").exists():
            announced = folder / "public" / "metadata" / "1.root.json"
            before = announced.read_bytes() if announced.exists() else b""
            found()
            assert not before or announced.read_bytes() == before
        Repository(folder / "public").head()
        shutil.rmtree(folder)
        if not killed:
            assert touch > 20
            return
    raise AssertionError("the ceremony never came to its end")


def test_of_two_publishers_at_once_one_wins_and_the_other_is_told(simulator: Simulator, tmp_path: Path) -> None:
    online = simulator.online
    base = simulator.releases[0]
    rivals = [successor(base, released_at=f"2026-01-0{number}T00:00:00Z") for number in range(2, 6)]

    def publish(release: Release) -> int:
        try:
            simulator.repository.publish(release, online, datetime.now(UTC))
        except StaleReleaseError:
            return 7
        return 0

    stop, wrong = threading.Event(), list[object]()

    def look() -> None:
        while not stop.is_set():
            try:
                release = seen(simulator, simulator.public, tmp_path / "looking")
                if release not in (base, *rivals):
                    wrong.append(release)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is what the test is about
                wrong.append(error)

    children = [fork(lambda mine=release: publish(mine)) for release in rivals]  # type: ignore[misc]
    looking = threading.Thread(target=look)
    looking.start()
    statuses = [exit_status(child) for child in children]
    stop.set()
    looking.join()
    assert sorted(statuses) == [0, 7, 7, 7]
    winner = rivals[statuses.index(0)]
    assert seen(simulator, simulator.public, tmp_path / "client") == winner
    assert wrong == []
