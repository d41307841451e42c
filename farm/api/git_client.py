"""The API for git repositories that recipes come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.api import git_wire
from farm.api.farm_client import FarmClient, segment

if TYPE_CHECKING:
    from farm.api.git_wire import (
        ChangeWire,
        ConnectRequest,
        DisconnectedWire,
        RepositoryDetail,
        RepositoryWire,
        SetRequest,
    )

_PATH = "/api/v1/git"


class GitClient(FarmClient):
    """A connection to a farm that takes recipes from git."""

    def connect_repository(self, asked: ConnectRequest) -> RepositoryWire:
        """Let recipes come from a repository; the answer alone has the secret of its webhook."""
        return self._post(_PATH, git_wire.RepositoryWire, asked.model_dump(mode="json"))

    def repositories(self) -> tuple[RepositoryWire, ...]:
        """Return the connected repositories."""
        return self._get(_PATH, git_wire.RepositoryPage).repositories

    def repository(self, name: str) -> RepositoryDetail:
        """Return a connected repository, with what is known of its changes."""
        return self._get(f"{_PATH}/{segment(name)}", git_wire.RepositoryDetail)

    def set_repository(self, name: str, asked: SetRequest) -> RepositoryWire:
        """Change how a repository is connected; the answer has the secret of its webhook if that is new."""
        return self._post(f"{_PATH}/{segment(name)}/set", git_wire.RepositoryWire, asked.model_dump(mode="json"))

    def disconnect_repository(self, name: str) -> DisconnectedWire:
        """Take no more recipes from a repository, and withdraw its previews."""
        return self._post(f"{_PATH}/{segment(name)}/disconnect", git_wire.DisconnectedWire, {})

    def sync_repository(self, name: str) -> RepositoryWire:
        """Have a repository read now; return it as it was before."""
        return self._post(f"{_PATH}/{segment(name)}/sync", git_wire.RepositoryWire, {})

    def preview_pull_request(self, name: str, number: int, commit: str) -> ChangeWire:
        """Have a pull request previewed at its newest commit, which this has to be, whoever its author is."""
        asked = {"commit": commit}
        return self._post(f"{_PATH}/{segment(name)}/pulls/{number}/preview", git_wire.ChangeWire, asked)
