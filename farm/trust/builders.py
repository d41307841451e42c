"""The signed list of builders whose provenance a distribution accepts, and how many of them a channel asks for.

The same document has the signed policy (`farm.trust.signed_policy`): clients read the builders, and the signer all.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.errors import FarmError
from farm.names import Digest
from farm.trust.delegation import identity_of
from farm.trust.keys import key_from_dict, key_to_dict
from farm.trust.signed_policy import SignedPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

from securesystemslib.signer import Key


class InvalidBuildersError(FarmError):
    """The list of allowed builders cannot be read."""

    code = "invalid-builders"


class AllowedBuilders(dict[str, Key]):
    """The builders that a distribution allows, by key id.

    `rebuilds` says for a channel how many builders, each by itself, must have come to the same package; `document` is
    the digest of the signed list, where they were read from one.
    """

    def __init__(self, keys: Iterable[Key], rebuilds: Mapping[str, int], document: Digest | None = None) -> None:
        super().__init__((key.keyid, key) for key in keys)
        self.rebuilds = dict(rebuilds)
        self.document = document

    def needed(self, channel: str) -> int:
        """Return by how many builders a package of this channel must have been built: by one, if nothing is said."""
        return self.rebuilds.get(channel, 1)


def builders_document(
    builders: Sequence[Key], rebuilds: Mapping[str, int] | None = None, policy: SignedPolicy | None = None
) -> bytes:
    """Return the content of the target that names the builders whose provenance clients accept.

    `rebuilds` says for channels how many builders must agree (see `AllowedBuilders`).
    """
    listed = sorted((key_to_dict(key) for key in builders), key=lambda form: str(form["keyid"]))
    document: dict[str, Any] = {"builders": listed}
    if rebuilds:
        document["rebuilds"] = dict(rebuilds)
    if policy:
        document["policy"] = policy.to_dict()
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def read_policy(document: bytes) -> SignedPolicy | None:
    """Read the policy out of the same document; None where none is signed, as in a repository of an earlier farm.

    Raises `InvalidBuildersError`, `InvalidSignedPolicyError`.
    """
    try:
        form = json.loads(document)["policy"] if b'"policy"' in document else None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidBuildersError(f"the list of allowed builders cannot be read: {error}") from error
    return None if form is None else SignedPolicy.from_dict(form)


def read_builders(document: bytes) -> AllowedBuilders:
    """Read the signed list of allowed builders; raises `InvalidBuildersError`."""
    try:
        form = json.loads(document)
        rebuilds = form.get("rebuilds", {})
        for channel, count in rebuilds.items():
            if type(count) is not int or count < 1:
                raise ValueError(f"{count!r:.40} builders are to agree on packages of {channel}")
        keys = [key_from_dict(each) for each in form["builders"]]
        # A key under two ids could agree with itself where builders have to agree.
        if len({identity_of(key) for key in keys}) < len(keys):
            raise ValueError("it names one key twice")
        return AllowedBuilders(keys, rebuilds, Digest.of(document))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidBuildersError(f"the list of allowed builders cannot be read: {error}") from error
