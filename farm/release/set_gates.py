"""The gates: each looks at a candidate as a whole and says passed, failed or pending, with reasons.

A gate decides from values; which test jobs exist and how they ended is looked up for it in `farm.release.verdicts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from farm.compat import prove
from farm.database.releases import Excuse
from farm.release.ordered_tests import Unrunnable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from farm.compat import PackageSet, Problem
    from farm.names import Digest
    from farm.plan import TestOrder

PENDING, PASSED, FAILED = "pending", "passed", "failed"


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """What a gate says: `state` is pending, passed or failed; `summary` one line for people."""

    state: str
    summary: str
    excuses: tuple[Excuse, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a test went: `passed` is None while it has not been decided. `job` is where its log is."""

    passed: bool | None
    job: int
    message: str = ""


class Verdicts(Protocol):
    """Where the results of tests come from; asking for one that nobody has wished for yet makes the wish."""

    def of(self, order: TestOrder) -> Verdict:
        """Return the verdict of a test, by the digest of its order."""


def proof_gate(candidate: PackageSet, changed: Collection[str]) -> GateOutcome:
    """Prove the set. Each problem is laid at the door of the changed packages in it, or of all when none changed."""
    proof = prove(candidate)
    if proof.holds:
        return GateOutcome(PASSED, f"{_counted(len(candidate), 'package')} proven: no missing symbol, no conflict")
    excuses = tuple(
        Excuse(name, "proof", problem.message)
        for problem in proof.problems
        for name in _blamed(problem, candidate, changed)
    )
    return GateOutcome(FAILED, _counted(len(proof.problems), "problem"), excuses)


def tests_gate(orders: Iterable[tuple[str, TestOrder | Unrunnable]], verdicts: Verdicts) -> GateOutcome:
    """Ask for every test (with the package that it is of); failed once all have ended and one has failed.

    A test whose needs the candidate does not hold has failed.
    """
    total, waiting = 0, 0
    excuses: list[Excuse] = []
    for package, order in orders:
        total += 1
        if isinstance(order, Unrunnable):
            reason = f"test {order.test!r} of {package} cannot be run: {order.reason}"
            excuses.append(Excuse(package, "tests", reason))
            continue
        verdict = verdicts.of(order)
        if verdict.passed is None:
            waiting += 1
        elif not verdict.passed:
            reason = f"test {order.test.name!r} of {package} failed in job {verdict.job}: {verdict.message}"
            excuses.append(Excuse(package, "tests", reason))
    if waiting:
        return GateOutcome(PENDING, f"{total - waiting} of {_counted(total, 'test')} done")
    if excuses:
        return GateOutcome(FAILED, f"{len(excuses)} of {_counted(total, 'test')} failed", tuple(excuses))
    return GateOutcome(PASSED, f"{_counted(total, 'test')} passed")


def changed_names(candidate: Mapping[str, Digest], base: Mapping[str, Digest]) -> set[str]:
    """Return the packages that are new or other than in the base, and those that are gone; descriptor by name."""
    return {name for name in candidate.keys() | base.keys() if candidate.get(name) != base.get(name)}


def dependents_of(changed: Collection[str], needs: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return the changed packages and all that need one of them at run time, however indirectly."""
    users: dict[str, list[str]] = {}
    for name, needed in needs.items():
        for each in needed:
            users.setdefault(each, []).append(name)
    reached = set(changed)
    waiting = list(changed)
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user not in reached:
                reached.add(user)
                waiting.append(user)
    return reached


def _blamed(problem: Problem, candidate: PackageSet, changed: Collection[str]) -> list[str]:
    labels = set(problem.labels)
    involved = [name for name, member in candidate.members.items() if member.label in labels]
    return [name for name in involved if name in changed] or involved


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
