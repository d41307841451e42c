"""Static files: addresses that change with their content, which browsers therefore may keep for ever."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response
    from starlette.types import Scope


class Assets:
    """Knows the address of each file below a directory."""

    def __init__(self, static: Path) -> None:
        self._static = static
        self._digests: dict[str, str] = {}

    def address(self, name: str) -> str:
        """Return the address of a file: with a digest of its content, so that no browser shows an old one."""
        if name not in self._digests:
            self._digests[name] = hashlib.sha256((self._static / name).read_bytes()).hexdigest()[:12]
        return f"/static/{name}?v={self._digests[name]}"


class StaticAssets(StaticFiles):
    """Serves them: at such an address for ever, at any other to be asked again."""

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
