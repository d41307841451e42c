"""Row 39: a webhook whose address is the farm's own network. The farm sends nothing there, whatever a name resolves to.

A maintainer chooses the address, and whoever owns its name chooses what that resolves to, at each delivery anew.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from farm.server.events import webhooks
from farm.server.events.deliveries import deliver_due
from farm.server.tables.states import Role
from farm.store.http.address_guard import AddressGuard
from farm.store.http.exchange import ExchangePolicy
from tests.farms.small import recipe
from tests.server.events.receiver import Receiver, receiving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.farms.served import ServedFarm

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
AS_SHIPPED = ExchangePolicy(seconds=2.0)


@pytest.fixture
def inside() -> Iterator[Receiver]:
    """A service of the farm's own network, which believes everything that comes from there."""
    with receiving() as receiver:
        yield receiver


def headers(farm: ServedFarm, role: Role = Role.MAINTAINER) -> dict[str, str]:
    return {"Authorization": f"Bearer {farm.token(role)}"}


def register(farm: ServedFarm, url: str) -> httpx.Response:
    return httpx.post(f"{farm.url}/api/v1/webhooks", headers=headers(farm), json={"url": url})


def trouble(farm: ServedFarm) -> str:
    with farm.application.reading() as unit:
        return webhooks.webhooks_of(unit.session, "token:some-maintainer")[-1].trouble


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "0.0.0.0", "[::]"],  # noqa: S104
)
def test_no_spelling_of_an_own_address_is_reached(farm: ServedFarm, inside: Receiver, host: str) -> None:
    assert register(farm, f"http://{host}:{inside.port}/").status_code == 201
    with farm.client() as client:
        client.submit({"a": recipe("a")})
    assert deliver_due(farm.application, AS_SHIPPED, farm.url) == 0
    assert inside.got == []
    assert "is refused" in trouble(farm) or "cannot be resolved" in trouble(farm)


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "192.168.1.1", "172.16.0.1", "[fd00::1]", "[fe80::1]"])
def test_no_private_network_is_connected_to(farm: ServedFarm, host: str) -> None:
    register(farm, f"http://{host}/latest/meta-data/")
    with farm.client() as client:
        client.submit({"a": recipe("a")})
    assert deliver_due(farm.application, AS_SHIPPED, farm.url) == 0
    assert "is refused" in trouble(farm)


def test_a_name_that_resolves_elsewhere_later_is_checked_each_time(
    farm: ServedFarm, inside: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: what counts is the address of the very connection."""
    answers, honest = iter(["127.0.0.2", "127.0.0.1"]), socket.getaddrinfo

    def resolve(host: str, port: int, *more: object, **options: object) -> object:
        if host != "rebinding.example.org":
            return honest(host, port, *more, **options)  # type: ignore[call-overload]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    register(farm, f"http://rebinding.example.org:{inside.port}/")
    with farm.client() as client:
        client.submit({"a": recipe("a")})
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    guard = AddressGuard.of(["127.0.0.2/32"])  # stands for a public address
    policy = ExchangePolicy(guard, seconds=0.5)
    assert deliver_due(farm.application, policy, farm.url) == 0
    with farm.application.writing() as unit:
        unit.session.connection().exec_driver_sql("UPDATE delivery SET due_at = created_at")
    assert deliver_due(farm.application, policy, farm.url) == 0
    assert inside.got == []
    assert "is refused: 127.0.0.1 is this machine's own (loopback)" in trouble(farm)


def test_a_redirect_leads_nowhere(farm: ServedFarm, inside: Receiver) -> None:
    with receiving() as outside:
        outside.answers, outside.header = [307], ("Location", inside.url)
        register(farm, outside.url)
        with farm.client() as client:
            client.submit({"a": recipe("a")})
        guard = AddressGuard.of(["127.0.0.0/8"])
        assert deliver_due(farm.application, ExchangePolicy(guard, seconds=2.0), farm.url) == 0
        assert len(outside.got) == 1
    assert inside.got == []
    assert trouble(farm) == "it answered with HTTP status 307"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "http://user:pass@example.org/", "http://", "https:///x",
            "http://example.org/\r\nX-Farm: 1", "unix:///run/signer.sock"]
)  # fmt: skip
def test_what_is_no_plain_address_is_not_registered(farm: ServedFarm, url: str) -> None:
    answer = register(farm, url)
    assert (answer.status_code, answer.json()["code"]) == (422, "forbidden-address")
    assert "user:pass" not in answer.text


def test_a_person_has_few_webhooks_and_sees_and_changes_nobody_elses(farm: ServedFarm) -> None:
    for _ in range(webhooks.MOST_EACH):
        made = register(farm, "https://example.org/")
        assert made.status_code == 201
    secret = made.json()["secret"]
    assert register(farm, "https://example.org/").json()["code"] == "too-many-webhooks"
    listed = httpx.get(f"{farm.url}/api/v1/webhooks", headers=headers(farm))
    assert len(listed.json()["webhooks"]) == webhooks.MOST_EACH
    assert "secret" not in listed.text
    assert secret not in listed.text
    other = headers(farm, Role.CURATOR)
    assert httpx.get(f"{farm.url}/api/v1/webhooks", headers=other).json() == {"webhooks": []}
    assert httpx.delete(f"{farm.url}/api/v1/webhooks/1", headers=other).status_code == 404
    assert httpx.post(f"{farm.url}/api/v1/webhooks/1/test", headers=other).status_code == 404
    for method, path in (("GET", "webhooks"), ("POST", "webhooks"), ("DELETE", "webhooks/1"), ("GET", "watch")):
        answer = httpx.request(method, f"{farm.url}/api/v1/{path}")
        assert answer.status_code == 401, path
    trail = httpx.get(f"{farm.url}/api/v1/trail", headers=other).text
    assert "add-webhook" in trail
    assert "whsec_" not in trail
