"""The JSON of the decisions of curators, as pydantic models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from farm.api.wire import Digest, Number, Omitted, Wire
from farm.core.advisories.reviews import LARGEST_SOURCE

Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Why = Annotated[str, StringConstraints(max_length=2000)]
MOST_PACKAGES = 1000
MOST_ENVELOPES = 1000


class SignedRequest(Wire):
    """A request of a curator; `envelope` is a DSSE envelope (JSON) with the order, signed with their own key."""

    envelope: Annotated[dict[str, Any] | None, Omitted] = None


class FreezeRequest(SignedRequest):
    """Freeze a channel, until a time or until it is thawed; with `replace` also in place of a freeze."""

    why: Why
    until: datetime | None = None
    replace: bool = False


class HoldRequest(SignedRequest):
    """Hold a package at its present build, until a time or until the hold is lifted."""

    package: Name
    why: Why
    until: datetime | None = None


class ReportRequest(Wire):
    """Report a problem of a package."""

    package: Name
    why: Why


class ClosingRequest(SignedRequest):
    """Close a report that only the signer has, by the descriptor of its package."""

    descriptor: Digest


class SignedDocument(SignedRequest):
    """An advisory in the OSV format, or an OpenVEX document, with the signed order of a curator."""

    document: dict[str, Any]


class ReviewRequest(SignedRequest):
    """State that packages were reviewed for vulnerabilities listed by a source: now, or at an earlier time.

    A signed statement needs the time.
    """

    packages: tuple[Name, ...] = Field(min_length=1, max_length=MOST_PACKAGES)
    source: Annotated[str, StringConstraints(max_length=LARGEST_SOURCE)]
    at: AwareDatetime | None = None


class ApprovalsRequest(Wire):
    """DSSE envelopes (JSON) with approvals, each signed by a curator; all are accepted or none."""

    envelopes: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_ENVELOPES)


class WithdrawalRequest(SignedRequest):
    """Withdraw the approvals of these packages by `curator`; all of them or none."""

    curator: Name
    packages: tuple[Name, ...] = Field(min_length=1, max_length=MOST_PACKAGES)
    why: Why = ""


class UnknownWithdrawalRequest(SignedRequest):
    """Withdraw approvals of the signer of `envelope`, also approvals that the farm does not know.

    `packages` are descriptors, by the names in the envelope.
    """

    packages: dict[str, Digest] = Field(min_length=1, max_length=MOST_PACKAGES)
    why: Why = ""


class UnknownOrderRequest(SignedRequest):
    """Withdraw an order by its digest, also an order that the farm does not know."""

    order: Digest
    why: Why


class OrderWithdrawalRequest(SignedRequest):
    """Withdraw an order that is not done, or that no release has used."""

    why: Why


class PromoteRequest(SignedRequest):
    """Order the newest release of another channel, or some packages of it, through the gates."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["promote"] = "promote"
    origin: Name = Field(alias="from")
    packages: tuple[Name, ...] = Field(default=(), max_length=MOST_PACKAGES)
    why: Why = ""


class RollbackRequest(SignedRequest):
    """Order a new release with the packages of an older one."""

    kind: Literal["rollback"] = "rollback"
    number: Number
    why: Why


class RetryRequest(SignedRequest):
    """Order another try of what is held back, or of some packages of it."""

    kind: Literal["retry"] = "retry"
    packages: tuple[Name, ...] = Field(default=(), max_length=MOST_PACKAGES)
    why: Why = ""


OrderRequest = Annotated[PromoteRequest | RollbackRequest | RetryRequest, Field(discriminator="kind")]
