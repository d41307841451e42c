"""The signed results that a release rests on: one for each test and comparison that its set had to pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.channels import candidates
from farm.server.tables.evidence import TestEvidence
from farm.server.tables.pipeline_states import ChangeState, RunState

if TYPE_CHECKING:
    from farm.core.names.digest import Digest
    from farm.server.channels.candidates import Candidate
    from farm.server.transaction.unit_of_work import UnitOfWork


def attestations_of(unit: UnitOfWork, candidate: Candidate) -> tuple[Digest, ...]:
    """Return the digests of the counted attestations of what a candidate has put in, sorted.

    These are of the tests that passed and of those that failed on the set and on its base alike, from as many testers
    as the channel asks for, and of the comparisons of interfaces. Nothing where the set was not tested (a rollback), or
    where the signed list names no testers and workers signed nothing.
    """
    accepted = {
        change.name: change.after
        for change in candidates.changes_of(unit.session, candidate.id)
        if change.state is ChangeState.ACCEPTED
    }
    digest = candidates.changes_digest(candidate.base_number, accepted)
    for run in candidates.set_runs(unit.session, candidate.id):
        if run.set_digest == digest and run.state is RunState.GREEN and isinstance(run.evidence, TestEvidence):
            return run.evidence.attestations
    return ()
