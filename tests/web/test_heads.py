"""Link checkers request only the head of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.farms.served import ServedFarm


@pytest.mark.parametrize("path", ["/", "/packages", "/channels", "/jobs"])
def test_the_head_of_a_page_is_that_of_the_page_without_its_body(farm: ServedFarm, path: str) -> None:
    whole, head = httpx.get(farm.url + path), httpx.head(farm.url + path)
    assert (whole.status_code, head.status_code) == (200, 200)
    assert (head.headers["content-type"], head.headers["content-length"]) == (
        whole.headers["content-type"],
        whole.headers["content-length"],
    )
    assert (head.content, bool(whole.content)) == (b"", True)


def test_the_head_of_a_page_that_is_not_there_says_so(farm: ServedFarm) -> None:
    assert httpx.head(f"{farm.url}/packages/nothing").status_code == 404
    assert httpx.head(f"{farm.url}/nowhere").status_code == 404


def test_what_is_followed_live_has_no_head(farm: ServedFarm) -> None:
    assert httpx.head(f"{farm.url}/attempts/1/log/follow").status_code == 405
