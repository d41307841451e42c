"""One repository of a registry, over the OCI distribution protocol (distribution-spec 1.1): what it has, and pushing.

Whoever pushes asks first: a blob that is there is not sent, and one that another repository of the registry has is
mounted from there.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx

from farm.errors import FarmError
from farm.oci.layer import MANIFEST
from farm.oci.referrers import INDEX
from farm.oci.registry_credentials import DOCKER_HUB, Credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.blobs import BlobStore
    from farm.names import Digest
    from farm.oci.image_reference import RemoteReference
    from farm.plan import BlobRef

_HUB_HOST = "registry-1.docker.io"
_PIECE = 1 << 20
_LARGEST_MANIFEST = 8 << 20
_TIMEOUT = httpx.Timeout(30.0, read=120.0, write=120.0)
_CHALLENGE = re.compile(r'([A-Za-z]+)="([^"]*)"')


class RegistryError(FarmError):
    """A registry refused something, or cannot be reached."""

    code = "registry"


class Repository:
    """One repository. `plain_http` speaks HTTP, which is for registries on this machine or in a test."""

    def __init__(self, reference: RemoteReference, credentials: Credentials, *, plain_http: bool = False) -> None:
        host = _HUB_HOST if reference.host == DOCKER_HUB else reference.host
        self._what = str(reference)
        self._name = reference.name
        self._base = f"{'http' if plain_http else 'https'}://{host}"
        self._plain = plain_http
        self._credentials = credentials
        self._authorization = ""
        self._authorizing = threading.Lock()
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def has_blob(self, digest: Digest) -> bool:
        """Say whether the repository has a blob."""
        response = self._send("HEAD", f"/v2/{self._name}/blobs/{digest}")
        # A registry that keeps blobs elsewhere says where: so it has it.
        return response.has_redirect_location or self._found(response, f"the blob {digest}")

    def has_manifest(self, reference: str) -> bool:
        """Say whether it has a manifest, by digest or tag."""
        response = self._send("HEAD", f"/v2/{self._name}/manifests/{reference}", headers={"Accept": _ACCEPTED})
        return self._found(response, f"the manifest {reference}")

    def manifest(self, reference: str) -> bytes | None:
        """Return a manifest by digest or tag, or None. What it says is not verified."""
        response = self._send("GET", f"/v2/{self._name}/manifests/{reference}", headers={"Accept": _ACCEPTED})
        if not self._found(response, f"the manifest {reference}"):
            return None
        if len(response.content) > _LARGEST_MANIFEST:
            raise RegistryError(f"{self._what}: the manifest {reference} has more than {_LARGEST_MANIFEST} bytes")
        return response.content

    def push_blob(self, blob: BlobRef, store: BlobStore, others: Iterable[str] = ()) -> bool:
        """Send a blob that the repository lacks; return whether it had to be sent.

        `others` are repositories of the same registry that may have it: it is mounted from the first of them.
        """
        query = next((urlencode({"mount": blob.digest, "from": other}) for other in others if other != self._name), "")
        path = f"/v2/{self._name}/blobs/uploads/" + (f"?{query}" if query else "")
        opened = self._send("POST", path, headers={"Content-Length": "0"})
        if opened.status_code == httpx.codes.CREATED:
            return False
        self._expect(opened, httpx.codes.ACCEPTED, "an upload")
        place = httpx.URL(self._base).join(opened.headers.get("location", ""))
        response = self._send(
            "PUT",
            str(place.copy_merge_params({"digest": blob.digest})),
            headers={"Content-Length": str(blob.size), "Content-Type": "application/octet-stream"},
            content=(store, blob.digest),
        )
        self._expect(response, httpx.codes.CREATED, f"the blob {blob.digest}")
        return True

    def push_manifest(self, content: bytes, reference: str, media_type: str = MANIFEST) -> Mapping[str, str]:
        """Put a manifest under a tag or its digest; return the headers of the answer."""
        headers = {"Content-Type": media_type}
        response = self._send("PUT", f"/v2/{self._name}/manifests/{reference}", headers=headers, content=content)
        self._expect(response, httpx.codes.CREATED, f"the manifest {reference}")
        return response.headers

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | tuple[BlobStore, Digest] | None = None,
    ) -> httpx.Response:
        """Send a request; once more with what the registry asks for, when it does not know us."""
        address = httpx.URL(self._base).join(url)
        # A registry may hand uploads to another host, which has no business with our token.
        ours = address.host == httpx.URL(self._base).host
        for attempt in range(2):
            authorization = self._authorization if ours else ""
            known = {"Authorization": authorization} if authorization else {}
            try:
                response = self._http.request(
                    method, address, headers={**(headers or {}), **known}, content=_body(content)
                )
            except httpx.HTTPError as error:
                raise RegistryError(
                    f"{self._what}: the registry cannot be reached: {error or type(error).__name__}",
                    remedy="Check its address and the network; --plain-http is for one on this machine.",
                ) from error
            if response.status_code != httpx.codes.UNAUTHORIZED or attempt or not ours:
                return response
            self._authorize(response, authorization)
        return response

    def _authorize(self, refused: httpx.Response, tried: str) -> None:
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
        realm = httpx.URL(challenge.get("realm", ""))
        if realm.scheme != "https" and not self._plain:
            raise RegistryError(f"{self._what}: the registry asks for the password over {realm.scheme or 'nothing'}")
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
                response = self._http.post(realm, data=form)
            else:
                known = {"Authorization": self._credentials.basic} if self._credentials.basic else {}
                response = self._http.get(realm.copy_merge_params(query), headers=known)
            if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise self._refusal()
            form = response.json()
            return str(form.get("token") or form["access_token"])
        except httpx.HTTPError as error:
            raise RegistryError(f"{self._what}: {realm.host} gives no token: {error}") from error
        except (ValueError, KeyError, AttributeError) as error:
            raise RegistryError(f"{self._what}: {realm.host} gives no token: {response.status_code}") from error

    def _refusal(self) -> RegistryError:
        who = f"{self._credentials.username!r}" if self._credentials.username else "a stranger"
        return RegistryError(
            f"{self._what}: the registry does not let {who} push", remedy="Log in with `docker login` first."
        )

    def _found(self, response: httpx.Response, what: str) -> bool:
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        self._expect(response, httpx.codes.OK, what)
        return True

    def _expect(self, response: httpx.Response, wanted: int, what: str) -> None:
        if response.status_code == wanted:
            return
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise self._refusal()
        raise RegistryError(f"{self._what}: asked for {what}, the registry answered {_answer(response)}")


_ACCEPTED = f"{MANIFEST}, {INDEX}"


def _body(content: bytes | tuple[BlobStore, Digest] | None) -> bytes | Iterator[bytes] | None:
    return _pieces(*content) if isinstance(content, tuple) else content


def _pieces(store: BlobStore, digest: Digest) -> Iterator[bytes]:
    with store.open(digest) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _answer(response: httpx.Response) -> str:
    try:
        first = response.json()["errors"][0]
        return f"{response.status_code} {first['code']}: {first.get('message', '')}"[:300]
    except (ValueError, KeyError, TypeError, IndexError):
        return f"{response.status_code} {response.reason_phrase}"
