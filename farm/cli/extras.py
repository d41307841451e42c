"""The extras of farm, and the error of a verb whose extra is not installed.

A verb imports what it needs when it is called, so a missing module identifies the missing extra, by the table here,
which follows `pyproject.toml`.
"""

from __future__ import annotations

import os

from farm.errors import FarmError

MODULES_OF = {
    "build": ("anyio", "httpx", "license_expression", "pydantic", "rich"),
    "worker": ("celery", "kombu"),
    "server": (
        "alembic",
        "fastapi",
        "psycopg",
        "python_multipart",
        "redis",
        "sqlalchemy",
        "sqlmodel",
        "starlette",
        "uvicorn",
    ),
}
"""Extra → the modules that farm imports and that come with it; a module of several extras is in the smallest."""
_EXTRA_OF = {module: extra for extra, modules in MODULES_OF.items() for module in modules}
_WHOLE_EXTRA_OF = {"up": "server"}
"""Verb → the extra with all that it needs, whichever module is missing first."""


class MissingExtraError(FarmError):
    """farm was installed without the extra that a verb needs."""

    code = "missing-extra"
    exit_status = os.EX_UNAVAILABLE

    def __init__(self, verb: str, extra: str) -> None:
        super().__init__(f"farm {verb} needs farm[{extra}]", remedy=f"pip install 'farm[{extra}]'")
        self.extra = extra


def missing_extra(verb: str, error: ModuleNotFoundError) -> MissingExtraError | None:
    """Return the error for a module that a verb did not find; None if it belongs to no extra."""
    extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
    return MissingExtraError(verb, _WHOLE_EXTRA_OF.get(verb, extra)) if extra else None
