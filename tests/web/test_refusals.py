"""Strangers can make the farm write only so much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from web.refusals import RefusalBudget

if TYPE_CHECKING:
    from tests.web.running_farm import RunningFarm


def test_an_address_has_its_budget_and_a_new_one_each_minute() -> None:
    now = [0.0]
    budget = RefusalBudget(3, clock=lambda: now[0])
    assert [budget.spend("a") for _ in range(5)] == [3, 2, 1, 0, 0]
    assert budget.spend("b") == 3
    now[0] = 61.0
    assert budget.spend("a") == 3


def test_many_addresses_share_what_is_left() -> None:
    budget = RefusalBudget(1, clock=lambda: 0.0)
    assert sum(budget.spend(str(number)) for number in range(20_000)) == 10_001


def test_a_flood_of_refusals_is_written_down_up_to_the_bound(farm: RunningFarm) -> None:
    with httpx.Client(base_url=farm.url) as client:
        answers = {client.post("/api/v1/jobs/1/cancel").status_code for _ in range(80)}
    assert answers == {401}
    assert len(farm.refusals()) == 60


@pytest.mark.parametrize("path", ["/api/v1/packages/a%00b", "/api/v1/jobs?name=a%00b", "/%00"])
def test_a_nul_in_an_address_is_refused(farm: RunningFarm, path: str) -> None:
    assert httpx.get(farm.url + path).status_code == 400
