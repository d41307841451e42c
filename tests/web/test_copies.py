"""Which packages hold code of a package: on its page, and over the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from farm.core.names.package_name import PackageName
from farm.core.plan.consumption import Consumption, OpenedFiles
from farm.server.packages.code_consumers import add_consumed
from tests.farms.stocked import SAMPLES, StockedFarm
from tests.web.page_reading import page, text_of
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.records import Package
    from farm.server.tables.session import Database

NEEDED = {"zlib", "glibc", "oniguruma", "jq"}


@pytest.fixture
def built(database: Database, tmp_path: Path) -> tuple[StockedFarm, dict[str, Package]]:
    stocked = StockedFarm.open(database, tmp_path)
    return stocked, {
        package.name: package
        for package in stocked.build_samples(sample for sample in SAMPLES if sample.name in NEEDED)
    }


@pytest.fixture
def browser(built: tuple[StockedFarm, dict[str, Package]]) -> Iterator[TestClient]:
    """jq has oniguruma linked in; what it copied of zlib is not known; oniguruma read headers of zlib."""
    stocked, packages = built

    def of(name: str) -> Consumption:
        return Consumption(PackageName("dist.example.org", name), packages[name].tree)

    static = Consumption(of("oniguruma").library, of("oniguruma").tree, static=OpenedFiles.of(["lib/libonig.a"]))
    unknown = Consumption(of("zlib").library, of("zlib").tree, is_known=False)
    headers = Consumption(of("glibc").library, of("glibc").tree, headers=OpenedFiles.of(["include/stdio.h"]))
    with stocked.application.writing() as unit:
        add_consumed(unit.session, packages["jq"].digest, [static, unknown, headers])
    with TestClient(create_app(stocked.application), raise_server_exceptions=False) as client:
        yield client


def copies(browser: TestClient, name: str) -> list[tuple[str, str]]:
    return [(copy["recipe"], copy["kind"]) for copy in browser.get(f"/api/v1/packages/{name}/copies").json()["copies"]]


def test_the_api_names_who_holds_code_of_a_package(browser: TestClient) -> None:
    assert copies(browser, "oniguruma") == [("jq", "static")]
    assert copies(browser, "zlib") == [("jq", "unknown")]
    assert copies(browser, "jq") == []
    assert browser.get("/api/v1/packages/nope/copies").status_code == 404


def test_the_page_of_a_library_names_who_holds_its_code(browser: TestClient) -> None:
    assert "jq linked in statically" in text_of(page(browser, "/packages/oniguruma"))
    assert "jq possibly: its build was not traced" in text_of(page(browser, "/packages/zlib"))
    assert "Copied into" not in text_of(page(browser, "/packages/jq"))


def test_the_page_of_a_user_says_what_its_build_opened(browser: TestClient) -> None:
    html = page(browser, "/packages/jq")
    assert "<td>static libraries</td>" in html
