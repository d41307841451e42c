"""The farm's read-only OCI registry: `docker pull HOST/stable/bash/jq` gives an image of a signed release.

Images are made when they are first asked for, by the code of `farm image build`, and kept. All that the registry has
beside the farm lies in one directory, `registry` beside the farm's blobs, which may be removed while nothing runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.pipeline.publication.signer_client import ImageSignerClient
from web.registry.protocol import RegistryFace

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI

__all__ = ["install_registry"]


def install_registry(app: FastAPI, repository: Path, signer: Path | None = None) -> None:
    """Serve the releases published in `repository` as images below `/v2`; at the socket `signer` they are attested."""
    folder = app.state.application.blobs.root.parent / "registry"
    app.mount(
        "/v2", RegistryFace(repository, folder, signer=ImageSignerClient(signer) if signer else None), name="registry"
    )
