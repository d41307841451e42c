"""Debian's docker-registry on the loopback, with its access log; with a password or a token server on request."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from farm.oci.layer import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = "/usr/bin/docker-registry"
_REQUEST = re.compile(r'"(GET|HEAD|POST|PUT|PATCH) (\S+) HTTP/1\.1" (\d+)')
_SENT = re.compile(r'"GET \S+/blobs/(sha256:[0-9a-f]{64}) HTTP/1\.1" 200 (\d+)')


@dataclass(frozen=True)
class Registry:
    """A running registry: its address, and its requests."""

    host: str
    log: Path

    def requests(self) -> list[tuple[str, str, int]]:
        """Return method, path and status of every request so far, from the access log."""
        return [(method, path, int(status)) for method, path, status in _REQUEST.findall(self.log.read_text())]

    def blobs_received(self) -> list[str]:
        """Return the digests of the uploaded blobs, in the order of their arrival."""
        return [
            parse_qs(urlsplit(path).query)["digest"][0]
            for method, path, status in self.requests()
            if method == "PUT" and "/blobs/uploads/" in path and status == 201
        ]

    def blobs_sent(self) -> list[tuple[str, int]]:
        """Return digest and bytes of every downloaded blob, in order, from the access log."""
        return [(digest, int(size)) for digest, size in _SENT.findall(self.log.read_text())]

    def size(self, digest: str) -> int:
        """Return the bytes of a blob that the registry holds."""
        hexadecimal = digest.removeprefix("sha256:")
        blobs = self.log.parent / "data" / "docker" / "registry" / "v2" / "blobs" / "sha256"
        return (blobs / hexadecimal[:2] / hexadecimal / "data").stat().st_size


@contextmanager
def running_registry(folder: Path, auth: dict[str, Any] | None = None) -> Iterator[Registry]:
    """Run a registry until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": False}, "level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": host},
        **({"auth": auth} if auth else {}),
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    log = folder / "access.log"
    with log.open("wb") as out:
        process = subprocess.Popen([PROGRAM, "serve", str(folder / "config.yml")], stdout=out, stderr=out)
    try:
        for _ in range(200):
            try:
                with socket.create_connection(host.split(":"), timeout=1):  # type: ignore[arg-type]
                    break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
        yield Registry(host, log)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def token_server(folder: Path, user: str, password: str) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Run a token server that knows one user; yields a registry's `auth` for it, and the requested scopes."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokens.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    chain = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]
    wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    scopes: list[str] = []

    def token(scope: str) -> str:
        kind, repository, actions = scope.split(":")
        claims = {
            "iss": "tokens",
            "aud": "registry",
            "sub": user,
            "exp": int(time.time()) + 300,
            "nbf": int(time.time()) - 10,
            "access": [{"type": kind, "name": repository, "actions": actions.split(",")}],
        }
        head = {"typ": "JWT", "alg": "RS256", "x5c": chain}
        signed = b".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims))
        signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("authorization") == wanted
            (scope,) = parse_qs(urlsplit(self.path).query)["scope"]
            scopes.append(scope)
            body = json.dumps({"token": token(scope)} if known else {}).encode()
            self.send_response(200 if known else 401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            realm = f"http://127.0.0.1:{server.server_address[1]}/token"
            bundle = str(folder / "tokens.pem")
            yield (
                {"token": {"realm": realm, "service": "registry", "issuer": "tokens", "rootcertbundle": bundle}},
                scopes,
            )
        finally:
            server.shutdown()
            thread.join()


def fetched(registry: Registry, path: str, accept: str = MANIFEST) -> bytes:
    """Return what the registry answers to a plain GET."""
    response = httpx.get(f"http://{registry.host}{path}", headers={"Accept": accept})
    response.raise_for_status()
    return response.content
