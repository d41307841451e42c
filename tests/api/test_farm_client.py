"""How a client refuses an invalid address or token before it sends a request."""

from __future__ import annotations

import pytest

from farm.api.errors import FarmUnreachableError
from farm.api.farm_client import FarmClient
from tests.refusing import refuses


@pytest.mark.parametrize("url", ["http://127.0.0.1:1\n", "http://a\nb", "http://\udcff", "http://[::1", "http://a:b"])
def test_what_is_no_address_is_told(url: str) -> None:
    with refuses("invalid-farm-url") as caught:
        FarmClient(url)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("url", ["", "nowhere", "ftp://127.0.0.1", "http://127.0.0.1:1"])
def test_where_no_farm_is_nothing_answers(url: str) -> None:
    with FarmClient(url) as client, pytest.raises(FarmUnreachableError):
        client.jobs()


@pytest.mark.parametrize("token", ["\xe9", "\udcff", "a b", "a\n"])
def test_what_is_no_token_is_told_and_not_repeated(token: str) -> None:
    with refuses("invalid-token") as caught:
        FarmClient("http://127.0.0.1:1", token)
    assert token not in caught.value.message
