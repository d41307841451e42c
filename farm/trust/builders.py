"""The signed list of builders whose provenance a distribution accepts: written by the owner, read by everybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.trust.keys import key_from_dict, key_to_dict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from securesystemslib.signer import Key


class InvalidBuildersError(FarmError):
    """The list of allowed builders cannot be read."""

    code = "invalid-builders"


def builders_document(builders: Sequence[Key]) -> bytes:
    """Return the content of the target that names the builders whose provenance clients accept."""
    listed = sorted((key_to_dict(key) for key in builders), key=lambda form: str(form["keyid"]))
    return (json.dumps({"builders": listed}, indent=1, sort_keys=True) + "\n").encode()


def read_builders(document: bytes) -> dict[str, Key]:
    """Read the signed list of allowed builders into keys by key id; raises `InvalidBuildersError`."""
    try:
        keys = [key_from_dict(form) for form in json.loads(document)["builders"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidBuildersError(f"the list of allowed builders cannot be read: {error}") from error
    return {key.keyid: key for key in keys}
