"""The registry makes each image once for all requests, few at a time, and a limited number a minute."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from tests.refusing import refuses
from web.refusals import network_of
from web.registry.budget import Bounds, Makings
from web.registry.errors import Refusal, RegistryAnswerError, name_unknown


def until(condition: threading.Event) -> None:
    assert condition.wait(10)


def test_who_asks_for_the_same_meanwhile_gets_the_same() -> None:
    makings: Makings[object] = Makings(Bounds())
    begun, go_on = threading.Event(), threading.Event()
    made = []

    def make() -> object:
        begun.set()
        until(go_on)
        made.append(object())
        return made[-1]

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(makings.once, "key", make)
        until(begun)
        others = [pool.submit(makings.once, "key", make) for _ in range(3)]
        while makings.inside < 4:
            time.sleep(0.001)
        go_on.set()
        assert {id(future.result()) for future in (first, *others)} == {id(made[0])}
    assert len(made) == 1


def test_so_many_wait_and_the_next_is_sent_away() -> None:
    makings: Makings[int] = Makings(Bounds(at_a_time=1, waiting=1))
    begun, go_on = threading.Event(), threading.Event()

    def make() -> int:
        begun.set()
        until(go_on)
        return 1

    with ThreadPoolExecutor(2) as pool:
        one, two = pool.submit(makings.once, 1, make), pool.submit(makings.once, 2, make)
        until(begun)
        while makings.inside < 2:
            time.sleep(0.001)
        with refuses("registry-too-many") as caught:
            makings.once(3, make)
        assert "Retry-After" in caught.value.headers
        go_on.set()
        assert (one.result(), two.result()) == (1, 1)
    assert makings.once(3, make) == 1


def test_a_minute_has_so_many_and_the_next_minute_has_them_again() -> None:
    now = [0.0]
    makings: Makings[int] = Makings(Bounds(a_minute=2), clock=lambda: now[0])
    assert [makings.once(key, lambda: 1) for key in (1, 2)] == [1, 1]
    now[0] = 50
    with refuses("registry-too-many") as caught:
        makings.once(3, lambda: 1)
    assert dict(caught.value.headers) == {"Retry-After": "10"}
    now[0] = 60
    assert makings.once(3, lambda: 1) == 1


def test_what_is_not_there_is_looked_for_once_and_what_failed_again() -> None:
    makings: Makings[int] = Makings(Bounds())
    asked: list[str] = []

    def unknown() -> int:
        asked.append("unknown")
        raise name_unknown("not there", [])

    def failing() -> int:
        asked.append("failing")
        raise RegistryAnswerError(Refusal.NOTHING_SIGNED, "just now")

    for _ in range(2):
        with refuses("registry-name-unknown"):
            makings.once("one", unknown)
        with refuses("registry-nothing-signed"):
            makings.once("other", failing)
    assert asked == ["unknown", "failing", "failing"]
    assert makings.inside == 0


def test_one_network_leaves_something_to_the_others() -> None:
    makings: Makings[int] = Makings(Bounds(a_minute=3, one_a_minute=2))
    assert [makings.once(key, lambda: 1, "eager") for key in (1, 2)] == [1, 1]
    with refuses("registry-too-many"):
        makings.once(3, lambda: 1, "eager")
    assert makings.once(3, lambda: 1, "other") == 1
    with refuses("registry-too-many"):
        makings.once(4, lambda: 1, "third")


def test_one_network_does_not_take_all_places_to_wait() -> None:
    makings: Makings[int] = Makings(Bounds(one_waits=1))
    begun, go_on = threading.Event(), threading.Event()

    def make() -> int:
        begun.set()
        until(go_on)
        return 1

    with ThreadPoolExecutor(1) as pool:
        one = pool.submit(makings.once, 1, make, "eager")
        until(begun)
        with refuses("registry-too-many"):
            makings.once(2, lambda: 2, "eager")
        assert makings.once(2, lambda: 2, "other") == 2
        go_on.set()
        assert one.result() == 1
    assert makings.once(2, lambda: 2, "eager") == 2


def test_a_network_is_what_a_provider_gives_one_customer() -> None:
    assert network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::") != network_of("2001:db8:1:3::")
    assert network_of("") == ""
