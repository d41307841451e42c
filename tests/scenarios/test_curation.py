"""Impossible requests of curators are refused with a remedy, whoever makes them, and whatever the farm holds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from farm.server.identities import access
from farm.server.tables.session import Database
from farm.server.tables.states import Role
from tests.farms.served import serving
from tests.farms.stocked import SAMPLES, StockedFarm
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.scenarios.farm import Farm

CHAIN = SAMPLES[:1] + SAMPLES[5:7]  # glibc, oniguruma, jq
APPROVALS = {"gate": "approvals", "of": "curators", "count": 1}

REFUSED = {
    "curate-unknown-channel": ("channel", "freeze", "egde", "--why", "the fair"),
    "curate-no-reason": ("channel", "freeze", "edge", "--why", " "),
    "curate-not-frozen": ("channel", "thaw", "edge"),
    "curate-unknown-package": ("channel", "hold", "edge", "jqq", "--why", "x"),
    "curate-not-held": ("channel", "hold", "edge", "jq", "--lift"),
    "curate-not-released": ("channel", "report", "edge", "bash", "--why", "x"),
    "curate-no-such-report": ("channel", "report", "--resolve", "9"),
    "curate-promote-to-fresh-builds": ("channel", "promote", "stable", "edge"),
    "curate-promote-nothing": ("channel", "promote", "edge", "stable", "jqq"),
    "curate-promote-from-nothing": ("channel", "promote", "stable", "slow"),
    "curate-back-to-the-newest": ("channel", "rollback", "edge", "2", "--why", "x"),
    "curate-back-to-none": ("channel", "rollback", "edge", "7", "--why", "x"),
    "curate-retry-nothing": ("candidate", "retry", "edge"),
    "curate-approve-nothing-asked": ("approve", "edge"),
    "curate-approve-unknown": ("approve", "stable", "jqq"),
    "curate-no-such-candidate": ("candidate", "show", "edge", "99"),
    "curate-no-such-release": ("release", "diff", "edge", "1", "9"),
}

WRONG_USE = {
    "curate-time-that-is-over": ("channel", "freeze", "edge", "--why", "x", "--until", "2020-01-01"),
    "curate-time-that-is-none": ("channel", "hold", "edge", "jq", "--why", "x", "--until", "soon"),
    "curate-without-why": ("channel", "rollback", "edge", "1"),
    "curate-hold-without-why": ("channel", "hold", "edge", "jq"),
    "curate-lift-and-why": ("channel", "hold", "edge", "jq", "--lift", "--why", "x"),
    "curate-number-that-is-none": ("channel", "rollback", "edge", "0", "--why", "x"),
    "curate-key-without-name": ("approve", "stable", "--key", "alice.key"),
}


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[tuple[StockedFarm, str]]:
    """A farm that serves HTTP: edge has two releases, stable takes from edge with approvals, slow takes from stable."""
    directory = tmp_path_factory.mktemp("stocked")
    shutil.copyfile(migrated_sqlite, directory / "farm.db")
    database = Database(f"sqlite:///{directory / 'farm.db'}")
    stocked = StockedFarm.open(database, directory, real_time=True)
    libc, _, jq = members = stocked.build_samples(CHAIN)
    stocked.release("edge", members)
    stocked.release("edge", [libc, stocked.build(replace(CHAIN[1], revision=2)), jq])
    stocked.channel("stable", ["proof", APPROVALS], origin="edge")
    stocked.channel("slow", origin="stable")
    with serving(create_app(stocked.application)) as url:
        yield stocked, url
    database.close()


@pytest.fixture
def curator(tree: Farm, stocked: tuple[StockedFarm, str]) -> Farm:
    return as_role(tree, stocked, Role.CURATOR)


def as_role(tree: Farm, stocked: tuple[StockedFarm, str], role: Role) -> Farm:
    with stocked[0].application.writing() as unit:
        token, _ = access.issue_token(unit, name="ann", role=role, lasts=timedelta(days=1))
    return tree.setting(FARM_URL=stocked[1], FARM_TOKEN=token)


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_with_what_to_do(curator: Farm, case: str) -> None:
    assert curator.run(*REFUSED[case]).refused(case).output == ""


@pytest.mark.parametrize("case", WRONG_USE)
def test_a_wrong_use_is_told_before_the_farm_is_asked(tree: Farm, case: str) -> None:
    assert tree.setting(FARM_URL="http://127.0.0.1:1").run(*WRONG_USE[case]).refused(case, status=2).output == ""


def test_who_is_no_curator_decides_nothing(tree: Farm, stocked: tuple[StockedFarm, str]) -> None:
    as_role(tree, stocked, Role.MAINTAINER).run("channel", "freeze", "edge", "--why", "x").refused("curate-no-curator")
    tree.setting(FARM_TOKEN="").run("channel", "freeze", "edge", "--why", "x").refused("curate-no-token")
    tree.setting(FARM_TOKEN="farm_curator_x").run("channel", "freeze", "edge", "--why", "x").refused(
        "curate-strange-token"
    )
