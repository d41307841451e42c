"""What the signer has found of a release that may be signed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.countersign.orders import Permitted

if TYPE_CHECKING:
    from farm.trust.release_index import ReleaseEntry


@dataclass(frozen=True, slots=True)
class Verified:
    """The packages that are new in a release, and the orders that it uses: for the ledger, once it is signed."""

    new: tuple[ReleaseEntry, ...]
    permitted: Permitted = field(default_factory=Permitted)
