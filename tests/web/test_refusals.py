"""Strangers can make the farm write only a limited amount."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from farm.server.identities import identities
from web.refusals import Tally, network_of

if TYPE_CHECKING:
    from tests.farms.served import ServedFarm


def test_an_address_is_counted_by_itself_and_again_from_one_each_minute() -> None:
    now = [0.0]
    tally = Tally(60.0, most=10, clock=lambda: now[0])
    assert [tally.count("a") for _ in range(5)] == [1, 2, 3, 4, 5]
    assert tally.count("b") == 1
    now[0] = 61.0
    assert tally.count("a") == 1


def test_many_addresses_share_what_is_left() -> None:
    tally = Tally(60.0, most=10_000, clock=lambda: 0.0)
    assert [tally.count(str(number)) for number in range(20_000)].count(1) == 10_001


@pytest.mark.parametrize(
    ("addresses", "counts"),
    [
        (["192.0.2.1", "192.0.2.1", "192.0.2.2"], [1, 2, 1]),
        (["::ffff:192.0.2.1", "192.0.2.1"], [1, 2]),
        (["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"], [1, 2, 1]),
        (["testclient", "testclient", ""], [1, 2, 1]),
    ],
)
def test_a_stranger_is_an_address_or_the_network_of_one(addresses: list[str], counts: list[int]) -> None:
    tally = Tally(3600.0, most=200, clock=lambda: 0.0)
    assert [tally.count(network_of(address)) for address in addresses] == counts


def test_strangers_are_counted_anew_each_hour_and_many_of_them_together() -> None:
    now = [0.0]
    tally = Tally(3600.0, most=200, clock=lambda: now[0])
    counts = [tally.count(f"192.0.{number // 256}.{number % 256}") for number in range(1000)]
    assert counts == [1] * 200 + list(range(1, 801))
    now[0] = 3601.0
    assert tally.count("192.0.3.1") == 1


def test_guessed_tokens_leave_few_rows_that_say_how_many_they_were(farm: ServedFarm) -> None:
    with httpx.Client(base_url=farm.url) as client:
        for number in range(120):
            guess = {"Authorization": f"Bearer farm_admin_{number}"}
            assert client.post("/api/v1/jobs/1/cancel", headers=guess).status_code == 401
        assert client.get("/api/v1/trail").status_code == 401
    with farm.application.reading() as unit:
        rows = [event for _, event in identities.audit_trail(unit.session)]
    assert [(event.actor, event.subject, event.address) for event in rows] == [("", "unauthenticated", "127.0.0.1")] * 7
    details = [event.detail for event in rows][::-1]
    assert details[:4] == ["the token is unknown"] * 4
    assert details[4].endswith("(of further refusals in this hour, only the 10th, the 100th and so on are recorded)")
    assert [detail.partition(" (the ")[2] for detail in details[5:]] == [
        f"{ordinal} refusal to this stranger within an hour)" for ordinal in ("10th", "100th")
    ]


def test_a_flood_of_refusals_to_somebody_known_is_written_down_up_to_the_bound(farm: ServedFarm) -> None:
    held = {"Authorization": f"Bearer {farm.token()}"}
    with httpx.Client(base_url=farm.url, headers=held) as client:
        answers = {client.post("/api/v1/tokens", json={"name": "me", "role": "admin"}).status_code for _ in range(80)}
    assert answers == {403}
    assert len(farm.refusals()) == 60


@pytest.mark.parametrize("path", ["/api/v1/packages/a%00b", "/api/v1/jobs?name=a%00b", "/%00"])
def test_a_nul_in_an_address_is_refused(farm: ServedFarm, path: str) -> None:
    assert httpx.get(farm.url + path).status_code == 400
