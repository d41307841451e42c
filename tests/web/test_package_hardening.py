"""How the page of a package shows its hardening."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient

from farm.core.package.elf.details import ElfDetails
from farm.core.package.elf.facts import ElfFacts
from tests.farms.small import SmallFarm, recipe
from tests.web.page_reading import page, text_of
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database

LAZY = ElfFacts(soname="libx.so.1", details=ElfDetails(hardening=("relro",), build_id="ab"))
FIXED = ElfFacts(interpreter="/lib64/ld.so", details=ElfDetails("executable", hardening=("bind-now", "relro")))
WAIVER = """\
hardening:
  waive:
    - {property: bind-now, files: lib/*, reason: It is loaded by hand}
"""


@pytest.fixture
def browser(database: Database, tmp_path: Path) -> Iterator[TestClient]:
    farm = SmallFarm.open(database, tmp_path)
    farm.shape("a", "1.0", {"lib/libx.so.1": LAZY, "bin/x": FIXED, **{f"bin/y{number}": FIXED for number in range(7)}})
    farm.submit(recipe("a", more=WAIVER), recipe("plain"))
    farm.build_all()
    with TestClient(create_app(farm.application)) as client:
        yield client


def test_what_is_lacking_waived_and_not_judged_is_told_with_its_files(browser: TestClient) -> None:
    text = text_of(page(browser, "/packages/a"))
    for words in (
        "pie lacking bin/x, bin/y0, bin/y1, bin/y2, bin/y3 and 3 more",
        "bind-now waived: It is loaded by hand lib/libx.so.1",
        "stack-protector not judged bin/x",
    ):
        assert words in text
    assert text.index("lacking") < text.index("waived") < text.index("not judged")


def test_a_package_without_programs_says_nothing_of_it(browser: TestClient) -> None:
    assert "Hardening" not in text_of(page(browser, "/packages/plain"))
