"""How the page of a package shows its vulnerabilities."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from farm.server.advisories.advisory_intake import add_advisory, add_statements
from farm.server.identities.access import Actor
from farm.server.packages import packages
from tests.core.advisories.osv_documents import DISTRIBUTION, openvex, osv
from tests.farms.stocked import SAMPLES, StockedFarm
from tests.web.page_reading import page, text_of
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database

CHAIN = SAMPLES[:1] + SAMPLES[5:7]  # glibc, oniguruma, jq
ANN = Actor("token:ann")
LOW = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"}]


@pytest.fixture
def stocked(database: Database, tmp_path: Path) -> StockedFarm:
    """Edge holds jq 1.7.1-1; 1.7.1-2 is built."""
    farm = StockedFarm.open(database, tmp_path)
    farm.release("edge", farm.build_samples(CHAIN))
    farm.build(replace(CHAIN[2], revision=2))
    return farm


@pytest.fixture
def browser(stocked: StockedFarm) -> Iterator[TestClient]:
    with TestClient(create_app(stocked.application)) as client:
        yield client


def add(stocked: StockedFarm, *documents: bytes) -> None:
    with stocked.application.writing() as unit:
        for document in documents:
            add_advisory(unit, ANN, document)


def test_a_package_without_advisories_says_nothing_of_them(browser: TestClient) -> None:
    assert "Advisories" not in text_of(page(browser, "/packages/jq"))


def test_what_is_open_comes_first_with_its_severity_and_the_channel_that_holds_it(
    stocked: StockedFarm, browser: TestClient
) -> None:
    add(
        stocked,
        osv(id="EXAMPLE-2026-1", fixed="1.7.1-2", aliases=["CVE-2026-1"]),
        osv(id="EXAMPLE-2026-2", fixed="1.8-1", severity=LOW, summary="<b>slow</b> \x1b[1m"),
        osv(id="EXAMPLE-2026-3", fixed=""),
    )
    html = page(browser, "/packages/jq")
    text = text_of(html)
    said = text[text.index("Advisories for 1.7.1-2") : text.index("About")]
    assert "EXAMPLE-2026-3 CVE-2026-1 critical open; not fixed yet; edge has 1.7.1-1, which it affects" in said
    assert "EXAMPLE-2026-2 CVE-2026-1 low open; fixed in 1.8-1; edge has 1.7.1-1" in said
    assert "EXAMPLE-2026-1 CVE-2026-1 critical does not affect this version; edge has 1.7.1-1, which it affects" in said
    assert said.index("EXAMPLE-2026-3") < said.index("EXAMPLE-2026-2") < said.index("EXAMPLE-2026-1")
    assert "A crafted document overflows the stack" in said
    assert html.count("<strong>critical</strong>") == 1
    assert "<b>slow" not in html
    assert "\x1b" not in html
    assert "Advisories" not in text_of(page(browser, "/packages/glibc"))


def test_an_older_build_has_its_own_state_and_what_is_stated_counts(stocked: StockedFarm, browser: TestClient) -> None:
    add(stocked, osv(fixed="1.7.1-2", aliases=[]))
    with stocked.application.reading() as unit:
        old = packages.builds_of(unit.session, "jq")[-1]
    address = f"/packages/jq?build={old.digest}"
    assert "EXAMPLE-2026-1 critical open; fixed in 1.7.1-2; edge has" in text_of(page(browser, address))
    with stocked.application.writing() as unit:
        add_statements(unit, ANN, openvex(product=f"{DISTRIBUTION}/jq@1.7.1-1"))
    text = text_of(page(browser, address))
    assert "critical stated as not affected: vulnerable code not in execute path A crafted" in text
    later = "2024-11-23T10:00:00Z"
    add(stocked, osv(fixed="1.7.1-2", modified=later, withdrawn=later))
    assert "EXAMPLE-2026-1" not in text_of(page(browser, address))
