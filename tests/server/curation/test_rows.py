"""Curators' decisions in rows: holds, reports, approvals, advisories and statements about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from farm.server.advisories import advisories
from farm.server.advisories.advisories import KeptAdvisory, KeptStatement
from farm.server.channels import releases
from farm.server.curation import approvals, holds, reports
from farm.server.curation.approvals import Approval
from tests.farms.small import START, SmallFarm, recipe

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.server.tables.session import Database
from farm.server.tables.curation_rows import ApprovalRow, HoldRow

HOUR = timedelta(hours=1)
ADVISORY = KeptAdvisory(
    id="EXAMPLE-2026-1",
    body="{}",
    severity="high",
    modified_at=START,
    withdrawn_at=None,
    added_by="token:alice",
    added_at=START,
)
STATEMENT = KeptStatement(
    vulnerability="EXAMPLE-2026-1",
    package="jq",
    version="",
    status="not_affected",
    justification="component_not_present",
    statement="{}",
    stated_by="token:alice",
    at=START,
)


@pytest.fixture
def farm(database: Database, tmp_path: Path) -> SmallFarm:
    farm = SmallFarm.open(database, tmp_path)
    with farm.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", "{}")
        releases.ensure_channel(unit.session, "stable", "{}")
    return farm


@pytest.fixture
def jq(farm: SmallFarm) -> Digest:
    farm.submit(recipe("jq"))
    farm.build_all()
    return farm.current()["jq"].digest


def test_a_hold_is_in_force_on_its_channel_until_it_is_lifted(farm: SmallFarm) -> None:
    with farm.application.writing() as unit:
        holds.add_hold(unit.session, "stable", "jq", reason="breaks scripts", held_by="alice", now=START)

        held = holds.holds_on(unit.session, "stable", ["jq", "bash"], now=START)
        assert {name: hold.reason for name, hold in held.items()} == {"jq": "breaks scripts"}
        assert holds.holds_on(unit.session, "edge", ["jq"], now=START) == {}

        assert holds.lift_hold(unit.session, "stable", "jq", lifted_by="bob", now=START + HOUR)
        assert not holds.lift_hold(unit.session, "stable", "jq", lifted_by="bob", now=START + HOUR)
        assert holds.open_holds(unit.session, "stable", now=START + HOUR) == []
        past = unit.session.exec(select(HoldRow)).one()
        assert (past.lifted_by, past.lifted_at) == ("bob", START + HOUR)


def test_a_hold_ends_when_its_time_is_over_and_a_new_one_takes_its_place(farm: SmallFarm) -> None:
    with farm.application.writing() as unit:
        holds.add_hold(unit.session, "stable", "jq", reason="one", held_by="alice", now=START, until=START + HOUR)
        assert holds.holds_on(unit.session, "stable", ["jq"], now=START + HOUR) == {}

        holds.add_hold(unit.session, "stable", "jq", reason="two", held_by="alice", now=START)
        assert [hold.reason for hold in holds.open_holds(unit.session, "stable", now=START)] == ["two"]


def test_a_report_is_open_until_it_is_resolved(farm: SmallFarm, jq: Digest) -> None:
    with farm.application.writing() as unit:
        kept = reports.add_report(unit.session, "edge", jq, reason="it crashes", reported_by="carol", now=START)
        assert (kept.name, kept.version) == ("jq", "1.0-1")
        assert reports.open_reports(unit.session, "edge", [jq]) == {jq: [kept]}
        assert reports.open_reports(unit.session, "stable", [jq]) == {}
        assert reports.recent_reports(unit.session, "edge", only_open=True) == [kept]

        assert reports.resolve_report(unit.session, kept.id, resolved_by="alice", now=START + HOUR)
        assert not reports.resolve_report(unit.session, kept.id, resolved_by="alice", now=START + HOUR)
        assert reports.open_reports(unit.session, "edge", [jq]) == {}
        assert reports.recent_reports(unit.session, "edge", only_open=True) == []
        closed = reports.report(unit.session, kept.id)
        assert closed is not None
        assert closed.resolved_by == "alice"


def test_one_person_approves_a_package_once_on_a_channel(farm: SmallFarm, jq: Digest) -> None:
    approval = Approval(channel="stable", package=jq, curator="alice", envelope="{}", at=START)
    with farm.application.writing() as unit:
        for given in (approval, replace(approval, curator="bob"), replace(approval, envelope="new")):
            approvals.add_approval(unit.session, given)

        found = approvals.approvals_of(unit.session, "stable", [jq])[jq]
        assert [(stored.curator, stored.envelope) for stored in found] == [("alice", "new"), ("bob", "{}")]
        assert approvals.approvals_of(unit.session, "edge", [jq]) == {}

        assert approvals.withdraw_approval(unit.session, "stable", jq, "bob")
        assert not approvals.withdraw_approval(unit.session, "stable", jq, "bob")
        assert len(unit.session.exec(select(ApprovalRow)).all()) == 1


def test_an_advisory_is_found_by_the_packages_it_speaks_of_until_it_is_withdrawn(farm: SmallFarm) -> None:
    with farm.application.writing() as unit:
        advisories.keep_advisory(unit.session, ADVISORY, ["jq", "bash"])
        advisories.keep_advisory(unit.session, replace(ADVISORY, severity="low"), ["jq"])

        assert advisories.advisories_on(unit.session, ["bash"]) == []
        assert [advisory.severity for advisory in advisories.advisories_on(unit.session, ["jq"])] == ["low"]
        assert advisories.packages_of(unit.session, [ADVISORY.id]) == {ADVISORY.id: ["jq"]}

        advisories.keep_advisory(unit.session, replace(ADVISORY, withdrawn_at=START + HOUR), ["jq"])
        assert advisories.advisories_on(unit.session, ["jq"]) == []
        assert [advisory.id for advisory in advisories.advisories(unit.session)] == [ADVISORY.id]
        assert advisories.advisories(unit.session, after=ADVISORY.id) == []


def test_statements_are_kept_once_each_and_the_newest_comes_first(farm: SmallFarm) -> None:
    later = replace(STATEMENT, status="affected", statement='{"new": 1}', at=START + HOUR)
    with farm.application.writing() as unit:
        assert advisories.add_statements(unit.session, [STATEMENT, later]) == 2
        assert advisories.add_statements(unit.session, [STATEMENT]) == 0

        assert advisories.statements_on(unit.session, ["jq"]) == [later, STATEMENT]
        assert advisories.statements_on(unit.session, ["bash"]) == []


def test_the_state_changes_with_every_advisory_and_statement(farm: SmallFarm) -> None:
    seen = []
    with farm.application.writing() as unit:
        seen.append(advisories.state_of_advisories(unit.session))
        advisories.keep_advisory(unit.session, ADVISORY, ["jq"])
        seen.append(advisories.state_of_advisories(unit.session))
        advisories.keep_advisory(unit.session, replace(ADVISORY, added_at=START + HOUR), ["jq"])
        seen.append(advisories.state_of_advisories(unit.session))
        advisories.add_statements(unit.session, [STATEMENT])
        seen.append(advisories.state_of_advisories(unit.session))

    assert len(set(seen)) == 4


def test_more_names_than_a_statement_takes_are_looked_up_in_parts(farm: SmallFarm) -> None:
    names = [f"package-{number}" for number in range(1200)]
    with farm.application.writing() as unit:
        for name in (names[0], names[-1]):
            holds.add_hold(unit.session, "edge", name, reason="x", held_by="alice", now=START)
        assert set(holds.holds_on(unit.session, "edge", names, now=START)) == {names[0], names[-1]}
