"""Submissions that wait for owners, in the API and the pages; and the answers to older clients."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from farm.api import submission_wire
from farm.api.farm_client import FarmClient
from farm.core.buildlog.first_error import ErrorKind, FirstError
from farm.server.identities import access
from farm.server.previews.previews import set_verdict
from farm.server.submissions.pending_submissions import accept
from farm.server.submissions.previewing import submit_preview
from farm.server.tables.preview_verdict import PreviewChange, PreviewFinding, PreviewVerdict, VerdictState
from farm.server.tables.records import FIRST_ERROR
from farm.server.tables.states import Role
from tests.farms.people import own, send, signed
from tests.farms.small import SmallFarm, recipe
from tests.web.page_reading import page, text_of
from web.app import create_app
from web.pages import submissions as pages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database

# Queries are tested with both kinds of database in tests/server/submissions/test_owners.py.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
A, B = recipe("a"), recipe("b")


@pytest.fixture
def small(database: Database, tmp_path: Path) -> SmallFarm:
    return SmallFarm.open(database, tmp_path, real_time=True)


@pytest.fixture
def browser(small: SmallFarm) -> Iterator[TestClient]:
    with TestClient(create_app(small.application), raise_server_exceptions=False) as client:
        yield client


def token(small: SmallFarm, role: Role, name: str = "") -> dict[str, str]:
    with small.application.writing() as unit:
        text, _ = access.issue_token(unit, name=name or role, role=role, lasts=timedelta(days=1))
    return {"Authorization": f"Bearer {text}"}


def body(*recipes: dict[str, bytes], **more: Any) -> dict[str, Any]:
    named = {files["recipe.yaml"].decode().split("\n")[0].removeprefix("name: "): files for files in recipes}
    return {
        "recipes": {
            name: {file: base64.b64encode(content).decode() for file, content in files.items()}
            for name, files in named.items()
        }
    } | more


def test_where_recipes_have_no_owners_a_client_of_before_reads_every_answer(
    small: SmallFarm, browser: TestClient
) -> None:
    """It refuses unknown members."""
    taken = browser.post("/api/v1/submissions", json=body(A), headers=token(small, Role.MAINTAINER)).json()
    assert set(taken) == {"id", "trace", "accepted"}
    assert set(browser.get("/api/v1/submissions/1").json()) == {"id", "jobs"}
    assert browser.get("/api/v1/submissions/2").status_code == 404


def test_warnings_about_how_recipes_are_written_come_to_who_asks_for_them(
    small: SmallFarm, browser: TestClient
) -> None:
    headers = token(small, Role.MAINTAINER)
    taken = browser.post("/api/v1/submissions?warnings=true", json=body(A, B), headers=headers).json()
    assert [(found["file"], found["code"]) for found in taken["warnings"]] == [
        (f"packages/{name}/recipe.yaml", code) for name in "ab" for code in ("T101", "D101", "L101")
    ]
    assert taken["warnings"][1] == {
        "file": "packages/a/recipe.yaml",
        "line": 4,
        "column": 10,
        "code": "D101",
        "name": "summary-article",
        "check": "",
        "severity": "warning",
        "message": "summary begins with the article 'The'",
        "remedy": "Leave the article out.",
    }


def test_what_lint_calls_an_error_is_refused(small: SmallFarm, browser: TestClient) -> None:
    headers = token(small, Role.MAINTAINER)
    more = (
        f"source: {{url: https://example.org/a-1.0.tar.gz, sha256: {'0' * 64}}}\nlint: [{{allow: X999, reason: x}}]\n"
    )
    refused = browser.post("/api/v1/submissions", json=body(recipe("a", more=more)), headers=headers)
    assert refused.status_code == 422
    assert "recipe.yaml:10:57: sha256 is still zeros" in refused.text
    assert "recipe.yaml:11:16: there is no rule X999" in refused.text
    assert browser.get("/api/v1/submissions").json()["submissions"] == []
    allowed = recipe("a", more="lint:\n  - {allow: T101, reason: It is tested elsewhere}\n")
    taken = browser.post("/api/v1/submissions?warnings=true", json=body(allowed), headers=headers).json()
    assert [found["code"] for found in taken["warnings"]] == ["D101", "L101"]


def test_one_that_waits_says_whom_it_waits_for(small: SmallFarm, browser: TestClient) -> None:
    own(small)
    headers = token(small, Role.MAINTAINER)
    envelope = json.loads(signed("bob", B, A))
    kept = browser.post("/api/v1/submissions", json=body(A, B, envelope=envelope), headers=headers)
    assert kept.status_code == 201
    assert {key: kept.json()[key] for key in ("accepted", "signed_by", "waits_for")} == {
        "accepted": [], "signed_by": "bob", "waits_for": [{"recipe": "a", "owners": ["alice"]}]
    }  # fmt: skip
    assert browser.get("/api/v1/submissions/1").json() == {"id": 1, "jobs": [], "state": "waiting"}
    (listed,) = browser.get("/api/v1/submissions", params={"state": "waiting"}).json()["submissions"]
    assert [(listed_recipe["name"], listed_recipe["signed_by"]) for listed_recipe in listed["recipes"]] == [
        ("a", ["bob"]),
        ("b", ["bob"]),
    ]
    assert listed["waits_for"] == [{"recipe": "a", "owners": ["alice"]}]
    assert browser.get("/api/v1/submissions", params={"state": "taken"}).json()["submissions"] == []
    taken = browser.post(
        "/api/v1/submissions/1/accept", json={"envelope": json.loads(signed("alice", A))}, headers=headers
    )
    assert [accepted["name"] for accepted in taken.json()["accepted"]] == ["a", "b"]
    assert set(browser.get("/api/v1/submissions/1").json()) == {"id", "jobs"}


def test_submissions_come_in_pages(small: SmallFarm, browser: TestClient) -> None:
    for number in range(3):
        send(small, recipe("a", flag=str(number)))
    first = browser.get("/api/v1/submissions", params={"limit": 2}).json()
    assert ([submission["id"] for submission in first["submissions"]], first["next_before"]) == ([3, 2], 2)
    rest = browser.get("/api/v1/submissions", params={"limit": 2, "before": 2}).json()
    assert ([submission["id"] for submission in rest["submissions"]], rest["next_before"]) == ([1], None)


def test_its_files_are_for_those_who_have_a_token(small: SmallFarm, browser: TestClient) -> None:
    own(small)
    send(small, A, envelope=signed("alice", A))
    changed = recipe("a", flag="x")
    send(small, changed, B)
    assert browser.get("/api/v1/submissions/2/recipes").status_code == 401
    found = browser.get("/api/v1/submissions/2/recipes", headers=token(small, Role.CURATOR)).json()
    assert found["distribution"] == "dist.example.org"
    files = {name: base64.b64decode(text) for name, text in found["recipes"]["a"]["files"].items()}
    current = {name: base64.b64decode(text) for name, text in found["recipes"]["a"]["current"].items()}
    assert (files, current) == (changed, A)
    assert found["recipes"]["b"]["current"] == {}


def test_refusals_have_a_status_of_their_kind(small: SmallFarm, browser: TestClient) -> None:
    own(small)
    send(small, A, by="someone")
    headers = token(small, Role.MAINTAINER)
    accept, withdraw = "/api/v1/submissions/1/accept", "/api/v1/submissions/1/withdraw"
    stranger = {"envelope": json.loads(signed("bob", A))}
    assert browser.post(accept, json=stranger).status_code == 401
    assert browser.post(accept, json=stranger, headers=headers).status_code == 403
    assert browser.post(accept, json={"envelope": {}}, headers=headers).status_code == 403
    assert browser.post("/api/v1/submissions/9/accept", json=stranger, headers=headers).status_code == 404
    assert browser.post(withdraw, json={}, headers=headers).status_code == 403
    assert browser.post(withdraw, json={}, headers=token(small, Role.CURATOR)).status_code == 200
    assert browser.post(withdraw, json={}, headers=headers).status_code == 409
    own(small, owners="* nobody\n")
    refused = browser.post("/api/v1/submissions", json=body(A), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (503, "ownership-trouble")
    assert "OWNERS:1:3: curators.yaml names nobody 'nobody'" in refused.json()["message"]


def test_pages_show_what_waits_and_for_whom(small: SmallFarm, browser: TestClient) -> None:
    assert "No submissions match." in text_of(page(browser, "/submissions"))
    send(small, recipe("z"))
    own(small)
    send(small, A, B, envelope=signed("bob", A, B), by="<b>eve</b>")
    assert "1 waits for an owner" in text_of(page(browser, "/jobs"))
    listed = text_of(page(browser, "/submissions"))
    assert "#2 waiting a, b alice (a) token:<b>eve</b>" in listed
    assert "#1 taken its jobs are under way z" in listed
    assert "#1" not in text_of(page(browser, "/submissions?state=waiting"))
    one = text_of(page(browser, "/submissions/2"))
    assert "nothing is built until an owner of each has signed" in one
    assert "a bob alice sha256:" in one
    assert "b bob \N{EN DASH} sha256:" in one
    assert "No jobs." in one
    assert "#1 ready build z" in text_of(page(browser, "/submissions/1"))
    own(small, owners="* nobody\n")
    assert "OWNERS:1:3: curators.yaml names nobody" in text_of(page(browser, "/submissions"))
    page(browser, "/submissions?state=lost", 404)
    page(browser, "/submissions/99", 404)


def test_a_preview_s_page_has_the_verdict_and_the_way_on(small: SmallFarm, browser: TestClient) -> None:
    small.submit(A)
    small.build_all()
    number = submit_preview(small.application, {"a": recipe("a", revision=2)}, submitted_by="token:me", trace="t").id
    html = page(browser, f"/submissions/{number}")
    assert "No verdict yet." in html
    assert f"Accept it with farm submission accept {number}" in text_of(html)

    failed = PreviewFinding("tests", "a", passed=False, message="it printed <b>", job=1)
    change = PreviewChange("a", "1.0-1", "1.0-2", None)
    verdict = PreviewVerdict(
        VerdictState.FAILS, 3, "1 problem would hold it back", (failed,), (change,), unknown=("soak",)
    )
    with small.application.writing() as unit:
        set_verdict(unit.session, number, verdict, now=unit.now)
    html = page(browser, f"/submissions/{number}")
    text = text_of(html)
    assert 'class="state fails"' in html
    assert "1 problem would hold it back, on release 3 of" in text
    assert 'tests (a): it printed &lt;b&gt; (<a href="/jobs/1">its log</a>)' in html
    assert f"farm submit --preview --replace {number} DIRECTORY…" in text
    assert f"farm submission accept {number}" not in text
    assert "Decided only on release: soak." in text
    assert 'href="/jobs" aria-current="true"' in html


@pytest.mark.parametrize("judged", [None, VerdictState.BUILDING, VerdictState.PASSES])
def test_the_page_of_an_accepted_preview_says_what_has_come_of_it(
    small: SmallFarm, browser: TestClient, judged: VerdictState | None
) -> None:
    """It never says for ever that it is built: nobody goes on with a verdict then."""
    small.submit(A)
    small.build_all()
    number = submit_preview(small.application, {"a": recipe("a", revision=2)}, submitted_by="token:me", trace="t").id
    if judged:
        with small.application.writing() as unit:
            set_verdict(unit.session, number, PreviewVerdict(judged, 1, "0 of 1 build done"), now=unit.now)
    accept(small.application, access.Actor("token:me"), number)
    answers = [page(browser, "/submissions"), page(browser, f"/submissions/{number}")]
    assert all("its jobs are under way" in text_of(html) for html in answers)
    assert "building" not in text_of(answers[1])
    assert ("The preview ended before there was a verdict." in text_of(answers[1])) == (judged != VerdictState.PASSES)
    small.fail(small.claim())
    (listed, *_) = browser.get("/api/v1/submissions").json()["submissions"]
    form = browser.get(f"/api/v1/submissions/{number}").json()["preview"]
    assert listed["preview"] == form
    assert (form["outcome"], form["why"][:3]) == ("failed", "a: ")
    assert (form["verdict"] or {"state": None})["state"] == (judged if judged is VerdictState.PASSES else None)
    assert ("outcome" not in listed, "why" not in listed) == (True, True)
    (asked, *_) = browser.get("/api/v1/submissions?outcomes=true").json()["submissions"]
    assert (asked["outcome"], asked["why"]) == (form["outcome"], form["why"])
    assert f"It was accepted: a job has failed: {form['why']}" in text_of(page(browser, f"/submissions/{number}"))
    assert '<a href="/packages/a">a</a>' in page(browser, f"/submissions/{number}")


def test_the_page_of_a_preview_that_fails_has_the_first_error(small: SmallFarm, browser: TestClient) -> None:
    number = submit_preview(small.application, {"a": A}, submitted_by="token:me", trace="t").id
    lease = small.claim()
    small.fail(lease)
    found = FirstError(kind=ErrorKind.COMPILER, sure=True, line=1, step="make", text="x.c:3:1: error: <no> such")
    failed = PreviewFinding("build", "a", passed=False, message="the step failed", job=lease.job.id)
    verdict = PreviewVerdict(VerdictState.FAILS, 0, "1 build failed", (failed,), ())
    with small.application.writing() as unit:
        unit.session.connection().exec_driver_sql(
            "UPDATE attempt SET first_error = ? WHERE id = ?", (FIRST_ERROR.write(found), lease.attempt.id)
        )
        set_verdict(unit.session, number, verdict, now=unit.now)
    html = page(browser, f"/submissions/{number}")
    assert f'<a href="/jobs/{lease.job.id}#first-error">x.c:3:1: error: &lt;no&gt; such</a>' in html
    assert 'id="first-error"' in page(browser, f"/jobs/{lease.job.id}")


def test_a_large_submission_is_shown_and_listed_in_parts(
    small: SmallFarm, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10,000 rows would be megabytes of one page."""
    monkeypatch.setattr(pages, "_ROWS", 10)
    monkeypatch.setattr(submission_wire, "MOST_JOBS", 10)
    small.submit(*(recipe(f"p{number:02}") for number in range(25)))
    names = [f"p{number:02}" for number in range(25)]

    def shown(query: str, row: str) -> list[str]:
        return re.findall(row, page(browser, f"/submissions/1{query}"))

    recipes, jobs = r'<th scope="row">(p\d\d)</th>', r'class="what"><a href="/jobs/\d+">(p\d\d)'
    assert shown("", recipes) + shown("?after=p09", recipes) + shown("?after=p19", recipes) == names
    assert shown("", jobs) + shown("?before=16", jobs) + shown("?before=6", jobs) == names[::-1]
    assert re.findall(r'href="(\?[^"]+)"', page(browser, "/submissions/1")) == ["?after=p09", "?before=16"]
    assert 'href="?' not in page(browser, "/submissions/1?after=p19&before=6")
    listed = text_of(page(browser, "/submissions"))
    assert "p05 and 19 more" in listed
    assert "p06" not in listed
    with FarmClient("http://testserver") as client:
        client._client = browser
        assert [job.name for job in client.submission_jobs(1)] == names[::-1]
