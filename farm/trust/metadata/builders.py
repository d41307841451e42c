"""The signed list of allowed builders, testers, operators and preview keys, and how many a channel requires.

Clients need only the builders. The testers in the same document, and the signed policy
(`farm.trust.metadata.signed_policy`), are for the farm, its signer and its checker; earlier clients do not read them.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.keys.key_files import key_from_dict, key_to_dict
from farm.trust.metadata.delegation import identity_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from farm.core.names.form import Form

from securesystemslib.signer import Key

_OPERATOR_KEY = re.compile(r"[0-9a-f]{64}")


class InvalidBuildersError(FarmError):
    """The list of allowed builders cannot be read."""

    code = "invalid-builders"


class AllowedBuilders(dict[str, Key]):
    """The builders that a distribution allows, by key id.

    `rebuilds` has, by channel, how many builders must have built the same package; `document` is the digest of the
    signed list, if they were read from one. `testers` are those whose signed results of tests and comparisons count, by
    key id, and `tests` has, by channel, how many of them must agree. `testers` is None in a list from before there were
    any, whereas an empty one means that no results count. `operators` run the farm, and may give the orders of
    curators: public keys (64 hexadecimal digits) by name. `previews` are the keys that sign statements about previews,
    and nothing else, by key id.
    """

    def __init__(
        self,
        keys: Iterable[Key],
        rebuilds: Mapping[str, int],
        document: Digest | None = None,
        *,
        testers: Iterable[Key] | None = None,
        tests: Mapping[str, int] | None = None,
        operators: Mapping[str, str] | None = None,
        previews: Iterable[Key] = (),
    ) -> None:
        super().__init__((key.keyid, key) for key in keys)
        self.rebuilds = dict(rebuilds)
        self.document = document
        self.testers = None if testers is None else {key.keyid: key for key in testers}
        self.tests = dict(tests or {})
        self.operators = dict(operators or {})
        self.previews = {key.keyid: key for key in previews}

    def needed(self, channel: str) -> int:
        """Return how many builders must have built a package of this channel: one by default."""
        return self.rebuilds.get(channel, 1)

    def testers_needed(self, channel: str) -> int:
        """Return how many testers must agree on each test of this channel: one by default."""
        return self.tests.get(channel, 1)


def builders_document(
    builders: Sequence[Key],
    rebuilds: Mapping[str, int] | None = None,
    *,
    testers: Sequence[Key] | None = None,
    tests: Mapping[str, int] | None = None,
    policy: Form | None = None,
    operators: Mapping[str, str] | None = None,
    previews: Sequence[Key] = (),
) -> bytes:
    """Return the content of the target that names the builders whose provenance clients accept.

    See `AllowedBuilders` for the arguments.
    """
    members: dict[str, Any] = {
        "builders": _forms(builders),
        "rebuilds": dict(rebuilds or {}),
        "testers": None if testers is None else _forms(testers),
        "tests": dict(tests or {}),
        "operators": dict(operators or {}),
        "previews": _forms(previews) or None,
        "policy": policy.to_dict() if policy else None,
    }
    # An empty list of testers stays: it is not the same as none.
    document = {name: value for name, value in members.items() if value not in (None, {})}
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def read_builders(document: bytes) -> AllowedBuilders:
    """Read the signed list of allowed builders; raises `InvalidBuildersError`."""
    try:
        form = json.loads(document)
        return AllowedBuilders(
            _keys(form["builders"]),
            _counts(form.get("rebuilds", {}), "builders", "packages"),
            Digest.of(document),
            testers=_keys(form["testers"]) if "testers" in form else None,
            tests=_counts(form.get("tests", {}), "testers", "tests"),
            operators=_operators(form.get("operators", {})),
            previews=_keys(form.get("previews", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidBuildersError(f"the list of allowed builders cannot be read: {error}") from error


def _forms(keys: Iterable[Key]) -> list[dict[str, Any]]:
    return sorted((key_to_dict(key) for key in keys), key=lambda form: str(form["keyid"]))


def _keys(forms: Iterable[Any]) -> list[Key]:
    keys = [key_from_dict(form) for form in forms]
    # A key under two ids could agree with itself where several have to agree.
    if len({identity_of(key) for key in keys}) < len(keys):
        raise ValueError("it names one key twice")
    return keys


def _operators(form: Mapping[str, str]) -> Mapping[str, str]:
    if len(set(form.values())) < len(form):
        raise ValueError("two operators have one key")
    for name, key in form.items():
        if not name or not isinstance(key, str) or not _OPERATOR_KEY.fullmatch(key):
            raise ValueError(f"the operator {name!r:.40} has {key!r:.40} for a key, not 64 hexadecimal digits")
    return form


def _counts(form: Mapping[str, int], who: str, what: str) -> Mapping[str, int]:
    for channel, count in form.items():
        if type(count) is not int or count < 1:
            raise ValueError(f"{count!r:.40} {who} are to agree on {what} of {channel}")
    return form
