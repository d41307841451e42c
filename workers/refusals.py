"""How an error for people passes from one process to another: between signer and checker, and within that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.trust.checked import InvalidAnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping

REFUSED_EXIT = 3
"""The exit status of a process that has written a refusal to its standard output."""


class RefusedByCheckerError(FarmError):
    """The checker has looked, and refuses; its code, message, remedy and packages are those of the error there."""

    def __init__(self, code: str, message: str, remedy: str, packages: Mapping[str, tuple[str, str]]) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
        self.by_package = packages


def refusal_form(error: FarmError) -> dict[str, object]:
    """Return the parts of an error as JSON values."""
    return {
        "code": error.code,
        "message": error.message,
        "packages": dict(error.by_package),
        "remedy": error.remedy,
    }


def read_refusal(told: bytes) -> FarmError:
    """Return what `refusal_form` was given; or that it is none."""
    try:
        form = json.loads(told)
        packages = {str(name): (str(why), str(remedy)) for name, (why, remedy) in form["packages"].items()}
        return RefusedByCheckerError(str(form["code"]), str(form["message"]), str(form["remedy"]), packages)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return InvalidAnswerError(f"it is no refusal: {error}")
