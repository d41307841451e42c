"""The companions that a package breaks with, as an earlier candidate found: in the base, no search finds them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.server.channels import excuses, releases
from farm.server.tables.evidence import InterfaceEvidence, ProofEvidence, TestEvidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.names.digest import Digest
    from farm.core.sets.members.member import Member
    from farm.server.tables.evidence import Evidence
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class CompanionPackage:
    """A package, as `jq 1.7.1-1`, that the channel holds since release `number`; 0 if that is not recorded."""

    label: str
    number: int


@dataclass(frozen=True, slots=True)
class EarlierEvidence:
    """The evidence in a channel's open excuses. `base` are the members of its newest release, by name.

    `accepted` are the changes of the candidate that pass.
    """

    unit: UnitOfWork
    channel: str
    base: Mapping[str, Member]
    accepted: Mapping[str, Member | None]

    def partners(self, package: str, digest: Digest | None, found: Evidence | None) -> tuple[CompanionPackage, ...]:
        """Return the packages that exactly this package broke with before, if the channel still has all of them.

        Empty unless the package breaks as it did then: a test that is `found` to fail failed then too, or the proof has
        a problem in common.
        """
        for kept in excuses.open_excuses(self.unit.session, self.channel, package):
            excuse = kept.excuse
            if excuse.digest != digest or digest is None:
                continue
            if all(map(self._is_kept, excuse.partners)) and _have_in_common(excuse.evidence, found):
                since = releases.held_since(self.unit.session, self.channel, map(_name, excuse.partners))
                return tuple(CompanionPackage(label, since.get(_name(label), 0)) for label in excuse.partners)
        return ()

    def _is_kept(self, label: str) -> bool:
        member = self.base.get(_name(label))
        return member is not None and member.label == label and member.name not in self.accepted


def _have_in_common(before: Evidence | None, now: Evidence | None) -> bool:
    match before, now:
        case ProofEvidence(), ProofEvidence():
            return not set(before.problems).isdisjoint(now.problems)
        case InterfaceEvidence(), InterfaceEvidence():
            return not set(before.changed).isdisjoint(now.changed)
        case TestEvidence(), TestEvidence():
            return not set(before.regressions).isdisjoint(now.regressions)
    return False


def _name(label: str) -> str:
    return label.partition(" ")[0]
