"""Approvals: a curator's signed statement that one package may enter one channel, made with the curator's own key.

The approval of a removal is a statement of another type about the same descriptor: neither passes for the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest
from farm.core.names.utc import utc_text
from farm.errors import FarmError
from farm.trust.attestation.in_toto import check_type, digest_of, make_statement, read_time, reading_statement, resource
from farm.trust.attestation.personal import open_personal
from farm.trust.attestation.provenance import describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from farm.core.package.descriptor import Descriptor

PREDICATE_TYPE = "urn:farm:approval:1"
REMOVAL_TYPE = "urn:farm:removal:1"
_WHOSE_KEY = (
    "Sign with the key that curators.yaml has next to your name; or have yours put there, in the group asked, and that "
    "signed: `farm keys draft targets --policy RECIPES`."
)


class ApprovalError(FarmError):
    """A signed statement is not an approval by that curator."""

    code = "approval"

    def __init__(self, why: str, remedy: str = "Sign again with `farm approve`.") -> None:
        super().__init__(f"this is not a valid approval: {why}", remedy=remedy)


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """`curator` approves the package of this descriptor for `channel`; `label` is the name that the curator saw.

    With `removed`, the curator approves its removal. `at` is when; `after` is the last order by which the same curator
    had withdrawn an approval of the package. Earlier approvals name neither these nor their `distribution`.
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
        """Return whether the approval is for a distribution: the same person may approve one package for several.

        If it names none, it is for the distribution that owns the package.
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
    """Return the in-toto statement by which a curator approves a package for a channel, or its removal.

    `distribution` is that of the channel. Without it, the approval counts for the distribution's own packages alone.

    After a withdrawal an approval counts only when it names the withdrawing order (`after`): its time alone would not
    distinguish it from earlier ones.
    """
    time = {"time": utc_text(at, "auto")} if at else {}
    again = {"after": {"sha256": after.hex}} if after else {}
    whose = {"distribution": distribution} if distribution else {}
    return make_statement(
        REMOVAL_TYPE if removed else PREDICATE_TYPE,
        [resource(describe(descriptor), descriptor.digest)],
        {"channel": channel, "curator": curator, **time, **again, **whose},
    )


def read_approval(envelope: bytes, curators: Mapping[str, str]) -> SignedApproval:
    """Return the approval in an envelope; `curators` are public keys (64 hexadecimal digits) by name.

    The key that signed must be that of the curator named in the statement.
    Raises `ApprovalError`, or `InvalidEnvelopeError` if no key of a curator has signed.
    """
    statement, _, signers = open_personal(envelope, curators, remedy=_WHOSE_KEY)
    kind = check_type(statement, PREDICATE_TYPE, REMOVAL_TYPE, refused=ApprovalError)
    with reading_statement(ApprovalError):
        (subject,) = statement["subject"]
        package = digest_of(subject)
        predicate = statement["predicate"]
        label, channel, curator = subject["name"], predicate["channel"], predicate["curator"]
        distribution = predicate.get("distribution", "")
        at = read_time(predicate["time"]) if "time" in predicate else None
        after = Digest.from_hex(predicate["after"]["sha256"]) if "after" in predicate else None
    if not all(isinstance(text, str) for text in (label, channel, curator, distribution)):
        raise ApprovalError("the statement has something else in place of names")
    if curator not in signers:
        raise ApprovalError(f"{str(curator)[:100]!r} is not the owner of the key that signed", remedy=_WHOSE_KEY)
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
    """Return whether an envelope is this curator's approval, with the curator's present key.

    The approval of a removal does not approve the package, nor the other way round. With `distribution`, it has to be
    for that.
    """
    try:
        said = read_approval(envelope, {curator: public})
    except FarmError:
        return False
    if distribution and not said.is_to(distribution):
        return False
    return (said.channel, said.package, said.curator, said.removed) == (channel, package, curator, removed)
