"""One repository of a registry, over the OCI distribution protocol (distribution-spec 1.1): reading and pushing.

A blob that the repository has is not sent, and one that another repository of the registry has is mounted from there.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from http import HTTPStatus, client
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import httpcore

from farm import __version__
from farm.errors import FarmError
from farm.oci.layer import MANIFEST
from farm.oci.referrers import INDEX
from farm.oci.registry_credentials import DOCKER_HUB, Credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from urllib.parse import SplitResult

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.oci.image_reference import RemoteReference
    from farm.store.blobs import BlobStore

    _Content = bytes | tuple[BlobStore, Digest] | None

_HUB_HOST = "registry-1.docker.io"
_LARGEST_MANIFEST = 8 << 20
_TIMEOUT = {"connect": 30.0, "pool": 30.0, "read": 120.0, "write": 120.0}
_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)
_OF_A_URL = "%/:?#[]@!$&'()*+,;=~"
_CHALLENGE = re.compile(r'([A-Za-z]+)="([^"]*)"')


class RegistryError(FarmError):
    """A registry refused a request, or cannot be reached."""

    code = "registry"


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer of a registry; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def is_elsewhere(self) -> bool:
        return self.status in (301, 302, 303, 307, 308) and "location" in self.headers


class Repository:
    """One repository. `plain_http` uses HTTP, for registries on this machine or in a test.

    `connect` opens the connections for a URL, with the proxies and certificates for it.
    """

    def __init__(
        self,
        reference: RemoteReference,
        credentials: Credentials,
        connect: Callable[[SplitResult], httpcore.ConnectionPool],
        *,
        plain_http: bool = False,
    ) -> None:
        host = _HUB_HOST if reference.host == DOCKER_HUB else reference.host
        self._what = str(reference)
        self._name = reference.name
        self._base = f"{'http' if plain_http else 'https'}://{host}"
        self._plain = plain_http
        self._credentials = credentials
        self._authorization = ""
        self._authorizing = threading.Lock()
        self._connecting = threading.Lock()
        self._connect = connect
        self._pools: dict[tuple[str, str], httpcore.ConnectionPool] = {}

    def close(self) -> None:
        """Close the connections."""
        for pool in self._pools.values():
            pool.close()

    def has_blob(self, digest: Digest) -> bool:
        """Return whether the repository has a blob."""
        response = self._send("HEAD", f"/v2/{self._name}/blobs/{digest}")
        # A registry that redirects to the blob has it.
        return response.is_elsewhere or self._found(response, f"the blob {digest}")

    def has_manifest(self, reference: str) -> bool:
        """Return whether it has a manifest, by digest or tag."""
        response = self._send("HEAD", f"/v2/{self._name}/manifests/{reference}", headers={"Accept": _ACCEPTED})
        return self._found(response, f"the manifest {reference}")

    def manifest(self, reference: str) -> bytes | None:
        """Return a manifest by digest or tag, or None. It is not verified."""
        response = self._send("GET", f"/v2/{self._name}/manifests/{reference}", headers={"Accept": _ACCEPTED})
        if not self._found(response, f"the manifest {reference}"):
            return None
        return response.content

    def push_blob(self, blob: BlobRef, store: BlobStore, others: Iterable[str] = ()) -> bool:
        """Send a blob that the repository lacks; return whether it had to be sent.

        `others` are repositories of the same registry that may have it: it is mounted from the first of them.
        """
        query = next((urlencode({"mount": blob.digest, "from": other}) for other in others if other != self._name), "")
        path = f"/v2/{self._name}/blobs/uploads/" + (f"?{query}" if query else "")
        opened = self._send("POST", path)
        if opened.status == HTTPStatus.CREATED:
            return False
        self._expect(opened, HTTPStatus.ACCEPTED, "an upload")
        response = self._send(
            "PUT",
            _with_query(self._url(opened.headers.get("location", "")), {"digest": blob.digest}).geturl(),
            headers={"Content-Length": str(blob.size), "Content-Type": "application/octet-stream"},
            content=(store, blob.digest),
        )
        self._expect(response, HTTPStatus.CREATED, f"the blob {blob.digest}")
        return True

    def push_manifest(self, content: bytes, reference: str, media_type: str = MANIFEST) -> Mapping[str, str]:
        """Put a manifest under a tag or its digest; return the headers of the answer."""
        headers = {"Content-Type": media_type}
        response = self._send("PUT", f"/v2/{self._name}/manifests/{reference}", headers=headers, content=content)
        self._expect(response, HTTPStatus.CREATED, f"the manifest {reference}")
        return response.headers

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: _Content = None,
    ) -> _Answer:
        """Send a request; again with the credentials that the registry asks for, if it does."""
        address = self._url(url)
        # A registry may redirect uploads to another host, which must not get our token.
        ours = address.hostname == urlsplit(self._base).hostname
        for attempt in range(2):
            authorization = self._authorization if ours else ""
            known = {"Authorization": authorization} if authorization else {}
            try:
                response = self._ask(method, address, {**(headers or {}), **known}, content)
            except _FAILURES as error:
                raise RegistryError(
                    f"{self._what}: the registry cannot be reached: {error or type(error).__name__}",
                    remedy="Check its address and the network; --plain-http is for one on this machine.",
                ) from error
            if response.status != HTTPStatus.UNAUTHORIZED or attempt or not ours:
                return response
            self._authorize(response, authorization)
        return response

    def _url(self, text: str) -> SplitResult:
        """Return the parts of a URL that a registry sent. Raises `RegistryError`."""
        try:
            url = urlsplit(quote(urljoin(self._base, text), safe=_OF_A_URL))
            there = url.port != 0 and url.hostname
        except ValueError:
            there = None
        if not there or url.scheme not in ("http", "https"):
            raise RegistryError(f"{self._what}: the registry sent {text[:200]!r}, which is not an HTTP address")
        return url

    def _ask(
        self,
        method: str,
        url: SplitResult,
        headers: Mapping[str, str],
        content: _Content,
    ) -> _Answer:
        """Send one request. Raises httpcore's errors (`_FAILURES`), and `RegistryError` for a too large answer."""
        host = url.netloc.rpartition("@")[2]
        sent = {"Host": host, "Accept-Encoding": "identity", "User-Agent": f"farm/{__version__}", **headers}
        if method in ("POST", "PUT"):
            sent.setdefault("Content-Length", str(len(content) if isinstance(content, bytes) else 0))
        with self._pool(url).stream(
            method,
            url.geturl(),
            headers=list(sent.items()),
            content=content[0].pieces(content[1]) if isinstance(content, tuple) else content,
            extensions={"timeout": _TIMEOUT},
        ) as response:
            body = bytearray()
            for piece in response.iter_stream():
                body += piece
                if len(body) > _LARGEST_MANIFEST:
                    raise RegistryError(f"{self._what}: the registry answered with over {_LARGEST_MANIFEST} bytes")
            names = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers)
            return _Answer(response.status, dict(names), bytes(body))

    def _pool(self, url: SplitResult) -> httpcore.ConnectionPool:
        """Return the connections for a URL: another host may have another proxy."""
        with self._connecting:
            place = url.scheme, url.netloc
            if place not in self._pools:
                self._pools[place] = self._connect(url)
            return self._pools[place]

    def _authorize(self, refused: _Answer, tried: str) -> None:
        with self._authorizing:
            if self._authorization != tried:
                return  # another thread was faster
            challenge = refused.headers.get("www-authenticate", "")
            scheme, _, rest = challenge.partition(" ")
            said = dict(_CHALLENGE.findall(rest))
            if scheme.lower() == "bearer":
                self._authorization = f"Bearer {self._token(said)}"
            elif self._credentials.basic:
                self._authorization = self._credentials.basic
            else:
                raise self._refusal()

    def _token(self, challenge: Mapping[str, str]) -> str:
        """Ask for a token (distribution's "Token Authentication Specification")."""
        if not challenge.get("realm"):
            raise RegistryError(f"{self._what}: the registry asks for a token, and does not name a token server")
        realm = self._url(challenge["realm"])
        if realm.scheme != "https" and not self._plain:
            raise RegistryError(f"{self._what}: the registry asks for the password over {realm.scheme}")
        query = {"scope": f"repository:{self._name}:pull,push"}
        if "service" in challenge:
            query["service"] = challenge["service"]
        try:
            if self._credentials.identity_token:
                form = query | {
                    "grant_type": "refresh_token",
                    "refresh_token": self._credentials.identity_token,
                    "client_id": "farm",
                }
                kind = {"Content-Type": "application/x-www-form-urlencoded"}
                response = self._ask("POST", realm, kind, urlencode(form).encode())
            else:
                known = {"Authorization": self._credentials.basic} if self._credentials.basic else {}
                response = self._ask("GET", _with_query(realm, query), known, None)
            if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise self._refusal()
            said = response.json()
            return str(said.get("token") or said["access_token"])
        except _FAILURES as error:
            raise RegistryError(
                f"{self._what}: {realm.hostname} gives no token: {error or type(error).__name__}"
            ) from error
        except (ValueError, KeyError, AttributeError) as error:
            raise RegistryError(f"{self._what}: {realm.hostname} gives no token: {response.status}") from error

    def _refusal(self) -> RegistryError:
        who = f"{self._credentials.username!r}" if self._credentials.username else "an anonymous user"
        return RegistryError(
            f"{self._what}: the registry does not let {who} push", remedy="Log in with `docker login` first."
        )

    def _found(self, response: _Answer, what: str) -> bool:
        if response.status == HTTPStatus.NOT_FOUND:
            return False
        self._expect(response, HTTPStatus.OK, what)
        return True

    def _expect(self, response: _Answer, wanted: int, what: str) -> None:
        if response.status == wanted:
            return
        if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise self._refusal()
        raise RegistryError(f"{self._what}: asked for {what}, the registry answered {_answer(response)}")


_ACCEPTED = f"{MANIFEST}, {INDEX}"


def _with_query(url: SplitResult, values: Mapping[str, str]) -> SplitResult:
    return url._replace(query="&".join(filter(None, (url.query, urlencode(values)))))


def _answer(response: _Answer) -> str:
    try:
        first = response.json()["errors"][0]
        return f"{response.status} {first['code']}: {first.get('message', '')}"[:300]
    except (ValueError, KeyError, TypeError, IndexError):
        return f"{response.status} {client.responses.get(response.status, '')}".rstrip()
