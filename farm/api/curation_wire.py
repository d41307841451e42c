"""The JSON by which curators decide about channels, as pydantic models."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  (pydantic reads the annotations at run time)
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from farm.api.wire import Digest, Number, Omitted, Wire
from farm.core.advisories.reviews import LARGEST_SOURCE

Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Why = Annotated[str, StringConstraints(max_length=2000)]
MOST_PACKAGES = 1000
MOST_ENVELOPES = 1000


class SignedRequest(Wire):
    """What a curator asks for, with the order as a DSSE envelope (JSON) that is signed with the curator's own key."""

    envelope: Annotated[dict[str, Any] | None, Omitted] = None


class FreezeRequest(SignedRequest):
    """A curator lets a channel publish nothing, until a time or until it is thawed; also in place of a freeze."""

    why: Why
    until: datetime | None = None
    replace: bool = False


class HoldRequest(SignedRequest):
    """A curator keeps a package where it is, until a time or until the hold is lifted."""

    package: Name
    why: Why
    until: datetime | None = None


class ReportRequest(Wire):
    """Somebody reports trouble with a package."""

    package: Name
    why: Why


class ClosingRequest(SignedRequest):
    """A curator closes a report that only the signer has: of a package by its descriptor."""

    descriptor: Digest


class SignedDocument(SignedRequest):
    """An advisory in OSV's form, or an OpenVEX document, with the order by which a curator says what is in it."""

    document: dict[str, Any]


class ReviewRequest(SignedRequest):
    """A curator states that packages were looked at for vulnerabilities in a source: now, or at a time before.

    Who signs that names the time.
    """

    packages: tuple[Name, ...] = Field(min_length=1, max_length=MOST_PACKAGES)
    source: Annotated[str, StringConstraints(max_length=LARGEST_SOURCE)]
    at: AwareDatetime | None = None


class ApprovalsRequest(Wire):
    """DSSE envelopes (JSON) with approvals, each signed by a curator; all are taken or none."""

    envelopes: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_ENVELOPES)


class WithdrawalRequest(SignedRequest):
    """The approvals that `curator` has given these packages are to count no more; all are taken back or none."""

    curator: Name
    packages: tuple[Name, ...] = Field(min_length=1, max_length=MOST_PACKAGES)
    why: Why = ""


class UnknownWithdrawalRequest(SignedRequest):
    """Approvals of who signs `envelope` are to count no more, also such that the farm does not know.

    `packages` are descriptors, by names as the envelope has them.
    """

    packages: dict[str, Digest] = Field(min_length=1, max_length=MOST_PACKAGES)
    why: Why = ""


class UnknownOrderRequest(SignedRequest):
    """An order is to let nothing through any more, also one that the farm does not know: `order` is its digest."""

    order: Digest
    why: Why


class OrderWithdrawalRequest(SignedRequest):
    """A curator takes back an order that is not done, or that no release has used."""

    why: Why


class PromoteRequest(SignedRequest):
    """A curator wants what the newest release of another channel holds, or some packages of it."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["promote"] = "promote"
    origin: Name = Field(alias="from")
    packages: tuple[Name, ...] = Field(default=(), max_length=MOST_PACKAGES)
    why: Why = ""


class RollbackRequest(SignedRequest):
    """A curator wants a new release with the packages of an older one."""

    kind: Literal["rollback"] = "rollback"
    number: Number
    why: Why


class RetryRequest(SignedRequest):
    """A curator wants what is held back, or some packages of it, looked at again."""

    kind: Literal["retry"] = "retry"
    packages: tuple[Name, ...] = Field(default=(), max_length=MOST_PACKAGES)
    why: Why = ""


OrderRequest = Annotated[PromoteRequest | RollbackRequest | RetryRequest, Field(discriminator="kind")]
