"""The suggested ways to have a held package judged again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from farm.core.policy.gate_kind import GateKind
from farm.server.channels.excuses import Excuse, KeptExcuse
from web.pages.excuse_cards import cards

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def kept(gate: str, *, package: str = "jq", under_way: bool = False, job: int | None = 7) -> KeptExcuse:
    excuse = Excuse(package=package, gate=GateKind(gate), reason="x", root="jq", job=job, under_way=under_way)
    return KeptExcuse(1, "edge", 1, excuse, NOW, None, "")


def test_a_job_that_failed_is_tried_again_and_what_failed_at_a_gate_is_looked_at_again() -> None:
    assert kept("tests").retry_command == "farm candidate retry edge jq"
    assert kept("reproduced").retry_command == kept("build").retry_command == "farm retry 7"
    assert kept("reproduced", under_way=True).retry_command == ""
    assert kept("reproduced", job=None).retry_command == ""
    assert kept("licences").retry_command == replace(kept("build"), cleared_at=NOW).retry_command == ""


def test_packages_are_named_where_they_are_looked_at_and_a_job_is_tried_once_for_all() -> None:
    both = [kept("tests"), kept("tests", package="jq-doc")]
    assert [card.retry for card in cards(both)] == ["farm candidate retry edge jq jq-doc"]
    both = [kept("reproduced"), kept("reproduced", package="jq-doc")]
    assert [card.retry for card in cards(both)] == ["farm retry 7"]


def test_it_is_said_who_can_have_it_looked_at_again() -> None:
    """The owner of a package submits it; only curators can have a channel judge it again."""
    assert (kept("tests").retry_role, kept("build").retry_role, kept("licences").retry_role) == (
        "curator",
        "maintainer",
        None,
    )
    assert [kept(gate).to_dict()["retry-needs"] for gate in ("tests", "licences")] == ["curator", None]
    assert [card.retry_role for card in cards([kept("tests")])] == ["curator"]
