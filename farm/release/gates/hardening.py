"""The gate `hardening`: programs and libraries have what modern distributions build in, or a waiver says why not.

What cannot be seen in a package is not judged, and holds nothing back.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from farm.control.hardening import hardening_of
from farm.database.foreign import ForeignPackage
from farm.recipe.gate_kind import GateKind
from farm.release.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.control.desk import Desk
    from farm.package import HardeningFinding
    from farm.release.standing import Arrival

_MOST = 5


class Hardening:
    """Every ELF file has each property that can be judged, unless the recipe waives it.

    Packages of other distributions are theirs to judge: their recipes, and what these waive, are not known here.
    """

    kind = GateKind.HARDENING

    def standings(self, desk: Desk, channel: str, arrivals: Sequence[Arrival]) -> Mapping[str, Standing]:  # noqa: ARG002
        """Return the standing of those with a file that lacks something."""
        found = {}
        for package in arrivals:
            if isinstance(package, ForeignPackage):
                continue
            lacking = [each for each in hardening_of(desk, package) if each.lacking and not each.waived]
            if lacking:
                found[package.name] = _standing(lacking)
        return found


def _standing(lacking: Sequence[HardeningFinding]) -> Standing:
    by_file = [(path, [each.property for each in group]) for path, group in groupby(lacking, lambda each: each.path)]
    told = [f"{path} lacks {_listed(properties)}" for path, properties in by_file[:_MOST]]
    more = len(by_file) - _MOST
    if more > 0:
        told.append(f"{more} more file{'s lack' if more > 1 else ' lacks'} something")
    return Standing(
        "failed",
        "; ".join(told),
        "Let the build take $CFLAGS, $CXXFLAGS and $LDFLAGS, or waive the property with a reason, under hardening in "
        "the recipe.",
    )


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
