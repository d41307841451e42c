"""The control worker reads connected repositories and tells forges; killed at any moment, it goes on where it was."""

from __future__ import annotations

import os
import secrets
import signal
from typing import TYPE_CHECKING

import pytest

from farm.server.git import repositories
from farm.server.git.repositories import RepositoryRequest
from farm.server.tables.git_rows import Forge, PreviewPermission
from tests.farms.small import recipe
from tests.server.git.forge import TOKEN, serving_forge
from tests.workers.programs import eventually, program

pytestmark = pytest.mark.redis

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.application import FarmSettings
    from tests.farms.small import SmallFarm
    from tests.server.git.forge import GitForge


def asked(forge: GitForge) -> RepositoryRequest:
    return RepositoryRequest(
        "main", forge.url, "main", "recipes", Forge.GITHUB, forge.api, TOKEN, PreviewPermission.MEMBERS, ()
    )


def test_control_reads_a_repository_and_killed_while_the_forge_has_a_status_sends_it_no_second_time(
    farm: SmallFarm, settings: FarmSettings, tmp_path: Path
) -> None:
    file, log = tmp_path / "farm.json", tmp_path / "control.log"
    allowing = settings.model_copy(update={"allowed_networks": ("127.0.0.0/8",), "address": "https://farm.example.org"})
    file.write_text(allowing.model_dump_json())
    run = ("workers.control", "--settings", str(file))
    with serving_forge(tmp_path / "forge") as forge:
        with farm.application.writing() as unit:
            secret = repositories.connect(unit, asked(forge), by="token:admin").secret
        pull = forge.open_pull("topic", {"low": recipe("low")})
        with program(log, *run, ready="ready.") as control:
            forge.before = lambda: os.kill(control.pid, signal.SIGKILL)
            eventually(lambda: control.poll() is not None, what="control is killed")
        forge.before = lambda: None
        head = forge.head_of(pull)
        assert forge.states_of(head) == ["failure"]  # a farm without toolchains
        asked_before = f"GET /api/repos/dist/recipes/commits/{head}/statuses?per_page=100&limit=50"
        with program(log, *run, ready="ready."):
            eventually(lambda: asked_before in forge.requests, seconds=90, what="the forge is asked what it has")
            pull.state = "closed"
            with farm.application.writing() as unit:
                repositories.make_due(unit.session, "main", now=unit.now)
            eventually(
                lambda: f"GET /api/repos/dist/recipes/pulls/{pull.number}" in forge.requests, what="it is closed"
            )
        assert forge.states_of(head) == ["failure"]
        assert forge.refused == []
    text = log.read_text()
    assert TOKEN not in text
    assert secret not in text
    assert "Traceback" not in text


def test_control_fetches_no_more_of_a_repository_than_its_settings_say(
    farm: SmallFarm, settings: FarmSettings, tmp_path: Path
) -> None:
    file, log = tmp_path / "farm.json", tmp_path / "control.log"
    small = settings.model_copy(update={"allowed_networks": ("127.0.0.0/8",), "git_bytes": 1 << 20})
    file.write_text(small.model_dump_json())
    with serving_forge(tmp_path / "forge") as forge:
        forge.commit({"low": {"huge": secrets.token_bytes(3 << 20)}})
        forge.push("main")
        with farm.application.writing() as unit:
            repositories.connect(unit, asked(forge), by="token:admin")

        def trouble() -> str:
            with farm.application.reading() as unit:
                return repositories.find_repository(unit.session, "main").trouble

        with program(log, "workers.control", "--settings", str(file), ready="ready."):
            eventually(trouble, what="it cannot be read")
    assert "cannot be reached" not in trouble()
    assert sum(path.stat().st_size for path in settings.logs.parent.glob("git/**/*.pack")) < 1 << 20
