"""What candidates, their changes, gates, sets and orders can be. Plain values: decisions compare these, never words."""

from __future__ import annotations

from enum import StrEnum


class CandidateOrigin(StrEnum):
    """Why a candidate was opened: found by itself, or ordered by a curator."""

    COLLECTED = "collected"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"
    RETRY = "retry"


class CandidateState(StrEnum):
    """Where a candidate stands. All but the first are ends."""

    OPEN = "open"
    REFUSED = "refused"
    RELEASED = "released"
    SUPERSEDED = "superseded"


class ChangeState(StrEnum):
    """Where one change of a candidate stands."""

    WANTED = "wanted"
    ACCEPTED = "accepted"  # it passes
    HELD = "held"  # the search holds it back
    WAITING = "waiting"  # a gate of single packages holds it back


class GateState(StrEnum):
    """What a gate says of a candidate."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


class StepState(StrEnum):
    """What a step of a channel's pipeline came to."""

    IDLE = "idle"  # there is nothing to change
    BUILDING = "building"  # builds are not finished
    WAITING = "waiting"  # for the clock, or for something that comes by itself
    OPEN = "open"  # a candidate is at the gates
    REFUSED = "refused"
    RELEASED = "released"


class RunState(StrEnum):
    """How a set of a candidate stands, or one test of it."""

    PENDING = "pending"
    GREEN = "green"
    RED = "red"


class RunPurpose(StrEnum):
    """Why a set was looked at: to find what passes, to try again what did not, to find what breaks it."""

    SEARCH = "search"
    RETRY = "retry"
    EVIDENCE = "evidence"


class OrderKind(StrEnum):
    """What a curator can order."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"
    RETRY = "retry"


class OrderEnding(StrEnum):
    """What came of an order."""

    RELEASED = "released"
    REFUSED = "refused"
    NOTHING_TO_DO = "nothing-to-do"
    WITHDRAWN = "withdrawn"
