"""The farm's registry on the loopback, over a small published distribution, with its access log."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from farm.server.documents.log_store import LogStore
from farm.server.transaction.planning_inputs import LeasePolicy
from farm.server.transaction.unit_of_work import Application
from farm.store.blobs import BlobStore
from tests.farms.served import serving
from tests.farms.small import WORLD
from web.app import create_app
from web.registry.image_lookup import ImageMaking
from web.registry.releases import SignedReleases

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database
    from tests.client.distribution import SmallDistribution
    from web.registry.budget import Bounds
    from web.registry.image_cache import CacheLimits

GREETED = "edge/greet"


@dataclass(frozen=True)
class RunningRegistry:
    url: str
    folder: Path

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        return httpx.request(method, f"{self.url}/v2/{path}", headers=headers, timeout=30)

    def digest(self, name: str, tag: str = "latest") -> str:
        answered = self.ask(f"{name}/manifests/{tag}")
        assert answered.status_code == 200, answered.text
        return str(answered.headers["docker-content-digest"])

    def manifest(self, name: str, tag: str = "latest") -> dict[str, Any]:
        found: dict[str, Any] = self.ask(f"{name}/manifests/{tag}").json()
        return found

    def refused(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        answered = self.ask(path, method)
        (error,) = answered.json()["errors"]
        return answered.status_code, error["code"], error["message"]

    def lines(self, kind: str = "") -> list[dict[str, Any]]:
        """The access log so far, of one kind of request or of all."""
        lines = [json.loads(line) for line in (self.folder / "access.log").read_text().splitlines()]
        return [line for line in lines if kind in ("", line["kind"])]

    def blobs_sent(self) -> list[str]:
        return [line["reference"] for line in self.lines("blob") if line["method"] == "GET" and line["status"] == 200]


@contextmanager
def running_registry(
    database: Database, directory: Path, repository: Path, image_signer: Path | None = None
) -> Iterator[RunningRegistry]:
    blobs, logs = BlobStore(directory / "blobs"), LogStore(directory / "logs")
    application = Application.open(database, blobs, logs, WORLD, LeasePolicy())
    with serving(create_app(application, repository=repository, image_signer=image_signer)) as url:
        yield RunningRegistry(url, directory / "registry")


def making(
    distribution: SmallDistribution, folder: Path, bounds: Bounds | None = None, room: CacheLimits | None = None
) -> ImageMaking:
    """The images of a distribution, without a server."""
    return ImageMaking(SignedReleases(distribution.public, folder / "metadata"), folder, bounds, room)
