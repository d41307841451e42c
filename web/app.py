"""The application factory: assembles everything that the web process serves. Imports have no effects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

import farm
from farm.api.wire import ErrorWire
from farm.server.application import DEFAULT_ADDRESS
from farm.server.jobs.provenance_checks import check_with_workers_key
from farm.server.pipeline.repository.signer_client import ImageSignerClient
from web import problems
from web.api import (
    advisories,
    blobs,
    channels,
    curation,
    git,
    jobs,
    logs,
    operators,
    orders,
    packages,
    readiness,
    submissions,
    trail,
    watch,
    webhooks,
    work,
)
from web.auth import Guards
from web.bodies import BodyBounds
from web.log_following import EventStreams
from web.pages.installation import install_pages
from web.refusals import Refusals
from web.registry.protocol import RegistryApplication
from web.routes import Routes
from web.settings import WebSettings
from web.watching import Watchers

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.jobs.finishing import ProvenanceCheck
    from farm.server.transaction.unit_of_work import Application

_ROUTERS = (
    submissions.router,
    channels.router,
    jobs.router,
    logs.router,
    orders.router,
    packages.router,
    operators.router,
    curation.router,
    advisories.router,
    trail.router,
    work.router,
    blobs.router,
    readiness.router,
    watch.router,
    webhooks.router,
    git.router,
)
"""What answers below `/api`."""


def create_app(
    application: Application,
    settings: WebSettings | None = None,
    *,
    check_provenance: ProvenanceCheck = check_with_workers_key,
    repository: Path | None = None,
    images: bool = True,
    image_signer: Path | None = None,
    address: str = DEFAULT_ADDRESS,
    guards: Guards | None = None,
) -> FastAPI:
    """Return the application that serves one farm.

    It serves the directory `repository` below `/repository` and, with `images`, images below `/v2`; the signer signs
    statements about these over the socket `image_signer`. Links that leave it begin with `address`.
    Addresses that control would not reach are refused by `guards` when they are given.
    """
    # No pages about the API: FastAPI's load scripts from another site. `/api/openapi.json` is for tools.
    app = FastAPI(
        title="farm",
        version=farm.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        # FastAPI would describe its own form of errors, which is never sent.
        responses={422: {"model": ErrorWire, "description": "What was asked for cannot be"}},
    )
    app.state.application = application
    app.state.settings = settings or WebSettings()
    app.state.check_provenance = check_provenance
    app.state.refusals = Refusals()
    app.state.streams = EventStreams(app.state.settings)
    app.state.watchers = Watchers(application, app.state.settings)
    app.state.address = address.rstrip("/")
    app.state.guards = guards or Guards()
    app.state.readiness = readiness.Readiness()
    problems.install(app)
    for router in _ROUTERS:
        app.include_router(router)
    if repository is not None:
        app.mount("/repository", StaticFiles(directory=repository, follow_symlink=False), name="repository")
    if repository is not None and images:
        signer = ImageSignerClient(image_signer) if image_signer else None
        app.mount("/v2", RegistryApplication(repository, application.blobs.root.parent / "registry", signer=signer))
    install_pages(app, repository, images=images)
    app.add_middleware(BodyBounds, settings=app.state.settings, application=application, routes=Routes(_ROUTERS))
    return app
