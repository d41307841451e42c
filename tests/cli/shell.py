"""A person's `farm` command, against a farm that serves HTTP on the loopback."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from farm.cli.main import main
from farm.server.identities import access
from tests.farms.served import serving
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.states import Role
    from tests.farms.stocked import StockedFarm


@dataclass
class Shell:
    """The `farm` command of a person, and the farm that it asks; `key` is where their own key is, or would be."""

    stocked: StockedFarm
    said: pytest.CaptureFixture[str]
    key: Path
    stderr: str = ""

    def run(self, *arguments: str, status: int = 0) -> str:
        self.said.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        output, message = self.said.readouterr()
        self.stderr = message
        assert ended.value.code == status, message
        assert "\x1b" not in output + message
        return output if status == 0 else message

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))


@contextmanager
def signed_in(
    stocked: StockedFarm, monkeypatch: pytest.MonkeyPatch, name: str, role: Role, **how: Any
) -> Iterator[None]:
    """Serve a farm as `how` says, with its address and a token in the environment of the command."""
    with stocked.application.writing() as unit:
        token, _ = access.issue_token(unit, name=name, role=role, lasts=timedelta(days=1))
    with serving(create_app(stocked.application, **how)) as url:
        monkeypatch.setenv("FARM_URL", url)
        monkeypatch.setenv("FARM_TOKEN", token)
        yield
