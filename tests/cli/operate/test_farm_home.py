"""Founding a farm in an empty directory."""

from __future__ import annotations

import json
import os
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from farm.build.recipe_directory import read_recipe_directory
from farm.cli.operate.farm_home import FarmHome
from farm.cli.operate.founding import found
from farm.cli.settings import Settings
from farm.core.policy.tree import load_tree
from farm.server.application import FarmSettings
from farm.server.tables.session import Database
from farm.trust.ceremony.ceremony import KeysAwayError, found_repository
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.key_files import create_key, load_key, load_or_create_key
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.delegation import DelegationError, channels_of
from farm.trust.metadata.repository import Repository
from tests.refusing import refuses
from web.settings import WebSettings

RECIPES = Path(__file__).parents[3] / "recipes"


def test_the_database_is_for_nobody_else_nor_the_files_beside_it(tmp_path: Path) -> None:
    home = FarmHome(tmp_path / "state", tmp_path / "host", 8460)
    before = os.umask(0o022)
    try:
        found(home, load_tree(read_recipe_directory(RECIPES)), RECIPES, (), 1, vary=False)
        database = Database(home.database)
        with database.connection() as connection:
            connection.exec_driver_sql("CREATE TABLE used (n INTEGER)")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.sqlite.parent.iterdir()}
        database.close()
    finally:
        os.umask(before)
    assert modes == {"farm.db": 0o600, "farm.db-shm": 0o600, "farm.db-wal": 0o600}


def test_the_settings_of_a_farm_can_be_copied_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = FarmHome(tmp_path / "state", tmp_path / "host", 8460)
    monkeypatch.chdir(RECIPES.parent)
    found(home, load_tree(read_recipe_directory(Path("recipes"))), Path("recipes"), (), 1, vary=False, images=False)
    written = json.loads(home.control_settings.read_text())
    assert not FarmSettings.read(home.web_settings).images
    assert written["recipes"] == str(RECIPES)
    paths = [written[name] for name in ("blobs", "logs", "recipes", "repository", "signer")]
    assert [path for path in paths if not Path(path).is_absolute()] == []


def test_web_is_told_neither_of_the_signer_nor_of_redis(tmp_path: Path) -> None:
    home = FarmHome(tmp_path / "state", tmp_path / "host", 8460)
    home.run.mkdir(parents=True)
    (home.run / "farm.json").write_text("{}")  # of an older version, which gave both programs all settings
    found(home, load_tree(read_recipe_directory(RECIPES)), RECIPES, (), 1, vary=False)
    assert not {"signer", "broker", "foreign", "follow_seconds"} & json.loads(home.web_settings.read_text()).keys()
    assert "web" not in json.loads(home.control_settings.read_text())
    written = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.run.glob("*.json")}
    assert written == {"web.json": 0o600, "control.json": 0o600}


def test_a_database_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://somebody@/farm?host={tmp_path}"
    home = FarmHome(tmp_path / "state", tmp_path / "host", 8460, database_url=url)
    with refuses("admission", match="the farm's database cannot be used: connection") as caught:
        found(home, load_tree(read_recipe_directory(RECIPES)), RECIPES, (), 1, vary=False)
    assert "farm up --database" in caught.value.remedy
    assert not home.token.exists()


def test_the_bounds_of_callers_reach_the_web_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_WEB_BOUNDS", "streams=500, head_seconds = 2.5,")
    bounds = Settings.from_environment().web_bounds
    home = FarmHome(tmp_path / "state", tmp_path / "host", 8460, web_bounds=bounds)
    found(home, load_tree(read_recipe_directory(RECIPES)), RECIPES, (), 1, vary=False)
    settings = WebSettings.with_bounds(FarmSettings.read(home.web_settings).web)
    assert settings == WebSettings(streams=500, head_seconds=2.5)


def test_the_networks_of_webhooks_are_not_those_of_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARM_WEBHOOK_NETWORKS", "10.1.0.0/16, fd00::/8")
    monkeypatch.setenv("FARM_ALLOWED_NETWORKS", "10.2.0.0/16")
    settings = Settings.from_environment()
    networks = {"allowed_networks": settings.allowed_networks, "webhook_networks": settings.webhook_networks}
    home = FarmHome(tmp_path / "state", tmp_path / "host", 8460, **networks)
    found(home, load_tree(read_recipe_directory(RECIPES)), RECIPES, (), 1, vary=False)
    for written in (FarmSettings.read(home.control_settings), FarmSettings.read(home.web_settings)):
        assert list(map(str, written.webhook_networks)) == ["10.1.0.0/16", "fd00::/8"]
        assert list(map(str, written.allowed_networks)) == ["10.2.0.0/16"]
    monkeypatch.setenv("FARM_WEBHOOK_NETWORKS", "here")
    with pytest.raises(click.UsageError, match="FARM_WEBHOOK_NETWORKS: 'here' does not"):
        Settings.from_environment()


