"""How a channel's page, feed and JSON show held packages, freezes, holds, reports and orders."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient

from farm.core.names.digest import Digest
from farm.server.channels import candidates, channel_troubles, flaky_tests, releases
from farm.server.channels.excuses import Excuse
from farm.server.channels.flaky_tests import FlakyTest
from farm.server.curation import curation, ordering, orders, signed_orders
from farm.server.curation.signed_orders import SignedOrder
from farm.server.federation import imported
from farm.server.identities.access import Actor
from farm.server.packages import packages
from farm.server.tables.evidence import FailedTest, TestEvidence
from farm.server.tables.pipeline_states import ChangeState, OrderEnding, RunPurpose, RunState
from tests.farms.stocked import SAMPLES, StockedFarm
from tests.web.page_reading import page, text_of
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.server.tables.records import Package
    from farm.server.tables.session import Database

CHAIN = SAMPLES[:1] + SAMPLES[5:7]  # glibc, oniguruma, jq
HOSTILE = "<script>alert(1)</script> ]]> & \x1b[31mred\x00 \u202etxt.exe \ufffe \ud800"
ANN = Actor("token:ann <b>")
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def stocked(database: Database, tmp_path: Path) -> StockedFarm:
    """A farm whose edge has one release, and a candidate with a new jq and a new oniguruma."""
    farm = StockedFarm.open(database, tmp_path)
    farm.release("edge", farm.build_samples(CHAIN))
    farm.build_samples([replace(sample, revision=2) for sample in CHAIN[1:]])
    farm.candidate("edge", current(farm))
    return farm


@pytest.fixture
def browser(stocked: StockedFarm) -> Iterator[TestClient]:
    with TestClient(create_app(stocked.application)) as client:
        yield client


def current(stocked: StockedFarm) -> list[Package]:
    with stocked.application.reading() as unit:
        return packages.current_packages(unit.session)


def act(stocked: StockedFarm, what: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with stocked.application.writing() as unit:
        return what(unit, ANN, *arguments, **options)


def excuse(**changed: Any) -> Excuse:
    values = {"package": "jq", "version": "1.7.1-2", "gate": "tests", "reason": "the test `runs` failed"}
    return Excuse(**values | changed)


def test_a_channel_whose_file_is_wrong_says_where(stocked: StockedFarm, browser: TestClient) -> None:
    assert "mended" not in text_of(page(browser, "/channels/edge"))
    with stocked.application.writing() as unit:
        channel_troubles.set_trouble(unit.session, "edge", ["channels/edge.yaml:5:22: '<b>'. Did you mean high?"])
    text = text_of(page(browser, "/channels/edge"))
    assert "Waiting: its policy file has errors. channels/edge.yaml:5:22: '<b>'. Did you mean high?" in text
    assert "edge policy file has errors" in text_of(page(browser, "/channels"))
    with stocked.application.writing() as unit:
        imported.set_troubles(unit.session, {"other.example": "<b>"}, now=unit.now)
    assert "other.example is not followed since" in text_of(page(browser, "/channels/edge"))
    assert browser.get("/api/v1/channels").json()["channels"][0]["trouble"] == [
        "channels/edge.yaml:5:22: '<b>'. Did you mean high?"
    ]


def test_a_channel_that_stands_still_says_why(stocked: StockedFarm, browser: TestClient) -> None:
    assert "stopped" not in text_of(page(browser, "/channels")).lower()
    with stocked.application.writing() as unit:
        channel_troubles.set_halted(unit.session, "edge", "release 3 is <b>published</b>")
    assert "Stopped. release 3 is <b>published</b>" in text_of(page(browser, "/channels/edge"))
    assert "edge stopped" in text_of(page(browser, "/channels"))


def test_an_excuse_is_a_card_that_a_person_can_act_on(stocked: StockedFarm, browser: TestClient) -> None:
    jq = next(package for package in current(stocked) if package.name == "jq")
    jq_excuse = excuse(
        digest=jq.digest, root="oniguruma", owner="ann@example.org", job=3, line="jq: error: ONIGERR",
        partners=("oniguruma 6.9.9-1",), remedy="mend either", until=None,
    )  # fmt: skip
    stocked.hold_back(2, jq_excuse, excuse(package="zlib", version="2-1", gate="soak", until=stocked.clock.now))
    html = page(browser, "/channels/edge")
    text = text_of(html)
    for expected in (
        "Held back 2 packages",
        "jq 1.7.1-2 tests the test `runs` failed. jq: error: ONIGERR mend either. Retry: farm candidate retry edge jq",
        "(needs the role curator). Since ",
        "Candidate 2 Caused by oniguruma Together jq breaks only with oniguruma 6.9.9-1. Owner ann@example.org",
        "Log job 3",
        "It clears automatically at ",
    ):  # fmt: skip
        assert expected in text, expected
    assert text.count("farm candidate retry edge") == 1  # what waits for a time needs no retry
    assert f'href="/packages/jq?build={jq.digest.replace(":", "%3A")}"' in html
    assert 'href="/jobs/3"' in html
    assert "/packages/oniguruma%20" not in html  # a companion package is shown with its version, and its page has none
    assert 'id="excuse-1"' in html


def test_commands_in_what_clears_it_are_code_and_nothing_else_is_markup(
    stocked: StockedFarm, browser: TestClient
) -> None:
    stocked.hold_back(2, excuse(remedy="say `farm <b> \x1b[1m` or <i>, not `"))
    html = page(browser, "/channels/edge")
    assert '<p class="way-out">say <code>farm &lt;b&gt; \\x1b[1m</code> or &lt;i&gt;, not `.' in html


def test_packages_of_one_reason_share_a_card(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.hold_back(2, excuse(), excuse(package="oniguruma", version="6.9.9-2"), excuse(package="x", gate="proof"))
    html = page(browser, "/channels/edge")
    assert html.count('<article class="excuse"') == 2
    assert "jq 1.7.1-2 , oniguruma 6.9.9-2 tests" in text_of(html)
    assert "farm candidate retry edge jq oniguruma" in text_of(html)


def test_what_the_signer_refuses_holds_the_whole_set(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.hold_back(2, Excuse(package="", gate="signer", reason="the provenance of jq does not vouch for it"))
    html = page(browser, "/channels/edge")
    assert "The whole set signer the provenance of jq does not vouch for it." in text_of(html)
    assert 'href="/packages/"' not in html
    (entry,) = feed(browser).findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "the whole set is held back from edge by signer"


def test_a_search_shows_what_moves_together_and_how_far_it_is(stocked: StockedFarm, browser: TestClient) -> None:
    with stocked.application.writing() as unit:
        candidates.place_changes(unit.session, 2, ["jq", "oniguruma"], atom="jq", state=ChangeState.HELD)
        for number, purpose, state in ((1, "search", "red"), (2, "retry", "red"), (3, "evidence", "pending")):
            candidates.record_run(
                unit.session, 2, Digest.of(bytes([number])), purpose=RunPurpose(purpose), atoms=2, tests=number,
                state=RunState(state), evidence=None, now=unit.now,
            )  # fmt: skip
    red = FailedTest("glibc", "locale", "ended with 1", 1, changed=True)
    evidence = TestEvidence(6, already_red=(red,), flaky=(FailedTest("jq", "waits", "", 2),))
    stocked.gate(2, "tests", "pending", "1 of 6 tests done", evidence)
    text = text_of(page(browser, "/channels/edge"))
    for expected in (
        "Sets tested so far: 1 for evidence, 1 retried, 1 in the search.", "jq + oniguruma held",
        "2 package changes against release 1, 2 held", "3 sets examined",
        "1 test failed before too, and blocks nothing", "glibc locale #1 ended with 1 another message than before",
        "1 flaky test", "jq waits #2",
    ):  # fmt: skip
        assert expected in text, expected


def test_freeze_holds_reports_orders_and_quarantine_are_told(stocked: StockedFarm, browser: TestClient) -> None:
    act(stocked, curation.freeze, "edge", why="the fair", until=stocked.clock.now + timedelta(hours=1))
    act(stocked, curation.hold, "edge", "jq", why="loses data")
    act(stocked, curation.report, "edge", "glibc", why="segfaults")
    stocked.hold_back(2, excuse())
    done = act(stocked, ordering.retry, "edge", why="disk full")
    waiting = act(stocked, ordering.retry, "edge", packages=["jq"])
    with stocked.application.writing() as unit:
        orders.finish_order(
            unit.session, done.id, candidate_id=2, ending=OrderEnding.REFUSED, outcome="refused again", now=unit.now
        )
        found = FlakyTest(
            recipe="jq", test="waits", version="1.7.1-2", failed_job=1, passed_job=2, seen_at=unit.now,
            expires_at=unit.now + timedelta(days=1),
        )  # fmt: skip
        flaky_tests.record_flaky(unit.session, found)
    html = page(browser, "/channels/edge")
    text = text_of(html)
    for expected in (
        "Frozen until 2", "by token:ann <b> since", ": the fair", "jq loses data token:ann <b>",
        "1 glibc 2.41-1 segfaults", f"Order {waiting.id} of token:ann <b> has been waiting since", "retry jq",
        "retry everything that is held back , “disk full”".replace(" ,", ","), "refused again.",
        "jq 1.7.1-2 waits #1 #2",
    ):  # fmt: skip
        assert expected in text, expected
    assert "<b>" not in html
    assert "frozen" in text_of(page(browser, "/channels"))
    stocked.clock.passes(3600)
    assert "Frozen" not in page(browser, "/channels/edge")


def test_the_feed_has_an_entry_for_each_excuse_that_stays_when_it_is_cleared(
    stocked: StockedFarm, browser: TestClient
) -> None:
    empty = feed(browser)
    assert empty.findall(f"{ATOM}entry") == []
    stocked.hold_back(2, excuse(owner="ann", job=3, line="error", partners=("oniguruma 6.9.9-1",), remedy="mend it"))
    before = feed(browser)
    (entry,) = before.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "jq 1.7.1-2 is held back from edge by tests"
    assert entry.findtext(f"{ATOM}content") == (
        "the test `runs` failed.\njq breaks only with oniguruma 6.9.9-1.\nOwner: ann.\nLog of job 3: error\n"
        "Remedy: mend it.\nRetry: farm candidate retry edge jq (needs the role curator)"
    )
    link = entry.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == "http://127.0.0.1:8460/channels/edge#excuse-1"
    assert 'id="excuse-1"' in page(browser, "/channels/edge")
    stocked.clock.passes(60)
    stocked.hold_back(2)
    after = feed(browser)
    (cleared,) = after.findall(f"{ATOM}entry")
    assert cleared.findtext(f"{ATOM}title") == "cleared: jq 1.7.1-2 is no longer held back from edge by tests"
    assert "Cleared by candidate 2." in (cleared.findtext(f"{ATOM}content") or "")
    assert cleared.findtext(f"{ATOM}id") == entry.findtext(f"{ATOM}id")
    link = cleared.find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == "http://127.0.0.1:8460/channels/edge", "the page does not show what was cleared"
    assert cleared.findtext(f"{ATOM}updated", "") > entry.findtext(f"{ATOM}updated", "~")
    assert after.findtext(f"{ATOM}updated", "") > before.findtext(f"{ATOM}updated", "~")


def feed(browser: TestClient) -> ET.Element:
    """Fetch the feed and check what RFC 4287 requires of every feed."""
    answer = browser.get("/channels/edge/excuses.atom", headers={"Host": "evil.example"})
    assert answer.status_code == 200
    assert "evil.example" not in answer.text, "who asks does not choose where the links lead"
    assert answer.headers["content-type"] == "application/atom+xml"
    root = ET.fromstring(answer.content)  # noqa: S314  (our own answer)
    assert root.tag == f"{ATOM}feed"
    entries = root.findall(f"{ATOM}entry")
    for node in (root, *entries):
        for name in ("title", "id", "updated"):
            assert len(node.findall(f"{ATOM}{name}")) == 1
        assert re.fullmatch(r"tag:dist\.example\.org,\d{4}-\d\d-\d\d:farm/\S+", node.findtext(f"{ATOM}id", ""))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", node.findtext(f"{ATOM}updated", ""))
    assert root.findtext(f"{ATOM}author/{ATOM}name")
    rels = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    assert rels["self"] == "http://127.0.0.1:8460/channels/edge/excuses.atom"
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids)
    return root


def test_hostile_words_do_nothing_on_page_and_feed(stocked: StockedFarm, browser: TestClient) -> None:
    inert = HOSTILE.replace("\x00", "").replace("\ud800", "")  # no database accepts these
    stocked.hold_back(2, excuse(reason=inert, root=inert, owner=inert, line=inert, remedy=inert, partners=(inert,)))
    stocked.gate(2, "tests", "pending", inert, TestEvidence(1, already_red=(FailedTest(inert, inert, inert),)))
    html = page(browser, "/channels/edge")
    assert "<script>alert" not in html
    assert not re.search("[\x1b\u202e]", html)
    (entry,) = feed(browser).findall(f"{ATOM}entry")
    content = entry.findtext(f"{ATOM}content") or ""
    assert "<script>alert(1)</script> ]]> &" in content  # as text: no elements below it
    assert list(entry.iter(f"{ATOM}script")) == []
    assert not re.search("[\x1b\u202e\ufffe]", content)


def test_programs_get_the_excuses_as_the_api_tells_them(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.hold_back(2, excuse(partners=("oniguruma",)))
    answer = browser.get("/channels/edge/excuses.json").json()
    assert answer == browser.get("/api/v1/channels/edge/excuses").json()
    (only,) = answer["excuses"]
    assert (only["package"], only["root"], only["retry"]) == ("jq", "jq", "farm candidate retry edge jq")
    stocked.hold_back(2)
    assert browser.get("/channels/edge/excuses.json").json()["excuses"] == []
    (only,) = browser.get("/api/v1/channels/edge/excuses?cleared=true").json()["excuses"]
    assert (only["cleared-by"], only["retry"]) == ("candidate 2", "")
    for missing in ("/channels/nope/excuses.json", "/channels/nope/excuses.atom"):
        page(browser, missing, 404)


def test_a_release_is_compared_with_any_earlier_one(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.release("edge", current(stocked))
    stocked.release("edge", current(stocked)[:1])
    text = text_of(page(browser, "/channels/edge/releases/3"))
    assert "Changes against release 2" in text
    assert "jq removed 1.7.1-2" in text
    assert "jq removed 1.7.1-1" in text_of(page(browser, "/channels/edge/releases/3?against=1"))
    assert "None: it holds the same packages." in page(browser, "/channels/edge/releases/3?against=3")
    page(browser, "/channels/edge/releases/3?against=9", 404)
    page(browser, "/channels/edge/releases/3?against=0", 400)
    changes = browser.get("/api/v1/channels/edge/releases/3/changes?against=1").json()["changes"]
    assert [(change["package"], change["change"]) for change in changes] == [("jq", "gone"), ("oniguruma", "gone")]
    assert browser.get("/api/v1/channels/edge/releases/3/changes?against=9").status_code == 404
    assert browser.get("/api/v1/channels/nope/releases/3/changes?against=1").status_code == 404


def test_a_release_and_its_channel_name_the_tests_that_blocked_nothing(
    stocked: StockedFarm, browser: TestClient
) -> None:
    stocked.release("edge", current(stocked))
    red = FailedTest("glibc", "locale", "ended with 1", 1)
    with stocked.application.reading() as unit:
        released = releases.release(unit.session, "edge", 2)
        assert released is not None
        assert released.candidate_id is not None
    flaky = replace(red, package="jq", test="by chance")
    tests = TestEvidence(3, already_red=(red,), flaky=(flaky,))
    stocked.gate(released.candidate_id, "tests", "passed", "3 tests passed", tests)
    for path in ("/channels/edge/releases/2", "/channels/edge"):
        text = text_of(page(browser, path))
        assert "1 test failed before too, and blocks nothing" in text
        assert "glibc locale #1 ended with 1" in text
        assert "1 flaky test" in text
    assert "failed before too" not in page(browser, "/channels/edge/releases/1")
    answer = browser.get("/api/v1/channels/edge/releases/2").json()["tests"]
    assert [(failed["package"], failed["test"]) for failed in answer["already-red"]] == [("glibc", "locale")]
    assert [(failed["package"], failed["test"]) for failed in answer["flaky"]] == [("jq", "by chance")]


def test_a_channel_that_takes_from_another_says_so(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.channel("stable", ["proof", "soak"], origin="edge")
    assert "It takes packages from edge ." in text_of(page(browser, "/channels/stable"))


def test_the_page_says_which_signed_orders_the_signer_has_not_got_or_refuses(
    stocked: StockedFarm, browser: TestClient
) -> None:
    digests = {act: Digest.of(act.encode()) for act in ("lift", "rollback", "freeze")}
    with stocked.application.writing() as unit:
        for act, digest in digests.items():
            order = SignedOrder(digest=digest, channel="edge", act=act, curator="ann", envelope="{}", at=unit.now)
            signed_orders.keep(unit.session, order)
        signed_orders.record_delivery(unit.session, digests["rollback"], now=unit.now, refused="it has <b>expired</b>.")
        signed_orders.record_delivery(unit.session, digests["freeze"], now=unit.now)
    text = text_of(page(browser, "/channels/edge"))
    assert re.search(r"The signer does not have the lift yet that ann signed at [\d: -]+\.", text)
    assert re.search(
        r"The signer refuses the rollback that ann signed at [\d: -]+: it has <b>expired</b>\.(?!\.)", text
    )
    assert "freeze" not in text


def test_the_page_says_which_reports_the_signer_has_not_got(stocked: StockedFarm, browser: TestClient) -> None:
    with stocked.application.writing() as unit:
        signed_orders.set_who_orders(unit.session, {"ann": "00" * 32})
        made = curation.report(unit, Actor("token:ann"), "edge", "jq", why="it <b>crashes</b>")
    sentence = "The signer does not have report 1 yet, of jq 1.7.1-1: it <b>crashes</b>"
    assert sentence in text_of(page(browser, "/channels/edge"))
    with stocked.application.writing() as unit:
        signed_orders.record_report_delivery(unit.session, made.id, now=unit.now)
    assert "The signer has not got" not in text_of(page(browser, "/channels/edge"))
