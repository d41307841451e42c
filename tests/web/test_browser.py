"""The pages in a real browser: a log that is followed live, and a hostile one that has no effect."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

import pytest

from farm.core.policy.gate_kind import GateKind
from farm.server.channels.excuses import Excuse
from tests.farms.served import serving
from tests.farms.small import recipe
from tests.farms.stocked import SAMPLES, StockedFarm, log_record
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from farm.api.worker_client import HeldLease
    from farm.server.tables.session import Database
    from tests.farms.served import HandMadeWorker, ServedFarm

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(chromium: Browser) -> Iterator[Page]:
    """A page in which any complaint of a script or of the content security policy fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"a dialog: {dialog.message}"))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def worker(farm: ServedFarm) -> HandMadeWorker:
    with farm.client() as client:
        client.submit({"a": recipe("a")})
    return farm.worker()


@pytest.fixture
def lease(worker: HandMadeWorker) -> HeldLease:
    return worker.claim()


def see(tab: Page, text: str, *, seconds: float = 10) -> None:
    tab.locator(".lines li", has_text=text).first.wait_for(timeout=seconds * 1000)


def until(tab: Page, condition: str, *, seconds: float = 10) -> None:
    """Wait for a condition by polling, as the pages' policy forbids evaluating strings in them."""
    end = time.monotonic() + seconds
    while not tab.evaluate(condition):
        assert time.monotonic() < end, f"it never came to {condition}"
        time.sleep(0.05)


def test_a_line_appears_while_the_step_that_printed_it_still_sleeps(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, tab: Page
) -> None:
    size = worker.client.append_log(lease, 0, log_record("configuring", step="configure"))
    tab.goto(f"{farm.url}/jobs/1")
    see(tab, "configuring")
    tab.get_by_text("Live", exact=True).wait_for()

    size = worker.client.append_log(lease, size, log_record("going to sleep", step="make"))
    see(tab, "going to sleep")
    assert tab.locator("h1 .state").inner_text() == "leased"  # nobody has reported the end of the step

    worker.client.append_log(lease, size, log_record("<b>woken</b>", step="make", stream="stderr"))
    see(tab, "<b>woken</b>")
    assert tab.locator("details.step summary").all_inner_texts() == ["configure", "make"]
    assert tab.locator("#L3").get_attribute("class") == "err"
    assert tab.locator("#log-extent").inner_text() == "Lines 1\u20133 of 3"


def test_when_an_attempt_ends_the_page_says_so_by_itself(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, tab: Page
) -> None:
    tab.goto(f"{farm.url}/jobs/1")
    tab.get_by_text("Live", exact=True).wait_for()
    worker.client.append_log(lease, 0, log_record("all there is"))
    worker.client.fail(lease, code="build-failed", message="the step make ended with status 2")
    see(tab, "all there is")
    tab.get_by_text("The attempt has ended").wait_for()
    tab.locator("h1 .state", has_text="failed").wait_for(timeout=8000)
    assert tab.get_by_text("the step make ended with status 2").count() == 1


def test_a_page_that_waits_for_a_worker_becomes_the_live_page(
    farm: ServedFarm, worker: HandMadeWorker, tab: Page
) -> None:
    tab.goto(f"{farm.url}/jobs/1")
    tab.get_by_text("No worker has taken it yet.").wait_for()
    lease = worker.claim()
    worker.client.append_log(lease, 0, log_record("at last"))
    see(tab, "at last")
    tab.get_by_text("Live", exact=True).wait_for()


def test_who_scrolls_up_is_left_in_peace_until_he_wants_to_follow_again(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, tab: Page
) -> None:
    size = worker.client.append_log(lease, 0, b"".join(log_record(f"line {number}") for number in range(200)))
    tab.goto(f"{farm.url}/jobs/1")
    tab.get_by_text("Live", exact=True).wait_for()
    size = worker.client.append_log(lease, size, log_record("followed"))
    see(tab, "followed")
    at_end = "window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 80"
    until(tab, at_end)
    tab.mouse.wheel(0, -1500)
    until(tab, "!document.getElementById('follow').checked")
    height = tab.evaluate("window.scrollY")
    size = worker.client.append_log(lease, size, log_record("not followed"))
    see(tab, "not followed")
    assert tab.evaluate("window.scrollY") == height
    tab.get_by_label("Follow").check()
    until(tab, at_end)


