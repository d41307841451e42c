"""The API for people: submissions with all their problems, jobs, packages, tokens and their permissions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from farm.api.errors import RefusedRequestError
from farm.api.farm_client import FarmClient
from farm.api.wire import LARGEST_NUMBER
from farm.errors import FarmError
from farm.server.identities import access, identities
from farm.server.tables.states import Role
from tests.farms.served import served_farm
from tests.farms.small import recipe
from web.settings import WebSettings

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.tables.session import Database
    from tests.farms.served import ServedFarm


@pytest.fixture
def admin_headers(farm: ServedFarm) -> dict[str, str]:
    return {"Authorization": f"Bearer {farm.token(Role.ADMIN)}"}


def test_a_submission_is_planned_and_can_be_followed(farm: ServedFarm) -> None:
    with farm.client() as client:
        taken = client.submit({"a": recipe("a"), "b": recipe("b", needs=("a",))})
        assert [(accepted.name, accepted.job.state) for accepted in taken.accepted] == [
            ("a", "ready"),
            ("b", "waiting"),
        ]
        assert [job.name for job in client.submission(taken.id).jobs] == ["a", "b"]
        assert {job.trace for job in client.submission(taken.id).jobs} == {taken.trace}


def test_the_problems_of_a_recipe_arrive_with_line_excerpt_and_remedy(farm: ServedFarm) -> None:
    bad = {"recipe.yaml": recipe("a")["recipe.yaml"].replace(b"license:", b"licence:")}
    with farm.client() as client, pytest.raises(RefusedRequestError) as caught:
        client.submit({"a": bad, "b": recipe("b", needs=("nowhere",))})
    assert (caught.value.status, caught.value.code) == (422, "invalid-recipe")
    problem = next(found for found in caught.value.problems if "licence" in found.message)
    assert (problem.file, problem.line) == ("packages/a/recipe.yaml", 5)
    assert "licence: MIT" in problem.excerpt
    assert "license" in problem.remedy


@pytest.mark.parametrize(
    ("recipes", "code"),
    [
        ({"b": recipe("b", needs=("nowhere",))}, "missing-dependency"),
        ({"a": recipe("a", needs=("b",)), "b": recipe("b", needs=("a",))}, "dependency-cycle"),
        ({"a": {"other.yaml": b""}}, "invalid-recipe"),
        ({"a": {**recipe("a"), "../x": b""}}, "invalid-recipe"),
        ({"a": recipe("b")}, "invalid-recipe"),
    ],
)
def test_what_cannot_be_built_is_refused_whole(
    farm: ServedFarm, recipes: dict[str, dict[str, bytes]], code: str
) -> None:
    with farm.client() as client:
        with pytest.raises(RefusedRequestError) as caught:
            client.submit(recipes)
        assert (caught.value.status, caught.value.code) == (422, code)
        assert client.jobs().jobs == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"recipes":{}}',
        b'{"recipes":{"a":{"recipe.yaml":"not base64!"}}}',
        b'{"recipes":{"../a":{}}}',
    ],
)
def test_a_malformed_request_is_told_and_changes_nothing(farm: ServedFarm, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {farm.token()}", "Content-Type": "application/json"}
    answer = httpx.post(f"{farm.url}/api/v1/submissions", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["message"]


def test_jobs_come_in_pages(farm: ServedFarm) -> None:
    with farm.client() as client:
        client.submit({f"p{number}": recipe(f"p{number}") for number in range(7)})
        seen, before = [], None
        while True:
            page = client.jobs(before=before, limit=3)
            seen += [job.id for job in page.jobs]
            before = page.next_before
            if before is None:
                break
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 7


def test_packages_come_in_pages_and_one_by_one(farm: ServedFarm) -> None:
    worker = farm.worker()
    with farm.client() as client:
        client.submit({f"p{number}": recipe(f"p{number}") for number in range(3)})
        for _ in range(3):
            worker.build()
        first = client.packages(limit=2)
        rest = client.packages(after=first.next_after or "", limit=2)
        assert [package.name for package in (*first.packages, *rest.packages)] == ["p0", "p1", "p2"]
        assert client.package("p1").packages[0].built_by == "one"
        with pytest.raises(RefusedRequestError, match="nowhere"):
            client.package("nowhere")


def test_a_job_is_cancelled_and_tried_again(farm: ServedFarm) -> None:
    with farm.client() as client:
        job = client.submit({"a": recipe("a")}).accepted[0].job
        assert client.cancel(job.id, why="no").state == "cancelled"
        with pytest.raises(RefusedRequestError) as caught:
            client.cancel(job.id, why="no")
        assert caught.value.status == 409
        again = client.retry(job.id)
        assert (again.state, again.id == job.id) == ("ready", False)


@pytest.mark.parametrize("path", ["/api/v1/jobs/4711", "/api/v1/submissions/4711", "/api/v1/attempts/4711/log"])
def test_what_is_not_there_is_404(farm: ServedFarm, path: str) -> None:
    assert httpx.get(farm.url + path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "jobs/{}"),
        ("GET", "jobs?before={}"),
        ("GET", "jobs/{}/log"),
        ("POST", "jobs/{}/cancel"),
        ("POST", "jobs/{}/retry"),
        ("GET", "submissions/{}"),
        ("GET", "attempts/{}/log"),
        ("GET", "attempts/{}/log/events"),
        ("GET", "channels/edge/releases/{}"),
        ("GET", "channels/edge/releases?before={}"),
        ("GET", "channels/edge/candidates?before={}"),
        ("DELETE", "tokens/{}"),
    ],
)
def test_a_number_that_nothing_can_have_is_422(
    farm: ServedFarm, admin_headers: dict[str, str], method: str, path: str
) -> None:
    for number in (LARGEST_NUMBER + 1, 2**63, 10**30, 0, -1):
        answer = httpx.request(method, f"{farm.url}/api/v1/{path.format(number)}", headers=admin_headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


def test_the_largest_number_is_one_that_nothing_has(farm: ServedFarm, admin_headers: dict[str, str]) -> None:
    for path in ("jobs/{}", "submissions/{}", "attempts/{}/log", "channels/edge/releases/{}"):
        assert httpx.get(f"{farm.url}/api/v1/{path.format(LARGEST_NUMBER)}").status_code == 404
    assert httpx.delete(f"{farm.url}/api/v1/tokens/{LARGEST_NUMBER}", headers=admin_headers).status_code == 404


@pytest.mark.parametrize("path", ["", "/releases", "/candidates", "/releases/1"])
def test_an_unknown_channel_is_404(farm: ServedFarm, path: str) -> None:
    answer = httpx.get(f"{farm.url}/api/v1/channels/nope{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("name", ["../jobs", "a?b", "a#b", "a/b", "\udcff", "x" * 70_000])
def test_a_name_leads_nowhere_else(farm: ServedFarm, name: str) -> None:
    with farm.client() as client:
        for ask in (client.channel, client.package, client.releases, lambda text: client.release(text, 1)):
            with pytest.raises(FarmError):
                ask(name)


def test_a_filter_that_is_no_text_finds_nothing(farm: ServedFarm) -> None:
    with farm.client() as client:
        assert client.jobs(name="\udcff").jobs == ()


def test_nobody_may_submit_without_a_token(farm: ServedFarm) -> None:
    for token in ("", "farm_maintainer_guessed"):
        with FarmClient(farm.url, token) as client, pytest.raises(RefusedRequestError) as caught:
            client.submit({"a": recipe("a")})
        assert caught.value.status == 401
    assert farm.refusals() == [("", "unauthenticated")] * 2


def test_an_expired_or_revoked_token_is_refused_by_name(farm: ServedFarm) -> None:
    with farm.application.writing() as unit:
        old, _ = access.issue_token(unit, name="old", role=Role.MAINTAINER, lasts=timedelta(seconds=-1))
        gone, kept = access.issue_token(unit, name="gone", role=Role.MAINTAINER, lasts=timedelta(days=1))
        identities.revoke_token(unit.session, kept.id, now=unit.now)
    for token, says in ((old, "expired"), (gone, "revoked")):
        with FarmClient(farm.url, token) as client, pytest.raises(RefusedRequestError, match=says) as caught:
            client.submit({"a": recipe("a")})
        assert caught.value.status == 401


def test_a_curator_does_not_submit(farm: ServedFarm) -> None:
    with farm.client(Role.CURATOR) as client, pytest.raises(RefusedRequestError) as caught:
        client.submit({"a": recipe("a")})
    assert caught.value.status == 403


@pytest.mark.parametrize("role", [Role.CURATOR, Role.MAINTAINER])
def test_a_token_of_another_role_is_refused_and_audited(farm: ServedFarm, role: Role) -> None:
    with farm.client(role) as client, pytest.raises(RefusedRequestError) as caught:
        client.issue_token("me", "admin")
    assert caught.value.status == 403
    assert farm.refusals() == [(f"token:some-{role}", "forbidden")]


def test_many_jobs_are_followed_with_one_request(farm: ServedFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    with farm.client() as client:
        taken = client.submit({name: recipe(name) for name in "abcde"})
        wanted = {accepted.job.id: accepted.name for accepted in taken.accepted}
        asked: list[str] = []
        client._client.event_hooks = {"request": [lambda request: asked.append(request.url.path)]}
        chosen = sorted(wanted)[1:4]
        found = client.jobs_numbered(reversed(chosen))
        assert [(number, job.name) for number, job in found.items()] == [(number, wanted[number]) for number in chosen]
        assert asked == ["/api/v1/jobs"]
        assert client.jobs_numbered([]) == {}
        monkeypatch.setattr("farm.api.wire.MOST_JOBS", 2)
        assert list(client.jobs_numbered(wanted)) == sorted(wanted)
        assert asked == ["/api/v1/jobs"] * 4
        with pytest.raises(RefusedRequestError, match="there is no job 4711"):
            client.jobs_numbered([chosen[0], 4711])


def test_jobs_are_followed_on_a_farm_that_cannot_list_them_by_number(farm: ServedFarm) -> None:
    with farm.client() as client:
        taken = client.submit({name: recipe(name) for name in "abc"})
        first = min(accepted.job.id for accepted in taken.accepted)

        def forget_numbers(request: httpx.Request) -> None:
            request.url = request.url.copy_remove_param("number")

        client._client.event_hooks = {"request": [forget_numbers]}
        assert list(client.jobs_numbered([first])) == [first]


def test_an_admin_enrols_workers_and_issues_tokens(farm: ServedFarm) -> None:
    with farm.client(Role.ADMIN) as admin:
        made = admin.issue_token("alice", "maintainer", days=1)
        assert admin.enrol("builder", "ab" * 32, ("build",)).roles == ("build",)
        with pytest.raises(RefusedRequestError, match="64"):
            admin.enrol("builder", "short", ("build",))
    with FarmClient(farm.url, made.token) as alice:
        assert alice.submit({"a": recipe("a")}).accepted
    with farm.application.reading() as unit:
        trail = [(event.actor, event.subject) for _, event in identities.audit_trail(unit.session)]
    assert ("token:alice", "submission 1") in trail
    assert made.token not in str(trail)


def test_a_body_over_the_limit_is_413_with_and_without_a_length(database: Database, tmp_path: Path) -> None:
    with served_farm(database, tmp_path, settings=WebSettings(submission_bytes=1000)) as farm:
        headers = {"Authorization": f"Bearer {farm.token()}", "Content-Type": "application/json"}
        url = f"{farm.url}/api/v1/submissions"
        assert httpx.post(url, content=b"x" * 1001, headers=headers).status_code == 413
        assert httpx.post(url, content=(b"x" * 100 for _ in range(20)), headers=headers).status_code == 413
        assert farm.refusals() == [("token:some-maintainer", "body-too-large")] * 2


def test_a_form_of_another_site_changes_nothing(farm: ServedFarm) -> None:
    form = {"recipes": "x"}
    headers = {"Origin": "https://evil.example", "Authorization": f"Bearer {farm.token()}"}
    assert httpx.post(f"{farm.url}/api/v1/submissions", data=form, headers=headers).status_code == 422
    assert httpx.post(f"{farm.url}/api/v1/jobs/1/cancel", data=form).status_code == 401


def test_an_error_inside_tells_nothing_of_the_inside(farm: ServedFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("postgresql://farm:secret@host/")

    monkeypatch.setattr("web.api.jobs.jobs.list_jobs", fails)
    answer = httpx.get(f"{farm.url}/api/v1/jobs")
    assert answer.status_code == 500
    assert "secret" not in answer.text
