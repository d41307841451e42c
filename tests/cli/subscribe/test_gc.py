"""`farm gc`: what it says of old logs of local builds and tests."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from farm.cli.main import farm

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def old_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FARM_HOST", str(tmp_path / "host"))
    log = tmp_path / "state" / "logs" / "gone" / "test-it-runs-3.log"
    log.parent.mkdir(parents=True)
    log.write_text("x" * 1000)
    os.utime(log, (1, 1))
    return log


def test_old_logs_are_counted_and_then_removed(old_log: Path) -> None:
    said = CliRunner().invoke(farm, ["gc", "--dry-run"])
    assert said.stdout == (
        "old logs of builds and tests on this machine: 1\n"
        "would be removed: 0 generations, 0 packages, 0 blobs; 1.0 kB\n"
    )
    assert old_log.exists()
    form = json.loads(CliRunner().invoke(farm, ["gc", "--json"]).stdout)
    assert (form["logs"], form["bytes"]) == (1, 1000)
    assert not old_log.exists()
