"""The form in which an error passes between processes: from the checker to the signer, and within the checker."""

from __future__ import annotations

import json

from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError, lost_blobs_of
from farm.trust.attestation.check_results import InvalidCheckAnswerError

REFUSED_EXIT = 3
"""The exit status of a process that has written a refusal to its standard output."""


def refusal_form(error: FarmError) -> dict[str, object]:
    """Return the parts of an error as JSON values."""
    form: dict[str, object] = {
        "code": error.code,
        "message": error.message,
        "packages": dict(error.by_package),
        "remedy": error.remedy,
    }
    lost = lost_blobs_of(error)
    return form | ({"blobs": list(lost)} if lost else {})


def read_refusal(content: bytes) -> FarmError:
    """Return the error that `refusal_form` described, with its code; `InvalidCheckAnswerError` for anything else."""
    try:
        form = json.loads(content)
        packages = {str(name): (str(why), str(remedy)) for name, (why, remedy) in form["packages"].items()}
        blobs = tuple(map(Digest, form.get("blobs", ())))
        refusal = FarmError(str(form["message"]), remedy=str(form["remedy"]), code=str(form["code"]))
        refusal.by_package, refusal.lost_blobs = packages, blobs
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, InvalidDigestError) as error:
        return InvalidCheckAnswerError(f"it is not a valid refusal: {error}")
    return refusal