def test_a_hundred_thousand_lines_leave_the_page_small_and_the_last_one_is_seen(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, tab: Page
) -> None:
    tab.goto(f"{farm.url}/jobs/1")
    tab.get_by_text("Live", exact=True).wait_for()
    piece, size = b"".join(log_record(f"line {number}") for number in range(10_000)), 0
    for _ in range(10):
        size = worker.client.append_log(lease, size, piece)
        worker.client.heartbeat(lease)  # a slow machine takes longer for all of them than a lease lasts
    worker.client.append_log(lease, size, log_record("the last"))
    see(tab, "the last", seconds=60)
    assert tab.locator(".lines li").count() <= 5000
    assert tab.get_by_text("Earlier lines").count() == 1
    assert tab.locator("#log-extent").inner_text().endswith("of 100001")


def test_a_hostile_log_runs_nothing_and_fetches_nothing(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, tab: Page
) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    hostile = (
        "<script>document.title='taken'</script>",
        "<img src=https://evil.example/x onerror=\"document.title='taken'\">",
        "</span></li></ol></details><h1 hx-get='/' hx-trigger='load'>x</h1>",
        "\x1b]0;taken\x07\x1b]8;;https://evil.example\x07link\x1b]8;;\x07\x1b[2J\x1b[31mred",
        "\u202ereversed\u2066",
    )
    records = [log_record(text, step="<img src=x onerror=alert(1)>") for text in hostile]
    size = worker.client.append_log(lease, 0, b"".join(records))  # in the page itself
    tab.goto(f"{farm.url}/jobs/1")
    tab.get_by_text("Live", exact=True).wait_for()
    worker.client.append_log(lease, size, b"".join(records) + log_record("the end"))  # and followed
    see(tab, "the end")
    assert "taken" not in tab.title()
    assert tab.locator(".lines li").count() == 11
    assert tab.locator("#log-rows img, #log-rows script, #log-rows h1, #log-rows a[href*=evil]").count() == 0
    assert not [url for url in asked if not url.startswith(farm.url)]
    assert "\u202e" not in tab.content()


def test_the_number_of_a_line_is_a_link_that_lasts(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, tab: Page
) -> None:
    worker.client.append_log(lease, 0, b"".join(log_record(f"line {number}") for number in range(1, 2001)))
    worker.client.fail(lease, code="x", message="x")
    tab.goto(f"{farm.url}/jobs/1?attempt=1&line=500")
    tab.locator("#L700 > a").click()
    assert tab.url == f"{farm.url}/jobs/1?attempt=1&line=700#L700"
    tab.goto("about:blank")
    tab.goto(f"{farm.url}/jobs/1?attempt=1&line=1700#L1700")
    assert tab.locator("#L1700").evaluate("row => row.matches(':target')")
    assert tab.locator("#L1").count() == 0


def test_packages_are_found_while_one_types(farm: ServedFarm, worker: HandMadeWorker, tab: Page) -> None:
    worker.build()
    tab.goto(f"{farm.url}/packages")
    tab.locator("#q").press_sequentially("zzz")
    tab.get_by_text("No package matches “zzz”.").wait_for()
    tab.locator("#q").fill("a pack")
    tab.get_by_role("link", name="a", exact=True).wait_for()
    assert tab.locator("#q").evaluate("field => field === document.activeElement")


def test_without_scripts_everything_can_be_read(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, chromium: Browser
) -> None:
    worker.client.append_log(lease, 0, log_record("to be read"))
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{farm.url}/jobs/1")
    assert page.get_by_text("to be read").is_visible()
    assert page.get_by_text("Scripts are off: reload to see more").is_visible()
    page.goto(f"{farm.url}/packages")
    page.locator("#q").fill("nothing")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("No package matches").wait_for()
    context.close()


@pytest.mark.parametrize("address", ["/", "/packages", "/jobs", "/jobs/1", "/channels", "/nope"])
def test_no_page_is_wider_than_a_phone(
    farm: ServedFarm, worker: HandMadeWorker, lease: HeldLease, chromium: Browser, address: str
) -> None:
    worker.client.append_log(lease, 0, log_record("x" * 3000))
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(farm.url + address)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_channel_with_hostile_excuses_fits_a_phone_and_runs_nothing(
    database: Database, tmp_path: Path, tab: Page, scheme: Literal["light", "dark"]
) -> None:
    stocked = StockedFarm.open(database, tmp_path)
    candidate = stocked.candidate("edge", stocked.build_samples(SAMPLES[:2]))
    hostile = "<img src=https://evil.example/x onerror=alert(1)>" + "x" * 500
    excuse = Excuse(package=hostile, version=hostile, gate=GateKind.PROOF, reason=hostile, owner=hostile, line=hostile)
    stocked.hold_back(candidate, excuse)
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.emulate_media(color_scheme=scheme)
    with serving(create_app(stocked.application)) as url:
        tab.goto(f"{url}/channels/edge")
        assert tab.locator("article.excuse").count() == 1
        assert tab.locator("article.excuse img").count() == 0
        for summary in tab.locator("details > summary").all():
            summary.click()
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        assert not [address for address in asked if not address.startswith(url)]
