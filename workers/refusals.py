"""How an error for people passes from one process to another: between signer and checker, and within that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest, InvalidDigestError
from farm.errors import FarmError, lost_blobs_of
from farm.trust.attestation.check_results import InvalidAnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping

REFUSED_EXIT = 3
"""The exit status of a process that has written a refusal to its standard output."""


class RefusedByCheckerError(FarmError):
    """The checker has looked, and refuses; code, message, remedy, packages and blobs are those of the error there."""

    def __init__(
        self,
        code: str,
        message: str,
        remedy: str,
        packages: Mapping[str, tuple[str, str]],
        blobs: tuple[Digest, ...],
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
        self.by_package = packages
        self.lost_blobs = blobs


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


def read_refusal(told: bytes) -> FarmError:
    """Return what `refusal_form` was given; or that it is none."""
    try:
        form = json.loads(told)
        packages = {str(name): (str(why), str(remedy)) for name, (why, remedy) in form["packages"].items()}
        blobs = tuple(map(Digest, form.get("blobs", ())))
        return RefusedByCheckerError(str(form["code"]), str(form["message"]), str(form["remedy"]), packages, blobs)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, InvalidDigestError) as error:
        return InvalidAnswerError(f"it is no refusal: {error}")
