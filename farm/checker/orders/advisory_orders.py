"""What is said of vulnerabilities, held against what people have signed: by the orders in the signer's ledger.

What was published once needs nobody's order any more. What is new does: one that is good now, by somebody who counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.checker.orders.orders import is_by_somebody
from farm.errors import FarmError
from farm.trust.attestation.curator_order import Act
from farm.trust.metadata.signed_policy import policy_in_force, who_may_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.signing.state import LedgerState
    from farm.trust.attestation.advisory_statement import Word
    from farm.trust.metadata.repository import Repository

_MOST_TOLD = 3


class UnsignedWordError(FarmError):
    """Something new is said of vulnerabilities, and nobody whose orders count has signed it."""

    code = "unsigned-word"

    def __init__(self, words: Iterable[Word]) -> None:
        told = sorted(word.told for word in words)
        more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
        super().__init__(
            f"nobody whose orders count has signed {', '.join(told[:_MOST_TOLD])}{more}, or not lately",
            remedy="Give it to the farm again (`farm advisory add`, `vex` or `reviewed`), signed with the key of "
            "`farm keys me`, by one of the signed curators or operators.",
        )


class SignedWords:
    """The words that may be published, by their digests."""

    def __init__(self, digests: Collection[Digest]) -> None:
        self._digests = digests

    @classmethod
    def of(cls, repository: Repository, state: LedgerState, distribution: str, now: datetime) -> SignedWords | None:
        """Return what is signed to be said by a distribution; None where no policy is signed, so that nothing need be.

        Raises `RepositoryStateError`, `InvalidSignedPolicyError`.
        """
        policy = policy_in_force(repository)
        if policy is None:
            return None
        people = who_may_order(repository.builders(), policy)
        orders = [
            permit.order
            for permit in state.permits.values()
            if permit.order.act is Act.ADVISE
            and permit.order.distribution == distribution
            and now < permit.order.expires
            and state.withdrawal(permit.order) is None
            and is_by_somebody(permit, people)
        ]
        return cls({digest for order in orders for digest in order.packages.values() if digest is not None})

    def check(self, words: Iterable[Word]) -> None:
        """Raise `UnsignedWordError` unless each of these is signed."""
        if unsigned := [word for word in words if word.digest not in self._digests]:
            raise UnsignedWordError(unsigned)
