"""`python -m web --settings FILE --host HOST --port PORT`: serves one farm over HTTP until it is stopped."""

from __future__ import annotations

from farm.extras import exit_without

if __name__ == "__main__":
    exit_without("server", "python -m web")

import argparse
import sys
from pathlib import Path

import uvicorn

from farm.build.recipe_directory import read_recipe_directory
from farm.errors import FarmError, plain_text
from farm.server.application import CHANGING, FarmSettings, open_application
from web.app import create_app
from web.auth import Guards
from web.connections import bounded_protocol
from web.settings import WebSettings
from web.warming import warm_up

_GOODBYE_SECONDS = 3  # how long followers of logs may stay connected once it stops


def main(arguments: list[str] | None = None) -> int:
    """Serve; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m web", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="JSON file, see farm.server.application")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    options = parser.parse_args(arguments)
    try:
        settings = FarmSettings.read(options.settings)
        bounds = WebSettings.with_bounds(settings.web)
        application = open_application(settings, read_recipe_directory(settings.recipes, leave_out=CHANGING))
    except FarmError as error:
        sys.stderr.write(f"{plain_text(error, 'web')}\n")
        return error.exit_status
    app = create_app(
        application,
        bounds,
        repository=settings.repository,
        images=settings.images,
        image_signer=settings.image_signer,
        address=settings.address,
        guards=Guards(webhooks=settings.webhook_guard, git=settings.source_guard),
    )
    warm_up(app)
    uvicorn.run(
        app,
        http=bounded_protocol(bounds),
        ws="none",
        host=options.host,
        port=options.port,
        timeout_graceful_shutdown=_GOODBYE_SECONDS,
        server_header=False,
        log_level="warning",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
