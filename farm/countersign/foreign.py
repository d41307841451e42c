"""Whether packages are taken of other distributions that the keys of targets have signed, and of no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.countersign.refusal import Faults, RefusedReleaseError
from farm.recipe.distributions import DISTRIBUTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.recipe.distributions import ForeignDistribution
    from farm.trust.imports import Import
    from farm.trust.release_index import Release


class UnknownOriginError(RefusedReleaseError):
    """A release takes packages of a distribution, or of a channel or under a root of it, that nobody has signed."""

    code = "unknown-origin"

    def __init__(self, taken: Import) -> None:
        super().__init__(
            f"{taken} under the root {taken.root} is none that packages may be taken of",
            remedy=f"Name it in {DISTRIBUTIONS}, and have that signed: `farm keys draft targets --policy RECIPES`.",
        )


def check_foreign(release: Release, previous: Release | None, signed: Mapping[str, ForeignDistribution]) -> None:
    """See that what is taken of others anew comes from channels and roots that are `signed`.

    Raises `UnknownOriginError`.
    """
    faults = Faults()
    for taken in release.imports:
        known = signed.get(taken.distribution)
        if previous is not None and taken in previous.imports:
            continue
        if known is None or (known.channel, known.root) != (taken.channel, taken.root):
            for name in taken.names:
                with faults.of(name):
                    raise UnknownOriginError(taken)
    faults.check()
