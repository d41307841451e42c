"""Row 40: webhooks that no forge has sent. They make the farm look at nothing, and none is parsed.

The secret of a repository is shared with its forge; everybody may send to the address.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlmodel import update

from farm.server.git import repositories
from farm.server.git.repositories import RepositoryRequest
from farm.server.tables.git_rows import Forge, GitRepositoryRow, PreviewPermission
from farm.server.tables.states import Role

if TYPE_CHECKING:
    from farm.server.git.repositories import GitRepository
    from tests.farms.served import ServedFarm

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
BODY = b'{"ref": "refs/heads/main"}'


def connect(farm: ServedFarm, kind: str = "github") -> GitRepository:
    url = "https://git.example.org/dist/recipes.git"
    asked = RepositoryRequest("main", url, "main", "", Forge(kind), "", "tok-en", PreviewPermission.MEMBERS, ())
    with farm.application.writing() as unit:
        made = repositories.connect(unit, asked, by="token:admin")
        repositories.set_synced(unit, made, again=repositories.RESERVED)
    return made


def is_due(farm: ServedFarm) -> bool:
    with farm.application.reading() as unit:
        soon = unit.now + repositories.BETWEEN_WEBHOOKS
        return repositories.due(unit.session, now=soon, limit=9) == ["main"]


def sign(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def send(
    farm: ServedFarm, headers: dict[str, str], body: bytes = BODY, *, event: str = "push", delivery: str = "a-1"
) -> httpx.Response:
    usual = {"X-GitHub-Event": event, "X-GitHub-Delivery": delivery, "X-Forgejo-Event": event,
             "X-Forgejo-Delivery": delivery, "Content-Type": "application/json"}  # fmt: skip
    return httpx.post(f"{farm.url}/api/v1/git/main/webhook", headers=usual | headers, content=body)


def test_one_that_is_signed_has_the_repository_read(farm: ServedFarm) -> None:
    secret = connect(farm).secret
    answer = send(farm, {"X-Hub-Signature-256": f"sha256={sign(BODY, secret)}"})
    assert (answer.status_code, answer.json()) == (202, {"result": "accepted"})
    assert is_due(farm)


@pytest.mark.parametrize(
    "signature",
    ["", "sha256=", f"sha256={'0' * 64}", "0" * 64, f"sha1={'0' * 40}", f"sha256={'0' * 63}", f"SHA256={'0' * 64}",
     f"sha256={'é' * 64}", f"sha256={'0' * 64}, sha256={'1' * 64}"],
)  # fmt: skip
def test_one_with_another_signature_is_refused(farm: ServedFarm, signature: str) -> None:
    connect(farm)
    answer = send(farm, {"X-Hub-Signature-256": signature.encode("latin-1")})  # type: ignore[dict-item]
    assert answer.status_code == 401
    assert answer.json()["code"] in ("unsigned-webhook", "forged-webhook")
    assert not is_due(farm)
    assert farm.refusals() == [("", answer.json()["code"])]


def test_the_signature_of_another_body_or_of_another_secret_is_none(farm: ServedFarm) -> None:
    secret = connect(farm).secret
    for body, key in ((BODY + b" ", secret), (BODY, "another"), (BODY, ""), (b"", secret)):
        assert send(farm, {"X-Hub-Signature-256": f"sha256={sign(body, key)}"}).json()["code"] == "forged-webhook"
    assert not is_due(farm)


def test_where_there_is_no_secret_nothing_is_signed_with_it(farm: ServedFarm) -> None:
    connect(farm)
    with farm.application.writing() as unit:
        unit.session.exec(update(GitRepositoryRow).values(secret=""))
    answer = send(farm, {"X-Hub-Signature-256": f"sha256={sign(BODY, '')}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "forged-webhook")
    assert "--new-secret" in answer.json()["remedy"]
    assert not is_due(farm)


def test_one_that_is_sent_again_does_nothing_whatever_it_is_called(farm: ServedFarm) -> None:
    secret = connect(farm).secret
    signed = {"X-Hub-Signature-256": f"sha256={sign(BODY, secret)}"}
    assert send(farm, signed).json() == {"result": "accepted"}
    with farm.application.writing() as unit:
        repositories.set_synced(unit, repositories.find_repository(unit.session, "main"), again=repositories.RESERVED)
    assert not is_due(farm)
    for more in ({}, {"delivery": "a-2"}, {"delivery": "a-3", "event": "pull_request"}):
        assert send(farm, signed, **more).json() == {"result": "repeated"}
    assert not is_due(farm)
    other = {"X-Hub-Signature-256": f"sha256={sign(BODY + b' ', secret)}"}
    assert send(farm, other, BODY + b" ").json() == {"result": "accepted"}


def test_many_make_one_look_some_seconds_after_the_last(farm: ServedFarm) -> None:
    secret = connect(farm).secret
    for body in (b"1", b"2", b"3"):
        send(farm, {"X-Hub-Signature-256": f"sha256={sign(body, secret)}"}, body)
    with farm.application.reading() as unit:
        found = repositories.find_repository(unit.session, "main")
    assert found.synced_at is not None
    assert found.due_at == found.synced_at + repositories.BETWEEN_WEBHOOKS


def test_what_is_not_about_commits_is_ignored_and_a_ping_answered(farm: ServedFarm) -> None:
    secret = connect(farm).secret

    def result(event: str, body: bytes) -> str:
        signed = {"X-Hub-Signature-256": f"sha256={sign(body, secret)}"}
        return str(send(farm, signed, body, event=event).json()["result"])

    assert result("star", b"1") == "ignored"
    assert not is_due(farm)
    assert result("ping", b"2") == "ping"
    assert result("pull_request_sync", b"3") == "accepted"


@pytest.mark.parametrize("body", [b"", b"not JSON", b"[" * 60_000, b'{"a":' * 9000, b"\0\xff" * 99])
def test_nothing_in_a_body_is_parsed(farm: ServedFarm, body: bytes) -> None:
    signed = {"X-Hub-Signature-256": f"sha256={sign(body, connect(farm).secret)}"}
    assert send(farm, signed, body).json() == {"result": "accepted"}


def test_one_without_a_signature_is_refused_before_its_body_is_read(farm: ServedFarm) -> None:
    connect(farm)

    def endless() -> object:
        for _ in range(4096):
            yield b"x" * 4096

    url = f"{farm.url}/api/v1/git/main/webhook"
    answer = httpx.post(url, content=endless(), headers={"X-GitHub-Event": "push"})  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (401, "unsigned-webhook")


def test_one_that_is_too_large_is_refused(farm: ServedFarm) -> None:
    secret = connect(farm).secret
    body = b"x" * ((4 << 20) + 1)
    answer = send(farm, {"X-Hub-Signature-256": f"sha256={sign(body, secret)}"}, body)
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    body = b"x" * (4 << 20)
    assert send(farm, {"X-Hub-Signature-256": f"sha256={sign(body, secret)}"}, body).status_code == 202


@pytest.mark.parametrize("name", ["other", "MAIN", "main%00", "..", "a" * 300])
def test_there_is_no_address_for_what_is_not_connected(farm: ServedFarm, name: str) -> None:
    secret = connect(farm).secret
    headers = {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "1",
        "X-Hub-Signature-256": f"sha256={sign(BODY, secret)}",
    }
    answer = httpx.post(f"{farm.url}/api/v1/git/{name}/webhook", headers=headers, content=BODY)
    assert answer.status_code in (400, 401, 404)
    assert not is_due(farm)


def test_of_forgejos_signatures_the_first_counts_alone(farm: ServedFarm) -> None:
    secret = connect(farm, "forgejo").secret
    for body, name in ((b"1", "X-Forgejo-Signature"), (b"2", "X-Gitea-Signature")):
        assert send(farm, {name: sign(body, secret)}, body).json() == {"result": "accepted"}
    hub = {"X-Hub-Signature-256": f"sha256={sign(b'3', secret)}"}
    assert send(farm, hub, b"3").json() == {"result": "accepted"}
    forged = {"X-Forgejo-Signature": "0" * 64, "X-Gitea-Signature": sign(BODY, secret)}
    assert send(farm, forged).json()["code"] == "forged-webhook"


def test_secret_and_token_are_shown_to_nobody_and_only_administrators_connect(farm: ServedFarm) -> None:
    made = connect(farm)
    asked = {"name": "two", "url": "https://git.example.org/a/b.git", "forge": "forgejo", "token": "tok-two"}
    admin = {"Authorization": f"Bearer {farm.token(Role.ADMIN)}"}
    answer = httpx.post(f"{farm.url}/api/v1/git", headers=admin, json=asked)
    assert (answer.status_code, len(answer.json()["secret"])) == (201, 64)
    assert "tok-two" not in answer.text
    for role in (Role.MAINTAINER, Role.CURATOR, Role.ADMIN):
        headers = {"Authorization": f"Bearer {farm.token(role)}"}
        shown = [httpx.get(f"{farm.url}/api/v1/git{path}", headers=headers).text for path in ("", "/main", "/two")]
        assert not any(word in text for text in shown for word in (made.secret, "tok-", answer.json()["secret"]))
    for role in (Role.MAINTAINER, Role.CURATOR):
        headers = {"Authorization": f"Bearer {farm.token(role)}"}
        assert httpx.post(f"{farm.url}/api/v1/git", headers=headers, json=asked | {"name": "x"}).status_code == 403
        assert httpx.post(f"{farm.url}/api/v1/git/main/disconnect", headers=headers).status_code == 403
        assert httpx.post(f"{farm.url}/api/v1/git/main/set", headers=headers, json={"token": "x"}).status_code == 403
    for method, path in (("GET", ""), ("GET", "/main"), ("POST", "/main/sync"), ("POST", "/main/pulls/1/preview")):
        assert httpx.request(method, f"{farm.url}/api/v1/git{path}").status_code == 401, path
    answer = httpx.post(f"{farm.url}/api/v1/git/main/set", headers=admin, json={"token": "tok-three"})
    assert (answer.status_code, "secret" in answer.json(), "tok-" in answer.text) == (200, False, False)
    trail = httpx.get(f"{farm.url}/api/v1/trail", headers=admin).text
    assert "connect-repository" in trail
    assert "tok-" not in trail
    assert made.secret not in trail


@pytest.mark.parametrize("change", [{"url": "ssh://git@example.org/a/b"}, {"url": "https://u:p@example.org/a/b"},
                                    {"url": "file:///a/b"}, {"api": "gopher://x/"}, {"branch": "--x"}, {"branch": "a..b"},  # noqa: E501
                                    {"path": "../x"}, {"path": "a//b"}, {"url": "https://example.org/a"},
                                    {"name": "../x"}, {"name": "A"}, {"token": "a\nb"}])  # fmt: skip
def test_what_is_no_repository_is_not_connected(farm: ServedFarm, change: dict[str, str]) -> None:
    asked = {"name": "two", "url": "https://git.example.org/a/b.git", "forge": "forgejo"} | change
    headers = {"Authorization": f"Bearer {farm.token(Role.ADMIN)}"}
    answer = httpx.post(f"{farm.url}/api/v1/git", headers=headers, json=asked)
    assert answer.status_code == 422, answer.text
    assert "u:p" not in answer.text
