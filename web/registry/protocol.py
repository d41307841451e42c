"""The read-only side of the OCI distribution specification 1.1, below `/v2`."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response

from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError
from farm.oci.cosign import parse_cosign_tag
from farm.oci.layer import MANIFEST
from farm.oci.referrers import INDEX, referrers_index
from web.refusals import network_of
from web.registry.access_log import AccessLog, CountedResponse
from web.registry.attesting import Attesting
from web.registry.budget import Bounds
from web.registry.errors import Refusal, RegistryAnswerError, answer
from web.registry.image_lookup import ImageMaking
from web.registry.names import ImageName
from web.registry.releases import SignedReleases
from web.registry.tag_lists import TagLists

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

    from farm.server.pipeline.repository.signer_client import ImageSignerClient
    from web.registry.image_cache import CacheLimits


_log = logging.getLogger("farm.web")

LARGEST_MANIFEST = 4 << 20
_ENDPOINT = re.compile(
    r"/v2/(?P<name>.+)/(?:(?P<kind>manifests|blobs|referrers)/(?P<reference>[^/]+)|tags/(?P<tags>list))"
)
_THREADS = 16
"""Threads for requests that make no image; separate, so that pulls never delay a worker's report."""
_MOST_TAGS, _TAGS = 1000, 100
_VERSION = {"Docker-Distribution-API-Version": "registry/2.0"}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request: `kind` is `manifests`, `blobs`, `referrers`, `tags`, or empty for the root.

    `who` is the network that asks, `has` the entity tags that it has already, `range` the requested part.
    """

    method: str
    kind: str = ""
    name: str = ""
    reference: str = ""
    query: str = ""
    who: str = ""
    has: tuple[str, ...] = ()
    range: str = ""


class RegistryApplication:
    """The ASGI application for one published repository. `folder` is the registry's own directory."""

    def __init__(
        self,
        repository: Path,
        folder: Path,
        bounds: Bounds | None = None,
        room: CacheLimits | None = None,
        signer: ImageSignerClient | None = None,
    ) -> None:
        bounds = bounds or Bounds()
        releases = SignedReleases(repository, folder / "metadata")
        self._images = ImageMaking(releases, folder, bounds, room)
        self._attesting = Attesting(releases, self._images.cache, bounds, signer)
        self._tags = TagLists(releases, bounds)
        # Images and lists of tags have separate threads: however many wait for either, others find one.
        self._most_threads = 2 * bounds.inside + _THREADS
        self._access = AccessLog(folder / "access.log")
        self._threads: CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope = with_one_range(scope)
        asked = _asked(scope)
        # A limiter belongs to the event loop that creates it.
        limiter = self._threads = self._threads or CapacityLimiter(self._most_threads)

        async def note(counted: CountedResponse) -> None:
            line = counted.line(scope, asked.kind.removesuffix("s"), asked.name, asked.reference)
            await to_thread.run_sync(self._note, line, limiter=limiter)

        counted = CountedResponse(send, scope["method"], note)
        response = await to_thread.run_sync(partial(self._answer, asked), limiter=limiter)
        response.headers.update(_VERSION)
        try:
            await response(scope, receive, counted)
        finally:
            await counted.end()

    def _note(self, line: dict[str, Any]) -> None:
        try:
            self._access.write(line)
        except OSError as error:  # no reason to refuse the pull
            _log.error("registry: the access log cannot be written: %s", error)

    def _answer(self, asked: _Asked) -> Response:
        try:
            response = self._found(asked)
            return _not_modified(response) if response.headers.get("etag") in asked.has else response
        except RegistryAnswerError as error:
            if error.refusal is not Refusal.INTERNAL:
                return answer(error)
            failure: FarmError = error
        except (FarmError, OSError) as error:
            failure = RegistryAnswerError(Refusal.INTERNAL, str(error))
        # The details are in the operator's log, not in the answer.
        _log.error("registry: %s %s %s: %s", asked.method, asked.kind, asked.name, failure)
        return answer(RegistryAnswerError(Refusal.INTERNAL, "the farm failed to answer; its log says why"))

    def _found(self, asked: _Asked) -> Response:
        if asked.method not in ("GET", "HEAD"):
            raise RegistryAnswerError(
                Refusal.READ_ONLY,
                "this registry is read-only",
                remedy="Push to another one, with `farm image push`.",
                headers=[("Allow", "GET, HEAD")],
            )
        if not asked.kind:
            return _json("{}", "application/json")
        if asked.kind == "unknown":
            raise RegistryAnswerError(Refusal.NO_SUCH_ENDPOINT, "this registry has nothing at this address")
        name = ImageName.parse(asked.name)
        match asked.kind:
            case "manifests":
                return self._manifest(name, asked)
            case "blobs":
                return self._blob(asked)
            case "referrers":
                return self._referrers(asked)
            case _:
                return self._tag_list(name, asked)

    def _manifest(self, name: ImageName, asked: _Asked) -> Response:
        by_digest = ":" in asked.reference
        digest = _digest(asked.reference) if by_digest else self._tagged(name, asked)
        content = self._content(digest, asked.who)
        kept = _FOR_EVER if by_digest else "no-cache"
        return Response(content, headers={**_names(digest), "Cache-Control": kept}, media_type=MANIFEST)

    def _tagged(self, name: ImageName, asked: _Asked) -> Digest:
        """Return the image of a tag, or what cosign expects under a tag derived from an image."""
        beside = parse_cosign_tag(asked.reference)
        if beside is None:
            return self._images.tagged(name, asked.reference, asked.who)
        record = self._images.pinned(beside[0], asked.who)
        found = self._attesting.cosigned(record, beside[1], asked.who) if record else None
        if found is None:
            raise RegistryAnswerError(
                Refusal.MANIFEST_UNKNOWN, f"there is no {asked.reference} of an image that was made here"
            )
        return found

    def _content(self, digest: Digest, who: str) -> bytes:
        """Return the manifest of an image, or of what refers to one."""
        blobs = self._images.cache.blobs
        if blobs.has(digest) or self._images.pinned(digest, who):
            content = blobs.read(digest) if blobs.size(digest) <= LARGEST_MANIFEST else b""
            if _is_manifest(content):
                return content
        raise RegistryAnswerError(
            Refusal.MANIFEST_UNKNOWN,
            f"no image of this digest was made here: {digest}",
            remedy="Pull it by a tag first: latest, or a release.",
        )

    def _blob(self, asked: _Asked) -> Response:
        digest = _digest(asked.reference)
        path = self._images.cache.blobs.path(digest)
        try:
            state = path.stat()
        except FileNotFoundError:
            raise RegistryAnswerError(
                Refusal.BLOB_UNKNOWN, f"no image that was made here has the blob {digest}"
            ) from None
        check_range(asked.range, state.st_size)
        # Not verified on the way: the client knows the digest, and verifies it.
        headers = {**_names(digest), "Cache-Control": _FOR_EVER}
        return FileResponse(path, headers=headers, media_type="application/octet-stream", stat_result=state)

    def _referrers(self, asked: _Asked) -> Response:
        record = self._images.pinned(_digest(asked.reference), asked.who)
        record = self._attesting.attested(record, asked.who) if record else None
        listed = [referrer.descriptor() for referrer in record.referrers] if record else []
        # No type has a space in it: it is a plus sign that was not encoded.
        wanted = parse_qs(asked.query).get("artifactType", [""])[0].replace(" ", "+")
        headers = {"Cache-Control": "no-cache"}
        if wanted:
            listed = [referrer for referrer in listed if referrer["artifactType"] == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        return _json(referrers_index(listed).decode(), INDEX, headers)

    def _tag_list(self, name: ImageName, asked: _Asked) -> Response:
        query = parse_qs(asked.query)
        limit = _limit(query.get("n", [""])[0])
        after = query.get("last", [""])[0]
        tags, more = self._tags.page(name, after, limit, asked.who) if limit else ([], False)
        headers = {"Cache-Control": "no-cache"}
        if more:
            following = urlencode({"n": limit, "last": tags[-1]})
            headers["Link"] = f'</v2/{asked.name}/tags/list?{following}>; rel="next"'
        return _json(json.dumps({"name": asked.name, "tags": tags}), "application/json", headers)


def _asked(scope: Scope) -> _Asked:
    path, method = scope["path"], scope["method"]
    if path in ("/v2", "/v2/"):
        return _Asked(method)
    found = _ENDPOINT.fullmatch(path)
    if found is None:
        return _Asked(method, "unknown", path)
    headers = Headers(scope=scope)
    return _Asked(
        method,
        found["kind"] or "tags",
        found["name"],
        found["reference"] or "",
        scope["query_string"].decode("latin-1"),
        network_of(scope["client"][0]) if scope.get("client") else "",
        tuple(tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")),
        headers.get("range", ""),
    )


def _digest(text: str) -> Digest:
    try:
        return Digest(text)
    except InvalidDigestError as error:
        raise RegistryAnswerError(Refusal.DIGEST_INVALID, f"{text[:100]!r} is no sha256 digest") from error


def _names(digest: Digest) -> dict[str, str]:
    return {"Docker-Content-Digest": digest, "ETag": f'"{digest}"'}


def _not_modified(response: Response) -> Response:
    kept = ("cache-control", "docker-content-digest", "etag")
    return Response(status_code=304, headers={header: response.headers[header] for header in kept})


def _is_manifest(content: bytes) -> bool:
    try:
        return bool(json.loads(content)["mediaType"] == MANIFEST)
    except (ValueError, LookupError, TypeError):
        return False


def _limit(text: str) -> int:
    return min(int(text), _MOST_TAGS) if re.fullmatch(r"[0-9]{1,9}", text) else _TAGS


def _json(text: str, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(text, headers=dict(headers or {}), media_type=media_type)


_ONE = re.compile(r"bytes=(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<length>[0-9]{1,18}))")


def with_one_range(scope: Scope) -> Scope:
    """Return the request, without its range if that is invalid, or has several parts.

    A server may ignore a range (RFC 9110, 14.2): the client then gets the whole.
    """
    asked = Headers(scope=scope).get("range")
    found = _ONE.fullmatch(asked) if asked else None
    if asked is None or (found and not (found["last"] and int(found["first"]) > int(found["last"]))):
        return scope
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"range"]}


def check_range(asked: str, size: int) -> None:
    """Refuse a part that begins after the end of a blob of `size` bytes."""
    found = _ONE.fullmatch(asked)
    if found and (int(found["first"]) >= size if found["first"] else not int(found["length"])):
        raise RegistryAnswerError(
            Refusal.RANGE_INVALID,
            f"the blob has {size} bytes, and no such part",
            remedy="Fetch it again.",
            headers=[("Content-Range", f"bytes */{size}")],
        )
