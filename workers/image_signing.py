"""Signs which packages an image of the farm's registry consists of.

The digest comes from the checker, which computes it from what is published and signed. What is signed with the keys of
the channel is a bill of materials of that digest, and nothing else. The application has a socket of its own, which
takes no other request, because the registry's process talks to strangers.
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
    """Return the HTTP application: `POST /images` with an `AskedImage` returns the signed envelope."""
    app = refusing_app("farm signer of images", _LOG, NoCheckerError)

    @app.post("/images")
    async def sign(request: Request) -> Response:
        asked = AskedImage.from_json(await body(request, _LARGEST_QUESTION))
        # One at a time: this application has an event loop of its own, so only the next image waits.
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
        raise UnsignableImageError(f"its bill of materials is invalid: {error}") from error
    envelope = sign_statement(
        statement, *signers.signing(asked.channel, role_of(published.head.targets, asked.channel))
    )
    if len(envelope) > LARGEST_ENVELOPE:
        raise UnsignableImageError(f"its bill of materials comes to an envelope of {len(envelope)} bytes")
    _LOG.info("signed what %s of release %d of %s is", "/".join(asked.packages), asked.number, asked.channel)
    return envelope
