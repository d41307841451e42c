"""Row 6: the proof of a whole set, and of the same set with one package changed, compared with `dose-debcheck`.

`farm` proves requirements, sonames, symbols with versions, and paths; its peer only that dependencies are present.
Members are in memory, as in a pipeline that has read their facts; the peer reads a file, as it always does.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from farm.core.sets.proof.prover import Prover
from farm.errors import FarmError
from script.benchmarks.measurement import Measurement, interleave, run
from script.benchmarks.synthetic_set import debian_archive, synthetic_packages
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.core.sets.members.member import Member
    from script.benchmarks.ground import Ground

NUMBER = 6
TITLE = "Prove a set of {:,} packages"
SIZES = (100, 10_000, 100_000)
_WHOLE, _CHANGE, _PEER = "farm: the whole set", "farm: one package changed", "dose-debcheck"
_BUDGET, _CHANGE_BUDGET = Measurement("5 s", (5.0,)), Measurement("10 ms", (0.010,))
GOALS = (
    Goal(_WHOLE, _PEER, 1.0, why="every symbol of every file is compared, which the peer knows nothing of"),
    Goal(
        _WHOLE, _BUDGET.name, 1.0, why="each import becomes a pair of symbol and version, and each export one to find"
    ),
    Goal(_CHANGE, _CHANGE_BUDGET.name, 1.0),
)


def measure(ground: Ground, rounds: int) -> Iterator[Table]:
    """Time both proofs and the peer, for each size."""
    for size in SIZES:
        ground.say(f"making {size:,} packages")
        yield _measured(ground, size, rounds)


def _measured(ground: Ground, size: int, rounds: int) -> Table:
    packages = synthetic_packages(size)
    archive = ground.directory / f"Packages-{size}"
    archive.write_text(debian_archive(packages))
    members = [package.member() for package in packages]
    kept = Prover(members)
    _check(kept)
    middle = packages[size // 2]
    measured = interleave(
        {
            _WHOLE: partial(_prove, members),
            _CHANGE: partial(_change, kept, [middle.member(revision) for revision in (2, 3)]),
            _PEER: lambda: run(["dose-debcheck", "--failures", str(archive)]),
        },
        rounds,
    )
    symbols = sum(count for package in packages for _, count in package.needs)
    needs = sorted(len(package.needs) for package in packages)[size // 2]
    return Table(
        f"{NUMBER}. {TITLE.format(size)}",
        _PEER,
        (*measured, _BUDGET, _CHANGE_BUDGET),
        GOALS,
        f"{needs} requirements by the median, {symbols:,} imports of versioned symbols.",
    )


def _prove(members: Sequence[Member]) -> None:
    _check(Prover(members))


def _change(kept: Prover, revisions: list[Member]) -> None:
    """Replace a member by another revision, in turns, so that there is a change each time."""
    revisions.reverse()
    kept.change(add=[revisions[0]])
    _check(kept)


def _check(prover: Prover) -> None:
    if problems := prover.proof.problems:
        raise FarmError(f"the set to measure does not hold: {problems[0].message}")
