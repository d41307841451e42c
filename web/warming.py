"""Shows pages to nobody before the process serves, so that the first reader does not wait for what they load.

That is the code and templates of the pages, the text of their queries, and a connection to the database.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import httpx
from sqlalchemy.exc import SQLAlchemyError

from farm.server.packages import packages

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi import FastAPI

    from farm.server.transaction.unit_of_work import Application

_LOG = logging.getLogger("farm.web")


def warm_up(app: FastAPI) -> tuple[str, ...]:
    """Load all templates, and request the front page and the page of a package; return the paths of what was shown.

    A page that cannot be shown now may be shown later: that is logged, and does not keep the process from serving.
    """
    environment = app.state.pages.environment
    for name in environment.list_templates():
        environment.get_template(name)
    return tuple(asyncio.run(_shown(app, _paths(app.state.application))))


def _paths(application: Application) -> list[str]:
    try:
        with application.reading() as unit:
            some = packages.search(unit.session, "", limit=1)
    except SQLAlchemyError as error:
        _LOG.warning("no pages are loaded ahead: %s", error)
        return []
    return ["/", *(f"/packages/{package.name}" for package in some)]


async def _shown(app: FastAPI, paths: Iterable[str]) -> list[str]:
    # The address is that of no host: nothing is sent.
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://warming.invalid") as client:
        answers = {path: await client.get(path) for path in paths}
    for path, answer in answers.items():
        if not answer.is_success:
            _LOG.warning("%s cannot be shown: status %d", path, answer.status_code)
    return [path for path, answer in answers.items() if answer.is_success]
