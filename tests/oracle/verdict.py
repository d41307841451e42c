"""Proof and linker compared: what the proof passed and the linker refused, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.sets.findings.link_problem import MissingSymbol, MissingVersion
from farm.core.sets.findings.need_problem import (
    ConflictingModule,
    MissingDistribution,
    MissingForExtra,
    MissingLinkerFile,
    MissingLinkerLibrary,
    MissingModule,
    OtherPython,
)
from farm.core.sets.findings.problem import DanglingLinks, UnmetRequirement
from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.prover import prove
from tests.oracle.elf_editor import UNDEFINED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.core.sets.findings.problem import Problem
    from tests.oracle.linker import Answer, Fault
    from tests.oracle.mutation import Mutation
    from tests.oracle.parts import Part

_BEYOND = (
    ConflictingModule,
    DanglingLinks,
    MissingDistribution,
    MissingForExtra,
    MissingLinkerFile,
    MissingLinkerLibrary,
    MissingModule,
    OtherPython,
)
"""Problems that a linker cannot know: whether a set has one is judged by other tests."""


@dataclass(frozen=True)
class Verdict:
    """Both verdicts on one mutated set.

    `missed` are faults that no problem reports, `unfounded` problems without a fault.
    """

    mutation: Mutation
    answer: Answer
    problems: tuple[Problem, ...]
    missed: tuple[Fault, ...]
    unfounded: tuple[Problem, ...]

    @property
    def rejected(self) -> bool:
        """Whether the linker found a fault."""
        return bool(self.answer.faults)

    @property
    def refused(self) -> bool:
        """Whether the proof found a problem."""
        return bool(self.problems)

    @property
    def kind(self) -> str:
        """What was done, and to what: the name by which the tables know it."""
        return f"{self.mutation.group}: {self.mutation.kind}"

    def __str__(self) -> str:
        lines = [f"{self.kind}, in the set of {self.mutation.base.name}: {self.mutation.what}"]
        lines += [f"  missed: {fault}" for fault in self.missed[:3]]
        lines += [f"  unfounded: {problem.message}" for problem in self.unfounded[:3]]
        return "\n".join(lines)


def judge(mutation: Mutation, parts: Sequence[Part], answer: Answer) -> Verdict:
    """Prove a mutated set, and compare the proof with the linker's report."""
    proof = prove(PackageSet.of(part.member for part in parts))
    problems = tuple(problem for problem in proof.problems if not isinstance(problem, _BEYOND))
    own = frozenset(_own(answer, parts))
    by_fault = {
        fault: [problem for problem in problems if _tells(problem, fault, answer, own)] for fault in answer.faults
    }
    founded = [problem for found in by_fault.values() for problem in found]
    # A file that is reported to lack a library may lack others too, which the file that loads it provides.
    lacking = {(fault.package, fault.file) for fault, found in by_fault.items() if found and fault.kind == "library"}
    unreported = [fault for fault, found in by_fault.items() if not found]
    return Verdict(
        mutation,
        answer,
        problems,
        tuple(
            sorted(
                fault for fault in unreported if fault.kind != "library" or (fault.package, fault.file) not in lacking
            )
        ),
        tuple(problem for problem in problems if problem not in founded),
    )


def _own(answer: Answer, parts: Sequence[Part]) -> Iterator[Fault]:
    """Yield the faults of a file that cannot find its own symbol: the proof reports them at other files."""
    by_name = {part.name: part for part in parts}
    for fault in answer.faults:
        if fault.kind == "symbol":
            file = by_name[fault.package].elf_file(fault.file)
            has = [symbol for symbol in file.symbols if symbol.name == fault.name and symbol.section != UNDEFINED]
            if any(symbol.index not in file.copied for symbol in has):
                yield fault


def _tells(problem: Problem, fault: Fault, answer: Answer, own: frozenset[Fault]) -> bool:
    of_file = (problem.packages[0], getattr(problem, "file", "")) == (fault.package, fault.file)
    if fault.kind == "start":
        # The loader itself looks up some symbols in the C library that no file imports.
        return fault.package in problem.packages
    if isinstance(problem, MissingSymbol):
        if fault.kind == "symbol":
            return problem.symbol == fault.name and (of_file or fault in own)
        return of_file and (fault.kind, fault.name) == ("version", problem.version)
    if isinstance(problem, MissingVersion):
        return of_file and (fault.kind, fault.name) == ("version", problem.version)
    if isinstance(problem, UnmetRequirement) and fault.kind in {"library", "interpreter"}:
        # Reported once for a package; and the lacking file may be one that a file loads.
        behind = {package for package, _ in answer.loaded.get((fault.package, fault.file), ())}
        needed = problem.requirement.partition(":")[2]
        return needed == fault.name and problem.packages[0] in {fault.package, *behind}
    return False
