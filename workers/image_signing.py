"""What the signer says of the images that the farm's registry serves: which packages a digest stands for.

Nobody tells it a digest. It is asked for packages of a release, reads them out of what is published and signed, works
the image out itself, and signs with the keys of the channel. It listens on a socket of its own, which takes no other
message, because the registry's process speaks with strangers.
"""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from farm.blobs import BlobStore
from farm.client.catalogue import Catalogue
from farm.client.download import Downloads
from farm.client.image_evidence import release_head
from farm.client.image_parts import parts_of
from farm.client.readers import DirectoryReader
from farm.client.released_image import AskedImage, UnsignableImageError, statement_of
from farm.errors import FarmError
from farm.trust.blob_limits import LARGEST_ENVELOPE
from farm.trust.delegation import role_of
from farm.trust.dsse import sign_statement
from farm.trust.earlier_release import numbered_release
from farm.trust.layout import BLOBS

if TYPE_CHECKING:
    from farm.trust.imports import Import
    from farm.trust.release_index import Release
    from farm.trust.repository import Repository
    from farm.trust.signers import Signers

_LOG = logging.getLogger("farm.signer")
_JSON = "application/json"
_LARGEST_QUESTION = 16 << 10


def image_signer_app(repository: Repository, signers: Signers) -> FastAPI:
    """Return the HTTP application: `POST /images` with an `AskedImage` gives the signed envelope."""
    app = FastAPI(title="farm signer of images", openapi_url=None)

    @app.exception_handler(FarmError)
    def refuse(_request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, FarmError)  # noqa: S101  # the handler is registered for nothing else
        _LOG.warning("refused: %s", error)
        return JSONResponse({"code": error.code, "message": error.message, "remedy": error.remedy}, status_code=409)

    @app.post("/images")
    async def sign(request: Request) -> Response:
        content = b""
        async for chunk in request.stream():
            content += chunk
            if len(content) > _LARGEST_QUESTION:
                raise UnsignableImageError(f"a question has at most {_LARGEST_QUESTION} bytes")
        # One at a time. This application has an event loop of its own, so nothing but the next image waits for it.
        return Response(sign_image(repository, signers, AskedImage.from_json(content)), media_type=_JSON)

    return app


def sign_image(repository: Repository, signers: Signers, asked: AskedImage) -> bytes:
    """Return the signed statement about an image of what is published.

    Raises `UnsignableImageError`, `MissingSignerError`, `RepositoryStateError`, and what verifying packages and making
    images raise.
    """
    published = repository.current(asked.channel)
    role = role_of(published.head.targets, asked.channel)
    if published.release is None:
        raise UnsignableImageError(f"nothing is published on {asked.channel}")
    blobs = BlobStore(repository.root / BLOBS)
    release = numbered_release(published.release, asked.number, lambda blob: blobs.read(blob.digest))
    statement = _statement(repository, release, asked)
    envelope = sign_statement(statement, *signers.signing(asked.channel, role))
    if len(envelope) > LARGEST_ENVELOPE:
        raise UnsignableImageError(f"its bill of materials comes to an envelope of {len(envelope)} bytes")
    _LOG.info("signed what %s of release %d of %s is", "/".join(asked.packages), asked.number, asked.channel)
    return envelope


def _statement(repository: Repository, release: Release, asked: AskedImage) -> dict[str, Any]:
    downloads = Downloads(DirectoryReader(repository.root), BlobStore(repository.root / BLOBS))
    catalogue = Catalogue(release, repository.builders, downloads, _refuse_foreign)
    parts = parts_of(catalogue, catalogue.verified(asked.packages))
    with TemporaryDirectory(prefix="farm-image-") as folder:
        return statement_of(asked, parts, release_head(catalogue), BlobStore(Path(folder)))


def _refuse_foreign(pin: Import) -> Catalogue:
    raise UnsignableImageError(f"the set holds packages of {pin.distribution}, which this farm does not hand on")
