"""Approvals: a curator's signed word that one package may go into one channel, made with the curator's own key.

That a package may be taken out of a channel is a statement of another type, about the same descriptor: neither can
pass for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.attestation.in_toto import digest_of, make_statement, predicate_type_of, read_time, resource
from farm.trust.attestation.personal import open_personal
from farm.trust.attestation.provenance import describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.package.descriptor import Descriptor

PREDICATE_TYPE = "urn:farm:approval:1"
REMOVAL_TYPE = "urn:farm:removal:1"
_WHOSE_KEY = (
    "Sign with the key that curators.yaml has beside your name; or have yours put there, in the group asked, and that "
    "signed: `farm keys draft targets --policy RECIPES`."
)


class ApprovalError(FarmError):
    """A signed statement is no approval of that curator."""

    code = "approval"

    def __init__(self, why: str, remedy: str = "Sign again with `farm approve`.") -> None:
        super().__init__(f"this is no approval: {why}", remedy=remedy)


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """That `curator` lets the package of this descriptor into `channel`; `label` is what the curator saw it called.

    When it is `removed`, the curator lets that package be taken out. It was given at `at`, which approvals of before
    do not say, and `after` this order by which the same curator had taken an approval of the package back. It is one to
    `distribution`, which those of before do not say either.
    """

    channel: str
    curator: str
    package: Digest
    label: str
    removed: bool = False
    at: datetime | None = None
    after: Digest | None = None
    distribution: str = ""

    def is_to(self, distribution: str) -> bool:
        """Say whether a distribution is meant: the same person may approve for several, which take the same package.

        Where none is said, it is the one whose package it is: no other one has that as its own.
        """
        return (self.distribution or self.label.partition("/")[0]) == distribution


def approval_statement(
    descriptor: Descriptor,
    *,
    channel: str,
    curator: str,
    removed: bool = False,
    at: datetime | None = None,
    after: Digest | None = None,
    distribution: str = "",
) -> dict[str, Any]:
    """Return the in-toto statement by which a curator lets a package into a channel, or lets it be taken out.

    `distribution` is whose channel that is. Without, it counts for packages of the distribution's own alone.

    Once withdrawn, it counts only when it names the last order by which it was (`after`): else it could not be told
    from what was given before, whatever time that says.
    """
    time = {"time": at.astimezone(UTC).isoformat().replace("+00:00", "Z")} if at else {}
    again = {"after": {"sha256": after.hex}} if after else {}
    whose = {"distribution": distribution} if distribution else {}
    return make_statement(
        REMOVAL_TYPE if removed else PREDICATE_TYPE,
        [resource(describe(descriptor), descriptor.digest)],
        {"channel": channel, "curator": curator, **time, **again, **whose},
    )


def read_approval(envelope: bytes, curators: Mapping[str, str]) -> SignedApproval:
    """Return what an envelope says; `curators` are public keys (64 hexadecimal digits) by name.

    The key that signed must be that of the curator whom the statement names: nobody signs for somebody else.
    Raises `ApprovalError`, or `InvalidEnvelopeError` when no key of a curator has signed.
    """
    statement, _, signers = open_personal(envelope, curators, remedy=_WHOSE_KEY)
    kind = predicate_type_of(statement)
    if kind not in (PREDICATE_TYPE, REMOVAL_TYPE):
        raise ApprovalError("the statement has another type")
    try:
        (subject,) = statement["subject"]
        package = digest_of(subject)
        predicate = statement["predicate"]
        label, channel, curator = subject["name"], predicate["channel"], predicate["curator"]
        distribution = predicate.get("distribution", "")
        at = read_time(predicate["time"]) if "time" in predicate else None
        after = Digest.from_hex(predicate["after"]["sha256"]) if "after" in predicate else None
    except (KeyError, TypeError, ValueError, AttributeError, FarmError) as error:
        raise ApprovalError(f"the statement lacks what it is about: {error}") from error
    if not all(isinstance(text, str) for text in (label, channel, curator, distribution)):
        raise ApprovalError("the statement holds something else than names")
    if curator not in signers:
        raise ApprovalError(f"{str(curator)[:100]!r} is not whose key has signed", remedy=_WHOSE_KEY)
    removed = kind == REMOVAL_TYPE
    return SignedApproval(channel, curator, package, label, removed, at, after, distribution)


def is_approval(
    envelope: bytes,
    public: str,
    *,
    channel: str,
    package: Digest,
    curator: str,
    removed: bool = False,
    distribution: str = "",
) -> bool:
    """Say whether an envelope that was kept is still this curator's approval, with the key that the curator has now.

    One that lets the package be `removed` does not let it in, nor the other way round. Where a `distribution` is told,
    it has to be one to that.
    """
    try:
        said = read_approval(envelope, {curator: public})
    except FarmError:
        return False
    if distribution and not said.is_to(distribution):
        return False
    return (said.channel, said.package, said.curator, said.removed) == (channel, package, curator, removed)
