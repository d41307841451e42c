"""The extras of farm, and the error of a command whose extra is not installed.

A command imports what it needs when it is called, so a missing module identifies the missing extra, by the table here,
which follows `pyproject.toml`.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from farm import __version__
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
    """farm was installed without the extra that a command needs.

    The remedy names the wheel: the package index has another program of this name.
    """

    code = "missing-extra"
    exit_status = os.EX_UNAVAILABLE

    def __init__(self, command: str, extra: str) -> None:
        wheel = f"'./farm-{__version__}-py3-none-any.whl[{extra}]'"
        super().__init__(
            f"{command} needs farm[{extra}]",
            remedy=f"Install the wheel of farm with it: pip install {wheel}, or pipx install --force {wheel}",
        )
        self.extra = extra


def missing_extra(verb: str, error: ModuleNotFoundError) -> MissingExtraError | None:
    """Return the error for a module that a verb (`keys draft targets`) did not find; None if it is of no extra."""
    extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
    return MissingExtraError(f"farm {verb}", _WHOLE_EXTRA_OF.get(verb, extra)) if extra else None


def exit_without(extra: str, program: str) -> None:
    """End the process, with what to install, unless an extra is installed. A program calls it before it imports more.

    `program` is the command by which it was started: `python -m web`.
    """
    if not is_installed(extra):
        error = MissingExtraError(program, extra)
        sys.stderr.write(f"error: {error.message}\n help: {error.remedy}\n")
        sys.exit(error.exit_status)


def is_installed(extra: str) -> bool:
    """Return whether all modules of an extra are installed."""
    return all(find_spec(module) for module in MODULES_OF[extra])
