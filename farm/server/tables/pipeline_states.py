"""The states of candidates, changes, gates, sets and orders. Decisions compare these values, never texts."""

from __future__ import annotations

from enum import StrEnum


class CandidateOrigin(StrEnum):
    """Why a candidate was opened: by the pipeline, or by a curator's order."""

    COLLECTED = "collected"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    RETRY = "retry"


class CandidateState(StrEnum):
    """The state of a candidate. All but the first are final."""

    OPEN = "open"
    REFUSED = "refused"
    RELEASED = "released"
    SUPERSEDED = "superseded"


class ChangeState(StrEnum):
    """The state of one change of a candidate."""

    WANTED = "wanted"
    ACCEPTED = "accepted"  # it passes
    HELD = "held"  # the search holds it back
    WAITING = "waiting"  # a gate of single packages holds it back


class GateState(StrEnum):
    """The result of a gate."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


class RoundState(StrEnum):
    """The result of a round of a channel's pipeline."""

    IDLE = "idle"  # there is nothing to change
    BUILDING = "building"  # builds are not finished
    WAITING = "waiting"  # for time, or for something that needs no person
    OPEN = "open"  # a candidate is at the gates
    REFUSED = "refused"
    RELEASED = "released"


class RunState(StrEnum):
    """The state of a set of a candidate, or of one of its tests."""

    PENDING = "pending"
    GREEN = "green"
    RED = "red"


class RunPurpose(StrEnum):
    """Why a set was evaluated: to find what passes, to retry what did not, to find what breaks it."""

    SEARCH = "search"
    RETRY = "retry"
    EVIDENCE = "evidence"


class OrderKind(StrEnum):
    """What a curator can order."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    RETRY = "retry"


class OrderEnding(StrEnum):
    """How an order ended."""

    RELEASED = "released"
    REFUSED = "refused"
    NOTHING_TO_DO = "nothing-to-do"
    WITHDRAWN = "withdrawn"
