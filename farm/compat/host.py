"""What packages ask of their host: together, and beyond what a host offers."""

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


def needs_beyond(needs: HostNeeds, offered: HostNeeds) -> tuple[str, ...]:
    """Return what `needs` asks that a host with exactly `offered` does not have, each in words.

    Raises `InvalidVersionError` for a kernel version that is none.
    """
    beyond: list[str] = []
    if needs.kernel and (not offered.kernel or Version(needs.kernel) > Version(offered.kernel)):
        beyond.append(f"Linux {needs.kernel}")
    beyond += sorted({*needs.features, *needs.capabilities} - {*offered.features, *offered.capabilities})
    return tuple(beyond)
