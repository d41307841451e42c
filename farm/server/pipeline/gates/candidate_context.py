"""What the pipeline carries from gate to gate: a candidate with all that is looked at, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.channels.candidates import Candidate, Change
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.tables.evidence import Evidence
    from farm.server.tables.records import Package


@dataclass(frozen=True, slots=True)
class CandidateContext:
    """A candidate with all that its gates look at. Own packages that it puts in are `packages`, by name.

    Those that it takes out are `leaving`.
    """

    candidate: Candidate
    base: ReleaseRecord | None
    changes: Sequence[Change]
    members: Mapping[str, Member | None]
    packages: Mapping[str, Package]
    leaving: Mapping[str, Package]
    trial: TrialSet


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may go into the channel, by name, and what the evaluation found of exactly that set."""

    accepted: Mapping[str, Member | None]
    evidence: Evidence | None
