"""The events of a submitter and of a package as Atom: the same events that webhooks get."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

from farm.server.events import events
from tests.farms.small import SmallFarm, recipe
from web.app import create_app

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database

ATOM = "{http://www.w3.org/2005/Atom}"
ADDRESS = "https://farm.example.org"


@pytest.fixture
def small(database: Database, tmp_path: Path) -> SmallFarm:
    return SmallFarm.open(database, tmp_path)


@pytest.fixture
def browser(small: SmallFarm) -> TestClient:
    return TestClient(create_app(small.application, address=f"{ADDRESS}/"))


def feed(browser: TestClient, path: str) -> tuple[ET.Element, list[ET.Element]]:
    """Fetch a feed, and check what RFC 4287 requires of every feed."""
    answer = browser.get(path, headers={"Host": "evil.example"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/atom+xml"
    assert "evil.example" not in answer.text
    root = ET.fromstring(answer.content)  # noqa: S314  (our own answer)
    entries = root.findall(f"{ATOM}entry")
    for node in (root, *entries):
        for name in ("title", "id", "updated"):
            assert len(node.findall(f"{ATOM}{name}")) == 1
        assert re.fullmatch(r"tag:dist\.example\.org,\d{4}-\d\d-\d\d:farm/\S+", node.findtext(f"{ATOM}id", ""))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", node.findtext(f"{ATOM}updated", ""))
        for link in node.findall(f"{ATOM}link"):
            assert link.get("href", "").startswith(f"{ADDRESS}/")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids)
    return root, entries


def test_a_submitter_and_a_package_have_a_feed_of_their_events_newest_first(
    small: SmallFarm, browser: TestClient
) -> None:
    _, none = feed(browser, "/submitters/me/events.atom")
    assert none == []
    small.submit(recipe("low"))
    small.clock.passes(60)
    small.fail(small.claim(), "low.c:1: error: <b>no</b>\x1b[2J")
    root, entries = feed(browser, "/submitters/me/events.atom")
    titles = [entry.findtext(f"{ATOM}title") for entry in entries]
    assert sorted(titles[:2]) == ["submission 1 failed", "the build of low failed"]  # type: ignore[type-var]
    assert titles[2:] == ["submission 1 is accepted"]
    assert root.findtext(f"{ATOM}updated") == entries[0].findtext(f"{ATOM}updated")
    _, (only,) = feed(browser, "/packages/low/events.atom")
    content = only.findtext(f"{ATOM}content") or ""
    assert content.startswith("the build of low failed: low.c:1: error: <b>no</b>")
    assert "\x1b" not in content
    (link,) = only.findall(f"{ATOM}link")
    assert browser.get(link.get("href", "").removeprefix(ADDRESS)).status_code == 200
    with small.application.reading() as unit:
        (event,) = events.of_package(unit.session, "low", limit=10)
    assert only.findtext(f"{ATOM}id", "").endswith(f"event/{event.id}")
    assert only.find(f"{ATOM}category").get("term") == event.kind == "job.failed"  # type: ignore[union-attr]


def test_old_events_are_forgotten(small: SmallFarm, browser: TestClient) -> None:
    small.submit(recipe("low"))
    with small.application.writing() as unit:
        assert events.forget(unit.session, before=unit.now) == 0
    small.clock.passes(1)
    with small.application.writing() as unit:
        assert events.forget(unit.session, before=unit.now) == 1
    assert feed(browser, "/submitters/me/events.atom")[1] == []
