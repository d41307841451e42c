"""How pages and the API show a candidate that brings packages of another distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from farm.server.curation import holds
from tests.farms.importing import ImportingFarm
from tests.farms.small import recipe
from tests.foreign.neighbours import FIRST
from tests.web.page_reading import page, text_of
from web.app import create_app

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database
    from tests.foreign.neighbours import Neighbours

SSL = f"{FIRST}/openssl"
PROMISE = "Clients fetch these from their own distributions, and verify them by the roots named here."


@pytest.fixture
def taking(neighbours: Neighbours, database: Database, tmp_path: Path) -> ImportingFarm:
    """A farm that imported openssl, and then refused another build of it that broke a test."""
    taking = ImportingFarm.beside(neighbours, database, tmp_path / "farm")
    taking.shape("web", "1.0", {}, requires=(SSL,))
    more = f"requires: [{SSL}]\ntests:\n  - name: of web\n    command: [/usr/bin/web]\n"
    taking.submit(recipe("web", more=more))
    taking.follow()
    taking.decide()
    neighbours.first.package("openssl", {"bin/openssl": "#!/usr/bin/say\n"}, version="3.1")
    neighbours.first.publish()
    taking.follow()
    assert taking.decide(failing=("of web",)) == "refused"
    with taking.application.writing() as unit:
        holds.add_hold(unit.session, "edge", SSL, reason="not yet", held_by="ann", now=unit.now)
    return taking


def test_foreign_packages_are_named_and_lead_to_no_page_that_is_not_there(taking: ImportingFarm) -> None:
    with TestClient(create_app(taking.application)) as browser:
        channel = page(browser, "/channels/edge")
        assert "/packages/other" not in channel
        assert SSL in channel
        assert "'of web' of web failed" in channel or "&#39;of web&#39; of web failed" in channel
        assert "3.1-1" in channel
        answer = browser.get("/api/v1/channels/edge/candidates/2").json()
        (change,) = answer["changes"]
        assert (change["package"], change["change"]) == (SSL, "version")
        assert (change["before"]["version"], change["after"]["version"]) == ("3.0-1", "3.1-1")
        assert browser.get("/api/v1/channels/edge").json()["excuses"][0]["package"] == SSL


def test_a_release_says_of_which_releases_it_has_taken_what(taking: ImportingFarm, neighbours: Neighbours) -> None:
    first = neighbours.first
    assert first.founded is not None
    pin = taking.taken()
    with TestClient(create_app(taking.application)) as browser:
        answer = browser.get("/api/v1/channels/edge/releases/1").json()
        assert [package["name"] for package in answer["packages"]] == ["web"]
        (taken,) = answer["imports"]
        assert (taken["distribution"], taken["channel"], taken["number"]) == (FIRST, "edge", 1)
        assert (taken["release"], taken["root"], taken["address"]) == (
            pin.release,
            first.founded.fingerprint,
            neighbours.address,
        )
        assert [(package["name"], package["version"], package["package"]) for package in taken["packages"]] == [
            (SSL, "3.0", pin.packages[0].descriptor),
            (f"{FIRST}/say", "1.0", pin.packages[1].descriptor),
        ]
        shown = text_of(page(browser, "/channels/edge/releases/1"))
        assert f"Imported packages {PROMISE} {FIRST} Release release 1 of edge {pin.release}" in shown
        assert f"{SSL} 3.0-1" in shown
        # The next update there becomes a candidate automatically: then the next release changes it.
        neighbours.first.package("openssl", {"bin/openssl": "#!/usr/bin/say\n"}, version="3.2")
        neighbours.first.publish()
        taking.follow()
        assert taking.decide() == "idle"
        (change,) = browser.get("/api/v1/channels/edge/releases/2/changes?against=1").json()["changes"]
        assert (change["package"], change["before"]["version"], change["after"]["version"]) == (SSL, "3.0-1", "3.2-1")
        assert f"{SSL} new version 3.0-1 3.2-1" in text_of(page(browser, "/channels/edge/releases/2"))


def test_a_release_that_takes_nothing_says_nothing_of_it(taking: ImportingFarm) -> None:
    taking.shape("web", "2.0", {})
    taking.submit(recipe("web", version="2.0"))
    assert taking.decide() == "idle"
    with TestClient(create_app(taking.application)) as browser:
        assert browser.get("/api/v1/channels/edge/releases/2").json()["imports"] == []
        assert "other distributions" not in page(browser, "/channels/edge/releases/2")
