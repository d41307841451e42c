"""What a verb needs of the extras with which farm is installed, and what it says where they are not there.

A verb loads what it needs when it is called. So a module that is not there tells which extra is missing: by the table
here, which follows `pyproject.toml`, and nowhere else.
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
"""Extra → the modules that are loaded by farm and come with it; those of several stand with the smallest."""
_EXTRA_OF = {module: extra for extra, modules in MODULES_OF.items() for module in modules}
_WHOLE_EXTRA_OF = {"up": "server"}
"""Verb → the extra that brings all it needs, whichever of its modules is missed first."""


class MissingExtraError(FarmError):
    """farm was installed without what a verb needs."""

    code = "missing-extra"
    exit_status = os.EX_UNAVAILABLE

    def __init__(self, verb: str, extra: str) -> None:
        super().__init__(f"farm {verb} needs farm[{extra}]", remedy=f"pip install 'farm[{extra}]'")
        self.extra = extra


def missing_extra(verb: str, error: ModuleNotFoundError) -> MissingExtraError | None:
    """Return what to tell of a module that a verb did not find; None where no extra would bring it."""
    extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
    return MissingExtraError(verb, _WHOLE_EXTRA_OF.get(verb, extra)) if extra else None
