"""Answers of registries that Debian's does not give: blobs on another host, and errors in their own words."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from farm.client.image.push import registry_connections
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.oci.image_reference import RemoteReference, full_name
from farm.oci.registry import RegistryError, Repository
from farm.oci.registry_credentials import Credentials
from farm.store.blobs import BlobStore
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes = b"") -> Iterator[Repository]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_HEAD()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        reference = RemoteReference.parse(f"127.0.0.1:{server.server_address[1]}/tools:1")
        repository = Repository(reference, Credentials(), registry_connections, plain_http=True)
        try:
            yield repository
        finally:
            repository.close()
            server.shutdown()
            thread.join()


def test_a_blob_that_lies_on_another_host_is_there() -> None:
    with answering(307, {"Location": "http://elsewhere.invalid/blob"}) as repository:
        assert repository.has_blob(Digest.of(b"x"))
    with answering(404, {}) as repository:
        assert not repository.has_blob(Digest.of(b"x"))


def test_an_error_is_told_in_the_registrys_words() -> None:
    body = json.dumps({"errors": [{"code": "TOOMANYREQUESTS", "message": "slow down"}]}).encode()
    with answering(429, {}, body) as repository, pytest.raises(RegistryError, match="429 TOOMANYREQUESTS: slow down"):
        repository.manifest("1")


def test_a_password_is_not_sent_to_a_realm_without_tls() -> None:
    challenge = {"WWW-Authenticate": 'Bearer realm="http://elsewhere.invalid/token",service="x"'}
    with answering(401, challenge) as repository:
        repository._plain = False
        with pytest.raises(RegistryError, match="asks for the password over http"):
            repository.has_blob(Digest.of(b"x"))


def test_a_challenge_that_names_no_realm_is_refused() -> None:
    with (
        answering(401, {"WWW-Authenticate": 'Bearer service="x"'}) as repository,
        pytest.raises(RegistryError, match="does not name a token server"),
    ):
        repository.has_blob(Digest.of(b"x"))


@pytest.mark.parametrize("location", ["http://[::1", "http://a:99999/", "file:///etc/passwd", "gopher://a/"])
def test_an_upload_that_is_to_go_nowhere_is_refused(location: str, tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    with (
        answering(202, {"Location": location}) as repository,
        pytest.raises(RegistryError, match="not an HTTP address"),
    ):
        repository.push_blob(BlobRef(store.put_bytes(b"x"), 1), store)


def test_more_than_a_manifest_can_be_is_not_read() -> None:
    with answering(200, {}, bytes(9 << 20)) as repository, pytest.raises(RegistryError, match="answered with over"):
        repository.manifest("1")


def test_a_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(404, {}) as repository:
        monkeypatch.setenv("http_proxy", repository._base)
        monkeypatch.delenv("no_proxy", raising=False)
        elsewhere = RemoteReference.parse("registry.invalid/tools:1")
        proxied = Repository(elsewhere, Credentials(), registry_connections, plain_http=True)
        assert not proxied.has_blob(Digest.of(b"x"))
        proxied.close()


@pytest.mark.parametrize("text", ["jq:1", "team/jq:1", ""])
def test_what_names_no_registry_is_refused(text: str) -> None:
    with refuses("no-registry"):
        RemoteReference.parse(text)


@pytest.mark.parametrize("text", ["r.example/jq", "r.example/JQ:1"])
def test_what_names_no_tag_or_nothing_at_all_is_refused(text: str) -> None:
    with refuses("invalid-image-reference"):
        RemoteReference.parse(text)


def test_names_are_taken_apart_and_said_in_full() -> None:
    found = RemoteReference.parse("localhost:5000/a/b:1.0")
    assert (found.host, found.name, found.tag) == ("localhost:5000", "a/b", "1.0")
    assert full_name("jq:1") == "docker.io/library/jq:1"
    assert full_name("team/jq:1") == "docker.io/team/jq:1"
    assert full_name("r.example/jq:1") == "r.example/jq:1"
