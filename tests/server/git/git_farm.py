"""A releasing farm that a repository of a forge on the loopback is connected to."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.server.git import changes, repositories
from farm.server.git.repositories import RepositoryRequest
from farm.server.git.status_delivery import deliver_statuses
from farm.server.git.sync import SyncSettings, sync_repository
from farm.server.git.verdicts import show_verdicts
from farm.server.submissions.pending_submissions import find_submission
from farm.server.tables.git_rows import ChangeState, Forge, PreviewPermission
from farm.server.transaction.planning_inputs import LeasePolicy
from farm.store.http.address_guard import AddressGuard
from farm.store.http.exchange import ExchangePolicy
from tests.farms.releasing import ReleasingFarm
from tests.farms.served import serving
from tests.server.git.forge import TOKEN, GitForge, serving_forge
from tests.server.pipeline.test_newest_tests import with_tests
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.git.changes import Change
    from farm.server.git.repositories import GitRepository
    from farm.server.submissions.pending_submissions import SubmissionView
    from farm.server.tables.session import Database

ADDRESS = "https://farm.example.org"
POLICY = ExchangePolicy(AddressGuard.of(["127.0.0.0/8"]))
LIB, APP = with_tests("lib", "lib-works"), with_tests("app", "app-works", needs=("lib",))
CHANGED = with_tests("lib", "lib-works", flag="x", revision=2)


class GitFarm:
    """A releasing farm that a repository of a forge is connected to, and the address that takes webhooks."""

    def __init__(self, farm: ReleasingFarm, forge: GitForge, place: Path, url: str) -> None:
        self.farm, self.forge, self.url = farm, forge, url
        self.application = farm.application
        self.settings = SyncSettings(place, ADDRESS, POLICY)
        self.secret = self.connect().secret

    def connect(self, name: str = "main", **more: object) -> GitRepository:
        asked = {
            "name": name,
            "url": self.forge.url,
            "branch": "main",
            "path": "recipes",
            "forge": Forge(self.forge.kind),
            "api": self.forge.api,
            "token": TOKEN,
            "previews": PreviewPermission.MEMBERS,
            "members": ("ada",) if self.forge.kind == "forgejo" else (),
        }
        with self.application.writing() as unit:
            return repositories.connect(unit, RepositoryRequest(**(asked | more)), by="token:admin")  # type: ignore[arg-type]

    def webhook(self, event: str = "pull_request") -> str:
        """Send a webhook some time after the last look."""
        self.farm.clock.passes(repositories.BETWEEN_WEBHOOKS.total_seconds())
        answer = self.forge.send(f"{self.url}/api/v1/git/main/webhook", self.secret, event)
        assert answer.status_code == 202, answer.text
        result: str = answer.json()["result"]
        return result

    def look(self) -> None:
        """Do what control does when a repository is due."""
        assert sync_repository(self.application, self.settings, "main")
        assert self.repository().trouble == ""
        self.tell()

    def tell(self) -> int:
        show_verdicts(self.application, ADDRESS)
        return deliver_statuses(self.application, POLICY)

    def repository(self) -> GitRepository:
        with self.application.reading() as unit:
            return repositories.find_repository(unit.session, "main")

    def changes(self) -> dict[str, Change]:
        with self.application.reading() as unit:
            return changes.changes_of(unit.session, "main")

    def preview_of(self, pull: int) -> int:
        change = self.changes()[f"pull/{pull}"]
        assert change.state is ChangeState.PREVIEW, change
        assert change.submission is not None
        return change.submission

    def submission(self, number: int) -> SubmissionView:
        with self.application.reading() as unit:
            return find_submission(unit, number)

    def settle_previews(self, **how: object) -> None:
        for _ in range(20):
            self.farm.build_all_but_tests()
            self.farm.pipeline.advance()
            self.farm.pipeline.examine_previews()
            if not self.farm.run_tests(**how):  # type: ignore[arg-type]
                break
        self.farm.pipeline.examine_previews()
        self.tell()


@contextmanager
def git_farm_of(database: Database, place: Path, kind: str) -> Iterator[GitFarm]:
    """Run a farm with a library and a program, which a repository of this kind of forge has too."""
    farm = ReleasingFarm.open(database, place / "farm", LeasePolicy(rebuild="always"))
    farm.submit(LIB, APP)
    farm.settle()
    farm.test_runs.clear()
    with serving_forge(place / "forge", kind=kind) as forge, serving(create_app(farm.application)) as url:
        forge.commit({"lib": LIB, "app": APP})
        forge.push("main")
        made = GitFarm(farm, forge, place / "git", url)
        made.look()
        yield made
        assert forge.refused == []
