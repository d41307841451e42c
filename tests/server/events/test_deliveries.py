"""Events reach a real HTTP server: signed, at least once, with growing pauses, and not for ever."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from farm.api.notification_wire import EventKind
from farm.server.events import deliveries, webhooks
from farm.server.events.deliveries import PAUSES, deliver_due
from farm.server.events.webhooks import Webhook, add_webhook
from farm.store.http.address_guard import AddressGuard
from farm.store.http.exchange import ExchangePolicy
from tests.farms.small import SmallFarm, recipe
from tests.refusing import refuses
from tests.server.events.receiver import Receiver, is_signed, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator

ME = "token:me"
ADDRESS = "https://farm.example.org"
QUICK = ExchangePolicy(AddressGuard.of(["127.0.0.0/8"]), seconds=1.0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def add(farm: SmallFarm, url: str, *events: EventKind, owner: str = ME) -> str:
    """Register a webhook, and return its secret."""
    with farm.application.writing() as unit:
        return add_webhook(unit, owner, url, events)[1]


def send(farm: SmallFarm, policy: ExchangePolicy = QUICK) -> int:
    return deliver_due(farm.application, policy, ADDRESS)


def hook(farm: SmallFarm, number: int = 1) -> Webhook:
    with farm.application.reading() as unit:
        return webhooks.find_webhook(unit.session, ME, number)


def waiting(farm: SmallFarm) -> int:
    with farm.application.reading() as unit:
        return sum(webhooks.count_waiting(unit.session, webhooks.webhooks_of(unit.session, ME)).values())


def test_events_are_sent_in_order_with_a_signature_a_time_and_an_id_of_their_own(
    farm: SmallFarm, receiver: Receiver
) -> None:
    secret = add(farm, receiver.url)
    farm.submit(recipe("low"))
    lease = farm.claim()
    farm.fail(lease, "low.c:1: error: no")
    assert send(farm) == 3
    assert [message["type"] for message in receiver.messages()] == [
        "submission.accepted", "job.failed", "submission.failed"
    ]  # fmt: skip
    assert all(is_signed(headers, body, secret) for headers, body in receiver.got)
    assert not is_signed(receiver.got[0][0], receiver.got[1][1], secret), "a signature is of one body"
    assert receiver.got[0][0]["webhook-timestamp"] == str(int(farm.clock.now.timestamp()))
    assert len(set(receiver.ids())) == 3
    failed = receiver.messages()[1]
    assert failed["timestamp"] == "2026-11-24T12:00:00Z"
    assert failed["data"] == {
        "event": failed["data"]["event"],
        "title": "the build of low failed",
        "package": "low",
        "submission": 1,
        "job": lease.job.id,
        "detail": "low.c:1: error: no",
        "submitter": ME,
        "url": f"{ADDRESS}/jobs/{lease.job.id}",
    }
    assert (send(farm), waiting(farm), hook(farm).trouble) == (0, 0, "")
    assert secret not in json.dumps([*map(str, receiver.messages()), repr(hook(farm))])


def test_only_the_kinds_that_were_asked_for_and_only_ones_own_events_are_sent(
    farm: SmallFarm, receiver: Receiver
) -> None:
    add(farm, receiver.url, EventKind.SUBMISSION_DONE)
    add(farm, receiver.url, owner="token:eve")
    farm.submit(recipe("low"))
    farm.build_all()
    assert send(farm) == 1
    assert [message["type"] for message in receiver.messages()] == ["submission.done"]


def test_a_receiver_that_is_down_for_a_while_gets_everything_afterwards_with_growing_pauses(farm: SmallFarm) -> None:
    with receiving() as gone:
        port = gone.port
    secret = add(farm, gone.url)
    farm.submit(recipe("low"))
    for failures, pause in enumerate(PAUSES[:3], start=1):
        assert send(farm) == 0
        known = hook(farm)
        assert (known.failures, known.not_before) == (failures, farm.clock.now + pause)
        assert "cannot be reached" in known.trouble
        farm.clock.passes(pause.total_seconds() - 1)
        assert send(farm) == 0
        assert hook(farm).failures == failures, "nothing is sent before the pause is over"
        farm.clock.passes(1)
    farm.build_all()
    with receiving(port) as back:
        assert send(farm) == 2
        assert [message["type"] for message in back.messages()] == ["submission.accepted", "submission.done"]
        assert all(is_signed(headers, body, secret) for headers, body in back.got)
    assert (hook(farm).failures, hook(farm).trouble, waiting(farm)) == (0, "", 0)


def test_a_message_that_was_refused_is_sent_again_as_the_same(farm: SmallFarm, receiver: Receiver) -> None:
    add(farm, receiver.url)
    farm.submit(recipe("low"))
    receiver.answers += [500, 503, 404, 302]
    receiver.header = ("Location", "http://169.254.169.254/")
    for status in (500, 503, 404, 302):
        assert send(farm) == 0
        assert hook(farm).trouble == f"it answered with HTTP status {status}"
        farm.clock.passes(24 * 3600)
    assert send(farm) == 1
    assert len(set(receiver.ids())) == 1
    assert len({body for _, body in receiver.got}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in receiver.got}) == 5


def test_one_that_never_answers_well_is_disabled_with_the_reason(farm: SmallFarm, receiver: Receiver) -> None:
    add(farm, receiver.url)
    farm.submit(recipe("low"))
    receiver.answers += [500] * 99
    tries = 0
    while hook(farm).disabled_at is None:
        send(farm)
        farm.clock.passes(24 * 3600)
        tries += 1
    assert tries == len(PAUSES) + 1 == len(receiver.got)
    assert hook(farm).trouble == "9 attempts failed: it answered with HTTP status 500; 1 message was dropped"
    farm.build_all()
    assert (send(farm), waiting(farm)) == (0, 0)


def test_one_that_is_gone_for_good_is_disabled_at_once(farm: SmallFarm, receiver: Receiver) -> None:
    add(farm, receiver.url)
    farm.submit(recipe("low"))
    receiver.answers.append(410)
    assert send(farm) == 0
    assert hook(farm).trouble.startswith("it wants no more messages (HTTP status 410)")
    assert hook(farm).disabled_at == farm.clock.now


def test_one_that_is_slow_or_answers_without_end_delays_nobody_else(farm: SmallFarm, receiver: Receiver) -> None:
    with receiving() as slow:
        slow.before = lambda: time.sleep(3)
        add(farm, slow.url)
        add(farm, receiver.url)
        farm.submit(recipe("low"))
        assert send(farm) == 1
        assert len(receiver.got) == 1
        assert hook(farm).trouble.endswith("did not answer within 1 s")


def test_an_answer_is_not_read_however_large_it_is(farm: SmallFarm, receiver: Receiver) -> None:
    add(farm, receiver.url)
    farm.submit(recipe("low"))
    receiver.body = b"x" * (64 << 20)
    receiver.trickle = 0.01
    assert send(farm) == 1
    farm.build_all()
    receiver.header = ("X-Long", "y" * (1 << 20))
    assert send(farm) == 0
    assert "broke off" in hook(farm).trouble


def test_who_is_killed_between_sending_and_recording_sends_it_again_with_the_same_id(
    farm: SmallFarm, receiver: Receiver
) -> None:
    secret = add(farm, receiver.url)
    farm.submit(recipe("low"))
    farm.application.database.close()
    child = os.fork()
    if child == 0:
        deliver_due(farm.application, QUICK, ADDRESS)
        os._exit(0)  # not reached: the receiver kills it before it answers
    receiver.before = lambda: os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert len(receiver.got) == 1
    receiver.before = lambda: None
    assert send(farm) == 0, "it was reserved"
    farm.clock.passes(30)
    assert send(farm) == 1
    assert receiver.ids()[0] == receiver.ids()[1]
    assert receiver.got[0][1] == receiver.got[1][1]
    assert all(is_signed(headers, body, secret) for headers, body in receiver.got)
    farm.clock.passes(3600)
    assert send(farm) == 0


def test_one_that_answers_slowly_has_its_turn_again_later(
    farm: SmallFarm, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "_SECONDS_EACH", 0.05)
    receiver.before = lambda: time.sleep(0.1)
    add(farm, receiver.url)
    farm.submit(recipe("low"))
    farm.build_all()
    assert [send(farm), send(farm), send(farm)] == [1, 1, 0]


def test_a_round_sends_to_two_webhooks_of_a_person_and_the_oldest_messages_come_first(
    farm: SmallFarm, receiver: Receiver
) -> None:
    for _ in range(3):
        add(farm, receiver.url)
    farm.submit(recipe("low"))
    farm.clock.passes(1)
    farm.build_all()
    assert [send(farm), send(farm), send(farm)] == [4, 2, 0]


def test_one_test_waits_for_a_webhook_at_a_time(farm: SmallFarm, receiver: Receiver) -> None:
    add(farm, receiver.url)

    def test() -> str:
        with farm.application.writing() as unit:
            return webhooks.send_test(unit, ME, 1)

    test()
    with refuses("messages-wait", "waits for webhook 1 already: 1 message"):
        test()
    assert send(farm) == 1
    test()


def test_no_test_is_added_to_as_many_messages_as_can_wait(
    farm: SmallFarm, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST_WAITING", 1)
    add(farm, receiver.url)
    farm.submit(recipe("low"))
    with refuses("messages-wait"), farm.application.writing() as unit:
        webhooks.send_test(unit, ME, 1)