@pytest.mark.parametrize(
    "text", ["streams", "streams=", "=5", "streams=many", "streams=0", "streams=-1", "streams=nan", "a=inf"]
)
def test_what_is_no_bound_is_wrong_use(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FARM_WEB_BOUNDS", text)
    with pytest.raises(click.UsageError, match=f"FARM_WEB_BOUNDS: '{text}' is not a limit"):
        Settings.from_environment()


def test_the_workers_of_a_farm_are_its_testers_also_where_an_older_farm_listed_none(tmp_path: Path) -> None:
    home, tree = FarmHome(tmp_path / "state", tmp_path / "host", 8460), load_tree(read_recipe_directory(RECIPES))
    elsewhere, one = (
        create_key(tmp_path / "elsewhere").public_key,
        load_or_create_key(home.worker(1) / "key").public_key,
    )
    found_repository(home.public, home.root / "keys", sorted(tree.channels), [one, elsewhere], datetime.now(UTC))
    away = tmp_path / "away"
    (home.root / "keys" / "offline").rename(away)
    found(home, tree, RECIPES, (), 1, vary=False)
    assert Repository(home.public).builders().testers is None
    away.rename(home.root / "keys" / "offline")
    for _ in range(2):
        found(home, tree, RECIPES, (), 1, vary=False)
        listed = Repository(home.public).builders().testers
        assert listed is not None
        assert listed.keys() == {one.keyid, elsewhere.keyid}
    found(home, tree, RECIPES, (), 2, vary=False)
    two = load_or_create_key(home.worker(2) / "key").public_key
    assert (Repository(home.public).builders().testers or {}).keys() == {one.keyid, elsewhere.keyid, two.keyid}


@pytest.mark.parametrize("keys_are_here", [True, False])
def test_a_worker_that_was_taken_from_the_testers_is_not_put_back(tmp_path: Path, keys_are_here: bool) -> None:
    home, tree = FarmHome(tmp_path / "state", tmp_path / "host", 8460), load_tree(read_recipe_directory(RECIPES))
    found(home, tree, RECIPES, (), 2, vary=False)
    one, two = (load_or_create_key(home.worker(number) / "key").public_key for number in (1, 2))
    repository, offline = Repository(home.public), home.root / "keys" / "offline"
    draft = draft_targets(repository, TargetsEdit(remove_testers=(two.keyid,)), datetime.now(UTC))
    signers = read_signers(home.root / "keys" / "online")
    publish_draft(repository, draft.signed_by(load_key(offline / "targets")), signers, datetime.now(UTC))
    if not keys_are_here:
        offline.rename(tmp_path / "away")
    found(home, tree, RECIPES, (), 2, vary=False)
    assert (Repository(home.public).builders().testers or {}).keys() == {one.keyid}


def test_a_channel_that_the_recipes_gain_is_delegated_at_the_next_start(tmp_path: Path) -> None:
    home, recipes = FarmHome(tmp_path / "state", tmp_path / "host", 8460), tmp_path / "recipes"
    shutil.copytree(RECIPES, recipes)
    found(home, load_tree(read_recipe_directory(recipes)), recipes, (), 1, vary=False)
    (recipes / "channels" / "nightly.yaml").write_text("gates: [proof, reproduced: {agree: 2}]\n")
    tree = load_tree(read_recipe_directory(recipes))
    with pytest.raises(DelegationError, match="packages of nightly, and 1 builder is allowed") as refused:
        found(home, tree, recipes, (), 1, vary=False)
    assert "farm up --workers" in refused.value.remedy
    found(home, tree, recipes, (), 2, vary=False)
    assert "nightly" in channels_of(Repository(home.public).head().targets)
    # Clients require as many builders as the channel requires of the farm.
    assert [Repository(home.public).builders().needed(name) for name in ("edge", "nightly")] == [1, 2]

    (recipes / "channels" / "weekly.yaml").write_text("gates: [proof]\n")
    (home.root / "keys" / "offline").rename(tmp_path / "away")
    found(home, tree, recipes, (), 2, vary=False)  # nothing new: no offline key is needed
    with pytest.raises(KeysAwayError) as caught:
        found(home, load_tree(read_recipe_directory(recipes)), recipes, (), 2, vary=False)
    assert "farm keys draft targets" in caught.value.remedy
    assert "--add-channel weekly" in caught.value.remedy


def test_who_starts_a_farm_is_listed_as_an_operator_while_the_keys_are_here(tmp_path: Path) -> None:
    home = FarmHome(tmp_path / "state", tmp_path / "host", 8460)
    tree = load_tree(read_recipe_directory(RECIPES))
    said = found(home, tree, RECIPES, (), 1, vary=False, operator=("ann", "ab" * 32))
    assert said[-1] == "ann may order what curators may, with the key of `farm keys me`"
    assert Repository(home.public).builders().operators == {"ann": "ab" * 32}
    assert found(home, tree, RECIPES, (), 1, vary=False, operator=("ann", "ab" * 32)) == []
    (home.root / "keys" / "offline").rename(tmp_path / "away")
    assert found(home, tree, RECIPES, (), 1, vary=False, operator=("ben", "cd" * 32)) == []
    assert Repository(home.public).builders().operators == {"ann": "ab" * 32}
