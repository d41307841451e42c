"""What axe finds on the pages: nothing, on a desktop and a phone, light and dark."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from farm.core.policy.gate_kind import GateKind
from farm.server.channels.excuses import Excuse
from farm.server.previews.previews import set_verdict
from farm.server.submissions.previewing import submit_preview
from farm.server.tables.preview_verdict import PreviewChange, PreviewFinding, PreviewVerdict, VerdictState
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from tests.farms.served import serving
from tests.farms.small import recipe
from tests.farms.stocked import SAMPLES, SYMBOL, StockedFarm, log_record
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

GLIBC, ZLIB, ONIGURUMA, JQ = SAMPLES[0], SAMPLES[1], SAMPLES[5], SAMPLES[6]
_OPTIONS = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
PREVIEW = "/submissions/8"
PAGES = (
    "/", "/packages", "/packages?q=json", "/packages/jq", "/packages/oniguruma", "/packages/zlib", "/jobs",
    "/jobs/2", "/jobs/5", "/jobs/6", "/submissions", "/submissions/2", PREVIEW, "/channels", "/channels/edge",
    "/channels/edge/releases/1", "/no-such-page",
)  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A farm with a release, a package held back, a failed job, a running one and one that waits."""
    directory = tmp_path_factory.mktemp("accessible")
    database = Database(f"sqlite:///{directory / 'farm.db'}")
    migrate(database)
    stocked = StockedFarm.open(database, directory)
    stocked.release("edge", stocked.build_samples((GLIBC, ONIGURUMA, JQ)))
    stocked.build(replace(ONIGURUMA, revision=2, flag="--disable-posix-api"))
    refused = Excuse(package="oniguruma", gate=GateKind.PROOF, reason=SYMBOL, line=SYMBOL, remedy="mend it")
    stocked.hold_back(stocked.candidate("edge", list(stocked.current().values())), refused)
    failed = stocked.begin(ZLIB)
    lines = (f"\x1b[31mline\x1b[0m {number} {'x' * 300}" for number in range(400))
    log = b"".join(map(log_record, (*lines, "main.c:3:10: fatal error: readline.h: No such file or directory")))
    stocked.application.logs.append(failed.attempt.id, 0, log, limit=10_000_000)
    stocked.fail(failed, "dist.example.org/zlib: the step 'make: make' failed with exit status 2")
    running = stocked.begin(SAMPLES[2])
    stocked.application.logs.append(running.attempt.id, 0, log_record("checking for gcc... gcc"), limit=1000)
    stocked.submit(recipe("waits"))
    assert f"/submissions/{failing_preview(stocked)}" == PREVIEW
    with serving(create_app(stocked.application)) as url:
        yield url
    database.close()


def failing_preview(stocked: StockedFarm) -> int:
    """Preview a library that breaks a program; return its number."""
    changed = replace(ONIGURUMA, revision=3).recipe()
    number = submit_preview(stocked.application, {"oniguruma": changed}, submitted_by="token:me", trace="t").id
    found = PreviewFinding("proof", "jq", passed=False, message=SYMBOL, job=4)
    change = PreviewChange("oniguruma", "6.9.9-1", "6.9.9-3", None)
    verdict = PreviewVerdict(
        VerdictState.FAILS, 1, "1 problem would hold it back", (found,), (change,), unknown=("soak",)
    )
    with stocked.application.writing() as unit:
        set_verdict(unit.session, number, verdict, now=unit.now)
    return number


@pytest.mark.parametrize(("width", "scheme"), list(product((1280, 390), ("light", "dark"))))
def test_axe_finds_nothing(chromium: Browser, address: str, width: int, scheme: str) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    found = {}
    for page in PAGES:
        tab.goto(address + page, wait_until="load")
        results = Axe().run(tab, options=_OPTIONS)
        if results.violations_count:
            found[page] = results.generate_report()
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, page
    context.close()
    assert not found, "\n".join(f"{page}: {report}" for page, report in found.items())


def test_axe_finds_what_is_wrong(chromium: Browser, address: str) -> None:
    tab = chromium.new_page()
    tab.goto(address)
    tab.evaluate("document.querySelector('main').append(new Image())")
    assert "image-alt" in Axe().run(tab).generate_snapshot()
    tab.close()
