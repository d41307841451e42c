"""Templates and their filters: times, sizes and digests as people read them. All text is escaped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.staticfiles import StaticFiles

import farm
from farm.core.names.actor_name import token_name
from farm.core.names.escaping import escape_lines
from farm.core.names.utc import utc_text
from farm.core.names.wording import human_size
from farm.core.policy.gate_kind import gate_key
from farm.trust.layout import blob_path
from web.pages.excuse_cards import sentence
from web.pages.log_index import LogIndexes
from web.pages.lost import is_lost

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response
    from starlette.types import Scope

    from farm.core.names.digest import Digest
    from farm.server.transaction.unit_of_work import Application


_SEEN = "seen"
_UNCACHED = {"Cache-Control": "no-cache"}


class Assets:
    """The addresses of the files below a directory."""

    def __init__(self, static: Path) -> None:
        self._static = static
        self._digests: dict[str, str] = {}

    def address(self, name: str) -> str:
        """Return the address of a file, with a digest of its content, so that no browser shows an old one."""
        if name not in self._digests:
            self._digests[name] = hashlib.sha256((self._static / name).read_bytes()).hexdigest()[:12]
        return f"/static/{name}?v={self._digests[name]}"


class StaticAssets(StaticFiles):
    """Serves the files: cacheable forever at such an address, revalidated at any other."""

    def __init__(self, static: Path) -> None:
        super().__init__(directory=static)
        self._assets = Assets(static)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Serve one file."""
        response = await super().get_response(path, scope)
        asked = f"/static/{path}?{scope['query_string'].decode('latin-1')}"
        kept = response.status_code in (200, 304) and asked == self._assets.address(path)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages of one application share."""

    environment: Environment
    logs: LogIndexes
    repository: Path | None
    images: bool

    @classmethod
    def open(cls, application: Application, static: Path, repository: Path | None, *, images: bool) -> Pages:
        """Read the templates, which contain the addresses of the files of `static`.

        `images`: the packages published in `repository` can also be pulled as images.
        """
        environment = Environment(
            loader=PackageLoader("web", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_escaped,
        )
        environment.filters |= {
            "time": time_tag,
            "size": human_size,
            "gate_key": gate_key,
            "short": short_digest,
            "fingerprint": fingerprint,
            "lasted": lasted,
            "token_name": token_name,
            "sentence": sentence,
            "commands": commands,
            "published": partial(published, repository),
        }
        environment.tests["lost"] = is_lost
        environment.globals |= {
            "asset": Assets(static).address,
            "distribution": application.inputs.distribution,
            "farm_version": farm.__version__,
        }
        served = images and repository is not None
        return cls(environment, LogIndexes(application.logs), repository, served)

    def page(
        self, request: Request, template: str, status: int = 200, /, *, live_part: str = "", **values: Any
    ) -> HTMLResponse:
        """Return a page.

        `live_part` is the template of its part that changes while the page is open. A browser that has the page asks
        for it alone, and gets it if it differs from what the browser has `seen`; otherwise the answer is 204.
        """
        is_part = bool(live_part) and asks_for_live_part(request)
        section = request.url.path.split("/")[1]
        seen = request.query_params[_SEEN] if is_part else ""
        html = self.environment.get_template(live_part if is_part else template).render(
            section=section, seen=seen, **values
        )
        if is_part and not html.strip():
            return HTMLResponse("", status_code=204, headers=_UNCACHED)
        return HTMLResponse(html, status_code=status, headers=_UNCACHED)


def asks_for_live_part(request: Request) -> bool:
    """Return whether a browser asks for the part of a page that changes while the page is open."""
    return _SEEN in request.query_params


def reload() -> HTMLResponse:
    """Return the answer that makes a browser load its page again."""
    return HTMLResponse("", headers={**_UNCACHED, "HX-Refresh": "true"})


def fingerprint(content: str) -> str:
    """Return a short text that differs for different content."""
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def pages_of(request: Request) -> Pages:
    """Return what the pages of this request's application share."""
    pages: Pages = request.app.state.pages
    return pages


PagesHere = Annotated[Pages, Depends(pages_of)]


def published(repository: Path | None, digest: Digest) -> Markup:
    """Return a digest as text, linked to the blob itself if that is published."""
    written = Markup('<code class="digest">{}</code>').format(digest)
    if repository is None or not (repository / blob_path(digest)).is_file():
        return written
    return Markup('<a href="/repository/{}">{}</a>').format(blob_path(digest), written)


def time_tag(moment: datetime | None) -> Markup:
    """Return a `<time>` of a moment, to the second, UTC."""
    if moment is None:
        return Markup("&ndash;")
    return Markup('<time datetime="{}">{}</time>').format(
        utc_text(moment), f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    )


def lasted(span: timedelta | None) -> str:
    """Return a span of time in its two largest units: `2 h 05 min`, `3 min 12 s`, `4 s`."""
    if span is None:
        return "\u2013"
    seconds = max(int(span.total_seconds()), 0)
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes % 60:02} min"
    return f"{minutes} min {seconds % 60:02} s" if minutes else f"{seconds} s"


def short_digest(digest: str) -> Markup:
    """Return the first twelve digits of a digest; the whole of it is the tooltip."""
    return Markup('<code class="digest" title="{}">{}</code>').format(digest, digest.removeprefix("sha256:")[:12])


def commands(text: str) -> Markup:
    """Return a text with the parts between backticks as code; a single backtick stays."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        *parts, last = parts
        parts[-1] += f"`{last}"
    marked = (
        Markup("<code>{}</code>").format(escape_lines(part)) if number % 2 else escape(escape_lines(part))
        for number, part in enumerate(parts)
    )
    return Markup().join(marked)


def _escaped(value: Any) -> Any:
    """Escape control characters in every text that a template prints; markup is escaped where it is built."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return escape(escape_lines(value))
