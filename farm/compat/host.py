"""What a set of packages together asks of its host: all that any of them asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.names import HostNeeds, Version

if TYPE_CHECKING:
    from collections.abc import Iterable


def joint_needs(needs: Iterable[HostNeeds]) -> HostNeeds:
    """Return the highest kernel version and the union of features and capabilities, sorted.

    Raises `InvalidVersionError` for a kernel version that is none.
    """
    each = list(needs)
    kernels = sorted((need.kernel for need in each if need.kernel), key=Version)
    return HostNeeds(
        kernel=kernels[-1] if kernels else "",
        features=tuple(sorted({feature for need in each for feature in need.features})),
        capabilities=tuple(sorted({capability for need in each for capability in need.capabilities})),
    )
