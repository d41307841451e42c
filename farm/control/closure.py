"""Which packages are there during a build: what the recipe names, and what these need, out of what is built.

Pure. Capabilities that no package here provides are the toolchain's to meet; the proof of a set looks at those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.plan import PlannedDependency

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.package import Descriptor, PackageFacts


@dataclass(frozen=True, slots=True)
class Available:
    """A built package that a build may have, and the capabilities that must be there to build against it."""

    descriptor: Descriptor
    needs: tuple[str, ...]

    @classmethod
    def of(cls, descriptor: Descriptor, facts: PackageFacts) -> Available:
        """Put together what the package requires to run and what its pkg-config modules name, private needs too."""
        modules = {need for module in facts.pkg_config for need in (*module.requires, *module.requires_private)}
        return cls(descriptor, (*descriptor.requires, *(f"pkgconfig:{module}" for module in sorted(modules))))


def build_closure(direct: Iterable[str], available: Mapping[str, Available]) -> tuple[PlannedDependency, ...]:
    """Return the closure of the packages `direct` (short names) within `available`, sorted by name.

    A direct package that is not available is left out: pinning names it. Where several packages provide a capability,
    the first by name counts, so that the answer does not depend on an order.
    """
    providers: dict[str, str] = {}
    for name in sorted(available, reverse=True):
        providers |= dict.fromkeys((f"package:{name}", *available[name].descriptor.provides), name)
    wanted = {name for name in direct if name in available}
    reached, open_ends = set(wanted), sorted(wanted)
    while open_ends:
        for capability in available[open_ends.pop()].needs:
            provider = providers.get(capability)
            if provider is not None and provider not in reached:
                reached.add(provider)
                open_ends.append(provider)
    described = [(available[name].descriptor, name in wanted) for name in sorted(reached)]
    return tuple(PlannedDependency(each.name, each.version, each.tree, direct) for each, direct in described)
