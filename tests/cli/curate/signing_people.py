"""People at their own shells, each with a token and a state, and a farm whose recipes have owners."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from farm.cli.main import main
from farm.core.policy.policies import read_policies
from farm.server.identities import access
from farm.server.jobs import jobs
from farm.server.recipes import recipes
from farm.server.submissions.owners import apply_owners
from farm.server.tables.states import Role
from tests.farms.served import serving
from tests.farms.small import WORLD, SmallFarm
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database


@dataclass
class People:
    """`alice` and `bob` are curators by their keys, `mallory` has only a token and a key of her own."""

    farm: SmallFarm
    url: str
    place: Path
    monkeypatch: pytest.MonkeyPatch
    shown: pytest.CaptureFixture[str]
    tokens: dict[str, str]
    stderr: str = ""

    @property
    def tree(self) -> Path:
        return self.place / "recipes"

    def write(self, path: str, text: str) -> None:
        file = self.tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def recipe(self, files: dict[str, bytes]) -> str:
        """Write a recipe into the tree, and return its directory."""
        name = files["recipe.yaml"].decode().split("\n")[0].removeprefix("name: ")
        for file, content in files.items():
            self.write(f"packages/{name}/{file}", content.decode())
        return str(self.tree / "packages" / name)

    def run(self, who: str, *arguments: str, status: int = 0) -> str:
        """Run `farm` as a person; returns its stdout, and keeps its stderr."""
        self.monkeypatch.setenv("FARM_STATE", str(self.place / who))
        self.monkeypatch.setenv("FARM_TOKEN", self.tokens[who])
        self.shown.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        output, self.stderr = self.shown.readouterr()
        assert (ended.value.code or 0) == status, (output, self.stderr)
        return output

    def json(self, who: str, *arguments: str) -> Any:
        return json.loads(self.run(who, *arguments, "--json"))

    def make_key(self, who: str) -> str:
        """Let a person make a key; returns the line for curators.yaml."""
        return self.run(who, "keys", "me", "--name", who).strip()

    def take_up(self, **files: str) -> None:
        """Let the farm read OWNERS and curators.yaml as `workers.control` does."""
        with self.farm.application.writing() as unit:
            apply_owners(unit, read_policies({name: text.encode() for name, text in files.items()}))

    def nothing_happened(self) -> bool:
        with self.farm.application.reading() as unit:
            return not recipes.heads(unit.session) and not jobs.list_jobs(unit.session, limit=1)


@contextmanager
def people(
    database: Database, place: Path, monkeypatch: pytest.MonkeyPatch, shown: pytest.CaptureFixture[str]
) -> Iterator[People]:
    """A farm where curators own `*` and bob owns `b`, and these people with keys."""
    farm = SmallFarm.open(database, place / "farm", real_time=True)
    roles = {"alice": Role.MAINTAINER, "bob": Role.MAINTAINER, "mallory": Role.MAINTAINER, "ann": Role.CURATOR}
    with farm.application.writing() as unit:
        tokens = {
            who: access.issue_token(unit, name=f"{who}-token", role=role, lasts=timedelta(days=1))[0]
            for who, role in roles.items()
        }
    with serving(create_app(farm.application)) as url:
        monkeypatch.setenv("FARM_URL", url)
        monkeypatch.delenv("FARM_KEY", raising=False)
        monkeypatch.delenv("FARM_NAME", raising=False)
        made = People(farm, url, place, monkeypatch, shown, tokens)
        monkeypatch.setenv("FARM_RECIPES", str(made.tree))
        made.write("distribution.yaml", f"domain: {WORLD.distribution}\n")
        lines = [made.make_key(who) for who in ("alice", "bob")]
        made.make_key("mallory")
        curators = "curators:\n" + f"  {lines[0]}\n" + "others:\n" + f"  {lines[1]}\n"
        made.take_up(**{"curators.yaml": curators, "OWNERS": "* @curators\nb bob\n"})
        yield made
