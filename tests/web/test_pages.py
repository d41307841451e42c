"""The pages, over a real database that was filled as the farm fills it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi.testclient import TestClient

from farm.core.names.digest import Digest
from farm.core.plan.job import TestOrder, TestOutcome
from farm.core.plan.trouble import Trouble
from farm.core.recipe.recipe import Limits, Test
from farm.server.channels.excuses import Excuse
from farm.server.jobs.finishing import finish_test
from farm.server.jobs.job_actions import request_test
from farm.server.jobs.leases import release
from farm.server.packages import packages
from farm.server.tables.schema import migrate
from farm.server.tables.session import Database
from farm.store.blobs import BlobStore
from farm.trust.attestation.tester_results import verify_test_result
from farm.trust.layout import blob_path
from tests.farms.databases import BOTH, new_postgres_schema
from tests.farms.stocked import SAMPLES, SYMBOL, Sample, StockedFarm, log_record
from tests.server.signed_results import attested
from tests.web.page_reading import PageReader, check_markup, page, text_of
from web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.records import Package

CHAIN = SAMPLES[:1] + SAMPLES[5:7]  # glibc, oniguruma, jq
HOSTILE = "<script>alert(1)</script> \x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07x\x1b]8;;\x07 \u202etxt.exe"


@pytest.fixture
def stocked(database: Database, tmp_path: Path) -> StockedFarm:
    return StockedFarm.open(database, tmp_path)


@pytest.fixture
def browser(stocked: StockedFarm) -> Iterator[TestClient]:
    with TestClient(create_app(stocked.application), raise_server_exceptions=False) as client:
        yield client


def current(stocked: StockedFarm) -> list[Package]:
    with stocked.application.reading() as unit:
        return packages.current_packages(unit.session)


@dataclass(frozen=True)
class ReadOnlyFarm:
    """A farm for reading only: edge has releases 1 and 2, a refusal between them, and a candidate."""

    browser: TestClient
    current: dict[str, Package]
    oldest: Package


@pytest.fixture(scope="module", params=BOTH)
def read_only_farm(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path
) -> Iterator[ReadOnlyFarm]:
    directory = tmp_path_factory.mktemp("told")
    if request.param == "postgres":
        url = new_postgres_schema(request.getfixturevalue("postgres_socket"), "farm_told")
    else:
        shutil.copyfile(migrated_sqlite, directory / "farm.db")
        url = f"sqlite:///{directory / 'farm.db'}"
    database = Database(url)
    migrate(database)
    stocked = StockedFarm.open(database, directory)
    stocked.release("edge", stocked.build_samples(CHAIN))
    stocked.build(replace(CHAIN[1], revision=2, flag="--disable-posix-api"))
    stocked.refuse("edge", current(stocked), [Excuse(package="oniguruma", gate="proof", reason=SYMBOL)])
    stocked.build(replace(CHAIN[1], revision=3))
    stocked.release("edge", current(stocked))
    members = current(stocked)
    candidate = stocked.candidate("edge", members[:2])
    stocked.gate(candidate, "proof", "passed", "2 packages proven")
    stocked.test_job(members[0], "runs", candidate)
    stocked.fail(stocked.begin(SAMPLES[2]), "no")
    stocked.begin(SAMPLES[1])
    with stocked.application.reading() as unit:
        oldest = packages.builds_of(unit.session, "oniguruma")[-1]
    with TestClient(create_app(stocked.application)) as client:
        yield ReadOnlyFarm(client, {package.name: package for package in members}, oldest)
    database.close()


def test_an_empty_farm_has_pages_too(browser: TestClient) -> None:
    assert "Nothing has been built yet" in page(browser, "/")
    assert "0 packages" in page(browser, "/packages")
    assert "No jobs match" in page(browser, "/jobs")
    assert "No channel has been set up yet" in page(browser, "/channels")


def test_browsers_keep_static_files_by_their_content_and_ask_again_for_others(browser: TestClient) -> None:
    addresses = re.findall(r'"(/static/[^"]+[?]v=[0-9a-f]+)"', browser.get("/").text)
    assert len(addresses) > 3
    for address in addresses:
        assert browser.get(address).headers["Cache-Control"] == "public, max-age=31536000, immutable"
        for other in (address.partition("?")[0], address + "0"):
            assert browser.get(other).headers["Cache-Control"] == "no-cache"


def test_robots_are_kept_from_what_has_no_end(browser: TestClient) -> None:
    answer = browser.get("/robots.txt")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert {"Disallow: /jobs/", "Disallow: /attempts/"} <= set(answer.text.splitlines())


def test_the_schema_describes_the_errors_that_there_are(browser: TestClient) -> None:
    schema = browser.get("/api/openapi.json").json()
    described = {
        form["schema"]["$ref"]
        for methods in schema["paths"].values()
        for operation in methods.values()
        for form in operation["responses"].get("422", {"content": {}})["content"].values()
    }
    assert described == {"#/components/schemas/ErrorWire"}
    answer = browser.get("/api/v1/jobs", params={"limit": "many"})
    assert answer.status_code == 422
    assert set(answer.json()) == set(schema["components"]["schemas"]["ErrorWire"]["properties"])


def test_the_front_page_says_what_goes_on(read_only_farm: ReadOnlyFarm) -> None:
    front = text_of(page(read_only_farm.browser, "/"))
    assert "dist.example.org" in front
    assert re.search(r"edge release 2 \w{12} 3", front)
    assert re.search(r"#8 leased build zlib 1.3.1-1 one", front)
    assert re.search(r"#5 succeeded oniguruma 6.9.9-3", front)


def test_packages_are_searched_by_words_of_name_summary_and_version(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.build_samples(CHAIN)
    assert "No package matches" not in text_of(page(browser, "/packages?q=oniguruma 6.9.9"))
    assert "No package matches" not in text_of(page(browser, "/packages?q=processor JSON jq"))
    assert "No package matches" in text_of(page(browser, "/packages?q=oniguruma JSON"))
    assert "jq" in text_of(page(browser, "/packages?q=JSON"))
    assert "oniguruma" not in text_of(page(browser, "/packages?q=JSON"))
    assert "No package matches “100%”" in text_of(page(browser, "/packages?q=100%25"))
    assert "No package matches “_”" in text_of(page(browser, "/packages?q=_"))


def test_packages_come_in_pages(stocked: StockedFarm, browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    stocked.build_samples(CHAIN)
    monkeypatch.setattr("web.pages.packages._PAGE", 2)
    first = page(browser, "/packages")
    assert "/packages?after=jq" in first
    assert "oniguruma" not in first
    assert "oniguruma" in page(browser, "/packages?after=jq")


def test_a_package_says_what_it_is_and_where_it_is_from(read_only_farm: ReadOnlyFarm) -> None:
    jq = read_only_farm.current["jq"]
    html = page(read_only_farm.browser, "/packages/jq")
    text = text_of(html)
    for expected in (
        "jq 1.7.1-1", "Command-line JSON processor", "MIT", "farm install --root /srv/tools jq", jq.digest, jq.plan,
        jq.recipe, jq.provenance.digest, "https://jq.example.org/releases/jq-1.7.1.tar.gz", "libonig.so.5 oniguruma",
        "one, 2026-11-24 12:02:06", "3 files, 1 link",
    ):  # fmt: skip
        assert expected in text, expected
    assert 'href="/jobs/3?attempt=1"' in html
    assert 'href="/channels/edge/releases/2"' in html
    assert "Needed by in edge 2 jq" in text_of(page(read_only_farm.browser, "/packages/oniguruma"))


def test_an_older_build_of_a_package_has_its_own_address(read_only_farm: ReadOnlyFarm) -> None:
    assert read_only_farm.current["oniguruma"].digest in page(read_only_farm.browser, "/packages/oniguruma")
    text = text_of(page(read_only_farm.browser, f"/packages/oniguruma?build={read_only_farm.oldest.digest}"))
    assert "6.9.9-1" in text
    assert "This is not the newest build" in text
    page(read_only_farm.browser, f"/packages/jq?build={read_only_farm.oldest.digest}", 404)
    page(read_only_farm.browser, "/packages/jq?build=nonsense", 404)


def test_jobs_are_filtered_and_come_in_pages(
    stocked: StockedFarm, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.build_samples(CHAIN)
    stocked.fail(stocked.begin(SAMPLES[1]), "no")
    assert "zlib" in page(browser, "/jobs?state=failed&kind=build")
    assert "jq" not in page(browser, "/jobs?state=failed&kind=build&name=")
    assert "jq" in page(browser, "/jobs?name=jq")
    assert "No jobs match" not in page(browser, "/jobs?name=+JQ")
    assert "No jobs match" in page(browser, "/jobs?kind=test")
    page(browser, "/jobs?state=dreaming", 404)
    monkeypatch.setattr("web.pages.jobs._PAGE", 2)
    assert "/jobs?kind=build&amp;before=3" in page(browser, "/jobs?kind=build")
    assert "Older" not in page(browser, "/jobs?kind=build&before=3")


def test_a_job_page_shows_attempts_plan_and_what_was_put_out(stocked: StockedFarm, browser: TestClient) -> None:
    jq = stocked.build_samples(CHAIN)[2]
    text = text_of(page(browser, "/jobs/3"))
    for expected in (
        "jq 1.7.1-1 succeeded",
        "attempt 1",
        "42 s",
        jq.plan,
        "oniguruma 6.9.9",
        "checking for gcc... gcc",
    ):
        assert expected in text, expected


def test_a_test_job_is_known_by_what_it_tests(stocked: StockedFarm, browser: TestClient) -> None:
    jq = stocked.build_samples(CHAIN)[2]
    job = stocked.test_job(jq, "adds numbers")
    assert "jq 1.7.1-1: adds numbers" in text_of(page(browser, f"/jobs/{job}"))
    assert "jq 1.7.1-1: adds numbers" in text_of(page(browser, "/jobs?kind=test"))


def test_a_test_job_shows_what_its_tester_has_signed(stocked: StockedFarm, browser: TestClient) -> None:
    jq = stocked.build_samples(CHAIN)[2]
    small = stocked
    order = TestOrder(Test("adds numbers"), jq.digest, (), Limits())
    with small.application.planning() as unit:
        job = request_test(unit, order, recipe="jq", trace="t")
    lease = small.claim()
    passed = TestOutcome(passed=True, exit=0, message="", log=Digest.of(b"log"))
    assert browser.get(f"/attempts/{lease.attempt.id}/attestation.json").status_code == 404
    outcome = attested(small.application.blobs, order, passed, small.signers["one"])
    finish_test(small.application, small.holder(lease), outcome)
    html, key = page(browser, f"/jobs/{job.id}"), small.signers["one"].public_key
    assert f"Signed result {outcome.attestation} of one, with the key {key.keyid}" in text_of(html)
    (link,) = re.findall(r'href="(/attempts/\d+/attestation.json)"', html)
    assert verify_test_result(browser.get(link).content, {key.keyid: key}, order=order).outcome.passed


def test_a_job_that_nobody_has_taken_says_what_it_waits_for(stocked: StockedFarm, browser: TestClient) -> None:
    stocked.submit(SAMPLES[2].recipe(), SAMPLES[3].recipe())
    jobs = page(browser, "/jobs")
    waiting = re.search(r'href="/jobs/(\d+)">readline', jobs)
    assert waiting
    assert "It waits until these are built: ncurses" in text_of(page(browser, f"/jobs/{waiting[1]}"))


def test_a_job_in_trouble_says_that_it_is_not_its_fault_and_what_helps(
    stocked: StockedFarm, browser: TestClient
) -> None:
    small = stocked
    for _ in range(3):
        lease = stocked.begin(SAMPLES[0])
        with small.application.planning() as unit:
            release(unit, small.holder(lease), error="the engine is away", trouble=Trouble.ENGINE)
        shown = text_of(page(browser, f"/jobs/{lease.job.id}"))
        assert "the engine is away" in shown
        assert ("This is not the job's fault. It is tried again" in shown) is (small.job(lease.job.id).lost < 3)
        small.clock.passes(100)
    assert f"Retry it with farm retry {lease.job.id}" in shown
    assert "set-aside" in text_of(page(browser, "/jobs?state=set-aside"))


def test_the_first_error_of_a_failed_build_is_shown_and_linked(stocked: StockedFarm, browser: TestClient) -> None:
    lease = stocked.begin(SAMPLES[1])
    stocked.log(lease.attempt.id, *[log_record(f"line {number}") for number in range(1, 1501)])
    stocked.log(lease.attempt.id, log_record("main.c:1: error: no <such> file", stream="stderr", severity="error"))
    stocked.log(lease.attempt.id, log_record("make: *** [all] Error 2", stream="stderr"))
    stocked.fail(lease, "the step build ended with status 2")
    html = page(browser, "/jobs/1")
    shown = text_of(html)
    assert "First error In the step build , line 1501 of the log : 1496 line 1496" in shown
    assert "1501 main.c:1: error: no <such> file 1502 make: *** [all] Error 2 Fix the recipe or the source." in shown
    assert 'href="/jobs/1?attempt=1&amp;line=1501#L1501"' in html
    assert '<li id="L1501" class="err error">' in html
    assert '<li id="L1000"' not in html
    first = page(browser, "/jobs/1?attempt=1&line=3")
    assert '<li id="L3"' in first
    assert 'href="/jobs/1?attempt=1&amp;line=1501#L1501"' in first
    assert "Lines 1\u20131000 of 1502" in text_of(first)


def test_a_hostile_log_is_inert(stocked: StockedFarm, browser: TestClient) -> None:
    lease = stocked.begin(SAMPLES[1])
    stocked.log(lease.attempt.id, log_record(HOSTILE, step="<script>"), log_record("y" * 60_000))
    html = page(browser, "/jobs/1")
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert '<i class="red">red</i>' in html
    assert not set("\x1b\x07\u202e") & set(html)
    assert "58,000 more characters in the plain log" in html
    plain = browser.get("/attempts/1/log.txt")
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"
    assert plain.headers["x-content-type-options"] == "nosniff"
    assert not set("\x1b\x07\u202e") & set(plain.text)
    assert len(plain.text.splitlines()) == 2


def test_hostile_words_of_a_recipe_and_of_an_error_are_inert(stocked: StockedFarm, browser: TestClient) -> None:
    summary = "<img src=x onerror=alert(1)>"
    evil = stocked.build(Sample("evil", "1.0", summary, "MIT"))
    lease = stocked.begin(SAMPLES[1])
    stocked.fail(lease, HOSTILE)
    stocked.refuse("edge", [evil], [Excuse(package="evil", gate="proof", reason=HOSTILE)])
    for address in ("/packages", "/packages/evil", "/jobs/2", "/channels/edge"):
        html = page(browser, address)
        assert "<img" not in html
        assert "<script>alert" not in html
        assert not set("\x1b\x07\u202e\u200b") & set(html)


def test_a_running_build_is_shown_from_its_end_and_can_be_followed(stocked: StockedFarm, browser: TestClient) -> None:
    lease = stocked.begin(SAMPLES[1])
    stocked.log(lease.attempt.id, *[log_record(f"line {number}") for number in range(1, 2101)])
    html = page(browser, "/jobs/1")
    follow = re.search(r'data-follow="(/attempts/1/log/follow\?offset=\d+)"', html)
    assert follow
    assert '<li id="L2001"' in html
    assert '<li id="L2000"' not in html
    assert "data-follow" not in page(browser, "/jobs/1?attempt=1&line=1")
    stocked.log(lease.attempt.id, log_record("the last <b>line</b>"))
    stocked.fail(lease, "no")
    events = browser.get(follow[1])
    assert events.headers["content-type"].startswith("text/event-stream")
    assert '<li id="L2101"' in events.text
    assert "the last &lt;b&gt;line&lt;/b&gt;" in events.text
    assert "event: end\ndata: failed" in events.text


def test_a_follower_that_comes_back_goes_on_where_he_was(stocked: StockedFarm, browser: TestClient) -> None:
    lease = stocked.begin(SAMPLES[1])
    first = log_record("one")
    stocked.log(lease.attempt.id, first, log_record("two"))
    stocked.fail(lease, "no")
    again = browser.get("/attempts/1/log/follow", headers={"Last-Event-ID": str(len(first))})
    assert "one" not in again.text
    assert '<li id="L2"' in again.text
    page(browser, "/attempts/1/log/follow?offset=3", 404)
    page(browser, "/attempts/9/log/follow", 404)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/jobs/{}", 404),
        ("/attempts/{}/log.txt", 404),
        ("/attempts/{}/log/follow", 404),
        ("/channels/edge/releases/{}", 404),
        ("/jobs?before={}", 400),
        ("/jobs/1?line={}", 400),
        ("/jobs/1?attempt={}", 400),
        ("/channels/edge?before={}", 400),
        ("/channels/edge?refused_before={}", 400),
        ("/attempts/1/log/follow?offset={}", 400),
    ],
)
def test_a_number_that_nothing_can_have_is_told_as_a_page(
    read_only_farm: ReadOnlyFarm, address: str, status: int
) -> None:
    page(read_only_farm.browser, address.format(2**63), status)


def test_a_channel_shows_gates_releases_and_excuses_in_sentences(read_only_farm: ReadOnlyFarm) -> None:
    text = text_of(page(read_only_farm.browser, "/channels/edge"))
    for expected in (
        "The newest release is release 2", "proof passed 2 packages proven", "tests \u2013 Not checked yet.",
        "1 package change against release 2", "release 1", "Nothing is held back.",
        f"oniguruma proof {SYMBOL}. Since", "by edge release 2", "farm subscribe ADDRESS edge",
    ):  # fmt: skip
        assert expected in text, expected
    assert "edge" in page(read_only_farm.browser, "/channels")
    page(read_only_farm.browser, "/channels/nope", 404)


def test_a_first_candidate_would_change_everything_and_shows_some(
    stocked: StockedFarm, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.candidate("edge", stocked.build_samples(CHAIN))
    monkeypatch.setattr("web.pages.candidate_view.CHANGES", 1)
    text = text_of(page(browser, "/channels/edge"))
    assert "3 package changes" in text
    assert "And 2 more." in text


def test_a_release_says_what_it_changed(read_only_farm: ReadOnlyFarm) -> None:
    assert "oniguruma new version 6.9.9-1 6.9.9-3" in text_of(page(read_only_farm.browser, "/channels/edge/releases/2"))
    first = text_of(page(read_only_farm.browser, "/channels/edge/releases/1"))
    assert "It is the first release of this channel." in first
    assert "A newer release is release 2" in first
    page(read_only_farm.browser, "/channels/edge/releases/3", 404)


def test_a_large_release_comes_in_pages(read_only_farm: ReadOnlyFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.pages.releases._MEMBERS", 2)
    release = page(read_only_farm.browser, "/channels/edge/releases/2")
    assert "/channels/edge/releases/2?after=jq" in release
    rest = page(read_only_farm.browser, "/channels/edge/releases/2?after=jq")
    assert "More packages" not in rest
    assert "Regular expressions library" in rest


def test_visitors_are_told_how_to_subscribe(database: Database, tmp_path: Path) -> None:
    stocked = StockedFarm.open(database, tmp_path)
    stocked.release("edge", stocked.build_samples(CHAIN[:1]))
    (tmp_path / "public/metadata").mkdir(parents=True)
    (tmp_path / "public/metadata/1.root.json").write_bytes(b"{}")
    with TestClient(create_app(stocked.application, repository=tmp_path / "public")) as browser:
        text = text_of(page(browser, "/channels/edge"))
        package = text_of(page(browser, f"/packages/{CHAIN[0].name}"))
    assert "farm subscribe http://testserver/repository edge \\ --fingerprint sha256:44136fa355b3678a" in text
    assert "docker pull testserver/edge/PACKAGE docker pull testserver/edge/PACKAGE/PACKAGE:1" in text
    assert f"docker pull testserver/edge/{CHAIN[0].name} " in package
    with TestClient(create_app(stocked.application, repository=tmp_path / "public", images=False)) as browser:
        for address in ("/channels/edge", f"/packages/{CHAIN[0].name}"):
            assert "docker pull" not in page(browser, address)
        assert browser.get("/v2/").status_code == 404


def test_what_is_published_of_a_package_can_be_fetched_from_its_page(database: Database, tmp_path: Path) -> None:
    stocked = StockedFarm.open(database, tmp_path)
    stocked.release("edge", stocked.build_samples(CHAIN[:1]))
    (package,) = stocked.current().values()
    public = BlobStore(tmp_path / "public" / "blobs")
    public.share(stocked.application.blobs, package.provenance.digest)
    with TestClient(create_app(stocked.application, repository=tmp_path / "public")) as browser:
        shown = page(browser, f"/packages/{CHAIN[0].name}")
        fetched = browser.get(f"/repository/{blob_path(package.provenance.digest)}")
    assert f'href="{fetched.url.path}"' in shown
    assert fetched.content == stocked.application.blobs.read(package.provenance.digest)
    assert shown.count('href="/repository/') == 1  # no link leads to a missing page


@pytest.mark.parametrize(
    "address", ["/nope", "/jobs/99", "/jobs/x", "/packages/nope", "/static/nope.css", "/jobs/1?attempt=2"]
)
def test_what_is_not_there_is_said_on_a_page(stocked: StockedFarm, browser: TestClient, address: str) -> None:
    stocked.begin(SAMPLES[1])
    assert "Not found" in page(browser, address, 404)


def test_an_address_that_means_nothing_is_said_on_a_page(stocked: StockedFarm, browser: TestClient) -> None:
    assert "“before”" in page(browser, "/jobs?before=x", 400)


def test_what_goes_wrong_inside_is_not_told_to_visitors(
    stocked: StockedFarm, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret path /srv/farm")

    monkeypatch.setattr("farm.server.packages.packages.count", broken)
    html = page(browser, "/packages", 500)
    assert "secret" not in html
    assert "RuntimeError" not in html


def test_the_api_keeps_its_own_errors(browser: TestClient) -> None:
    response = browser.get("/api/v1/jobs/99")
    assert (response.status_code, response.headers["content-type"]) == (404, "application/json")
    assert browser.get("/api/v1/nope").json()["code"] == "http"


@pytest.mark.parametrize("address", ["/", "/nope", "/static/farm.js", "/api/v1/jobs"])
def test_every_answer_bears_the_policy(browser: TestClient, address: str) -> None:
    headers = browser.get(address).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_every_link_leads_somewhere(read_only_farm: ReadOnlyFarm) -> None:
    seen, ahead = set(), ["/"]
    while ahead:
        address = ahead.pop()
        if address in seen:
            continue
        seen.add(address)
        response = read_only_farm.browser.get(address)
        assert response.status_code == 200, address
        if not response.headers["content-type"].startswith("text/html"):
            continue
        check_markup(response)
        reader = PageReader()
        reader.feed(response.text)
        for link in reader.links:
            target = urljoin(address, link).partition("#")[0]
            assert not urlsplit(link).netloc, f"{address} leads out of the farm, to {link}"
            ahead.append(target)
    assert len(seen) > 30
