"""What packages need from their host: together, and compared with a kernel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.declared import HostNeeds
from farm.core.names.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel: its release (`6.1.0-18-amd64`) and its options (`CONFIG_FUSE_FS`), as module or built in.

    `complete`: it has no other options; otherwise more of them are unknown.
    """

    release: str
    features: frozenset[str] = frozenset()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Unmet:
    """The needs that a kernel does not meet, in words, and the options that it may or may not have."""

    lacking: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def joint_needs(needs: Iterable[HostNeeds]) -> HostNeeds:
    """Return the highest kernel version and the union of features, capabilities and devices, sorted.

    Raises `InvalidVersionError` for a kernel version that is none.
    """
    needs = list(needs)
    kernels = sorted((need.kernel for need in needs if need.kernel), key=Version)
    return HostNeeds(
        kernel=kernels[-1] if kernels else "",
        features=tuple(sorted({feature for need in needs for feature in need.features})),
        capabilities=tuple(sorted({capability for need in needs for capability in need.capabilities})),
        devices=tuple(sorted({device for need in needs for device in need.devices})),
    )


def unmet_by(kernel: Kernel, needs: HostNeeds) -> Unmet:
    """Return the needs that a kernel does not meet; capabilities do not concern it.

    Raises `InvalidVersionError` for a kernel version that is none.
    """
    lacking = []
    numbers = _NUMBERS.match(kernel.release)
    if needs.kernel and (numbers is None or Version(needs.kernel) > Version(numbers[0])):
        lacking.append(f"Linux {needs.kernel} or newer, and this is {kernel.release}")
    missing = sorted(set(needs.features) - kernel.features)
    if kernel.complete:
        return Unmet((*lacking, *missing))
    return Unmet(tuple(lacking), tuple(missing))
