"""Overrides in an image that is updated: which problems they excuse, and which guarantees they break in the new set.

Pure: opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.core.sets.findings.problem import PathConflict
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.members.set_record import BrokenGuarantees
from farm.core.sets.proof.overriding import blamed, effects

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from farm.client.findings.static_copies import StaticCopy
    from farm.client.image.package_set import ImagePart
    from farm.client.image.trial import Trial
    from farm.core.sets.findings.problem import Problem
    from farm.core.sets.members.member import Member
    from farm.core.sets.members.set_record import PlacedPackage


@dataclass(frozen=True, slots=True)
class ImageOverrides:
    """The overrides of an updated set by the names of its members; `instead_of` are the members that they replace."""

    placed: Mapping[str, PlacedPackage]
    instead_of: Mapping[str, Member | None]

    @classmethod
    def of(
        cls, trial: Trial, held: Mapping[str, ImagePart], new: Mapping[str, ImagePart], names: Collection[str], why: str
    ) -> ImageOverrides:
        """Collect the image's overrides, the added ones and, where `why` accepts problems, the packages in `names`."""
        placed: dict[str, PlacedPackage] = {}
        same = {name for name in new if name in held and new[name].descriptor.digest == held[name].descriptor.digest}
        for name in trial.members:
            part = new[name] if name in new and name not in same else held[name]
            if part.override:
                placed[name] = part.override
            elif name in names and name in new and why and trial.problems:
                placed[name] = replace(part.placed, stands_for=held[name].descriptor.digest, why=why)
        changed = new.keys() & held.keys() - same
        before = {name: held[name].member if name in changed else None for name in placed}
        return cls(placed, before)

    def refused(self, trial: Trial) -> tuple[Problem, ...]:
        """Return the problems that no override causes, and those that prevent any root."""
        if not trial.problems:
            return ()
        whole = PackageSet.of(trial.members.values())
        return tuple(
            problem
            for problem in trial.problems
            if isinstance(problem, PathConflict) or not blamed(problem, whole, self.instead_of)
        )

    def placed_in(
        self, members: Mapping[str, Member], copies: Sequence[StaticCopy], channels: Collection[str]
    ) -> dict[str, PlacedPackage]:
        """Return, by name, the overrides as the record of the new set has them. `copies` are of added packages.

        `channels` are the channels of the set. A build of theirs that was accepted although the proof failed is an
        ordinary package again once the proof finds no problem because of it.
        """
        if not self.placed:
            return {}
        said = effects(members.values(), self.instead_of)
        found = {}
        for name, placed in self.placed.items():
            before = self.instead_of[name]
            replaced = placed.broken.instead_of if placed.broken else ""
            broken = BrokenGuarantees(
                instead_of=replaced or (before.label if before else placed.name.short),
                dependents=said[name].dependents,
                problems=tuple(problem.message for problem in said[name].problems),
                copies=_copies(placed, members, copies),
                made_for=placed.broken.made_for if placed.broken else "",
            )
            is_theirs = placed.channel in channels and broken.instead_of.partition(" ")[0] == name
            ends = is_theirs and not broken.problems
            found[name] = (
                replace(placed, stands_for=None, why="", broken=None) if ends else replace(placed, broken=broken)
            )
        return found


def _copies(placed: PlacedPackage, members: Mapping[str, Member], copies: Sequence[StaticCopy]) -> tuple[str, ...]:
    """Return the members with code of other builds: as recorded for what stays, as found for what was added."""
    kept = placed.broken.copies if placed.broken else ()
    labels = {member.label: name for name, member in members.items()}
    found = {labels[copy.package] for copy in copies if copy.library.startswith(str(placed.name))}
    return tuple(sorted({*(name for name in kept if name in members), *found}))
