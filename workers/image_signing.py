"""What the signer says of the images that the farm's registry serves: which packages a digest stands for.

Nobody tells it a digest but the checker, which works it out from what is published and signed; what it signs with the
keys of the channel is a bill of materials of that digest, and never anything else. It listens on a socket of its own,
which takes no other message, because the registry's process speaks with strangers.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fastapi import Request, Response

from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.image_request import AskedImage, UnsignableImageError
from farm.trust.attestation.image_statement import image_statement
from farm.trust.blob_limits import LARGEST_ENVELOPE
from farm.trust.metadata.delegation import role_of
from workers.checker_client import NoCheckerError
from workers.unix_sockets import body, refusing_app

if TYPE_CHECKING:
    from fastapi import FastAPI

    from farm.trust.attestation.check_results import Checker
    from farm.trust.keys.signers import Signers
    from farm.trust.metadata.repository import Repository

_LOG = logging.getLogger("farm.signer")
_JSON = "application/json"
_LARGEST_QUESTION = 16 << 10


def image_signer_app(repository: Repository, signers: Signers, checker: Checker) -> FastAPI:
    """Return the HTTP application: `POST /images` with an `AskedImage` gives the signed envelope."""
    app = refusing_app("farm signer of images", _LOG, NoCheckerError)

    @app.post("/images")
    async def sign(request: Request) -> Response:
        asked = AskedImage.from_json(await body(request, _LARGEST_QUESTION))
        # One at a time. This application has an event loop of its own, so nothing but the next image waits for it.
        return Response(sign_image(repository, signers, checker, asked), media_type=_JSON)

    return app


def sign_image(repository: Repository, signers: Signers, checker: Checker, asked: AskedImage) -> bytes:
    """Return the signed statement about an image of what is published.

    Raises `UnsignableImageError`, `RepositoryStateError`, and what the checker refuses with.
    """
    published = repository.current(asked.channel)
    if published.release is None:
        raise UnsignableImageError(f"nothing is published on {asked.channel}")
    made = checker.make_image(asked)
    made.check_about(asked)
    if len(made.sbom) > LARGEST_ENVELOPE:
        raise UnsignableImageError(f"its bill of materials has {len(made.sbom)} bytes")
    name = "/".join((published.release.distribution, asked.channel, *asked.packages))
    try:
        statement = image_statement(made.image, name, made.sbom)
    except (ValueError, RecursionError) as error:
        raise UnsignableImageError(f"its bill of materials is none: {error}") from error
    envelope = sign_statement(
        statement, *signers.signing(asked.channel, role_of(published.head.targets, asked.channel))
    )
    if len(envelope) > LARGEST_ENVELOPE:
        raise UnsignableImageError(f"its bill of materials comes to an envelope of {len(envelope)} bytes")
    _LOG.info("signed what %s of release %d of %s is", "/".join(asked.packages), asked.number, asked.channel)
    return envelope
