"""A readiness probe learns whether the farm can accept anything, from a disk that is really full."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from farm.container.mounts import mount_tmpfs, unmount_below
from farm.server.tables.session import Database
from farm.store.blobs import BlobStore
from tests.farms.small import SmallFarm
from web.api import readiness
from web.app import create_app

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.docker  # it mounts
def test_a_farm_whose_disk_is_full_is_not_ready_until_there_is_room(
    tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(readiness, "_KEPT_SECONDS", 0.0)
    shutil.copyfile(migrated_sqlite, tmp_path / "farm.db")
    database, disk = Database(f"sqlite:///{tmp_path / 'farm.db'}"), tmp_path / "disk"
    disk.mkdir()
    mount_tmpfs(disk, size=80 << 20, inodes=1000, owner=os.getuid())
    try:
        application = replace(SmallFarm.open(database, tmp_path).application, blobs=BlobStore(disk))
        with TestClient(create_app(application)) as probe:
            assert (probe.get("/api/v1/ready").status_code, probe.get("/api/v1/ready").json()) == (200, {"ready": True})
            (disk / "filling").write_bytes(b"x" * (40 << 20))
            answer = probe.get("/api/v1/ready")
            assert (answer.status_code, answer.json()["code"]) == (503, "not-ready")
            assert answer.json()["message"] == "a disk of this farm cannot be written to"
            assert f"nothing can be written in {disk}" in caplog.text
            assert str(disk) not in answer.text
            (disk / "filling").unlink()
            assert probe.get("/api/v1/ready").status_code == 200
    finally:
        unmount_below(disk)
        database.close()
