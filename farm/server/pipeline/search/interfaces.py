"""Whether the members of a set get libraries with the interfaces that they were built against.

Equal symbols do not make equal interfaces, so a worker compares each library, once for two builds of it. What cannot be
compared, a library or some of its symbols, is counted and named, and never taken for a yes.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.core.plan.abi import AbiOrder, AbiOutcome, AbiSide, AbiVerdict
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.findings.problem import listed
from farm.core.sets.proof.abi import LibraryPair, LinkedFiles, Shortage, pair_libraries
from farm.core.sets.proof.interfaces import (
    ANSWERS,
    COMPARISON_LIMITS,
    TOOLCHAIN,
    Answer,
    compare_interfaces,
    compared_side,
    has_installed_headers,
)
from farm.server.jobs import comparisons, jobs
from farm.server.jobs.comparisons import Comparison
from farm.server.jobs.job_actions import request_comparison
from farm.server.pipeline.search.build_roots import BuildRoots
from farm.server.pipeline.search.ordered_tests import NotKnownYetError, archive_of
from farm.server.pipeline.search.testers import agree, attestations_of
from farm.server.previews.build_scope import BuildScope
from farm.server.tables.evidence import ChangedInterface, InterfaceCount
from farm.server.tables.states import JobState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from farm.core.names.digest import Digest
    from farm.core.plan.job import DependencyArchive
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.abi import LibraryFile, Load, Unpaired
    from farm.core.sets.proof.interfaces import ComparedSide
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.pipeline.search.testers import JobResults, TesterResult
    from farm.server.tables.records import Job
    from farm.server.transaction.unit_of_work import UnitOfWork

_MISSING = f"this farm has no toolchain {TOOLCHAIN}: add its file and lock to toolchains/, and start the farm again"
_SHOWN_LINES = 9
_SHOWN_SYMBOLS = 5
_SHORTAGES = {
    Shortage.IMPORTED_LIBRARY: "it is of another distribution, whose builds are not known here",
    Shortage.IMPORTED_DEPENDENT: "{users} {are} of another distribution, whose builds are not known here",
    Shortage.GONE: "the build that {users} {were} built against is no longer on this farm",
    Shortage.NOT_IN_BUILD: "no package that {users} {were} built with had such a library; perhaps the toolchain did",
}


@dataclass(slots=True)
class Findings:
    """The findings about the interfaces of a set. `waiting` comparisons are not done; `trouble` is what delays them.

    `attestations` are the signed results that support the findings.
    """

    compared: int = 0
    waiting: int = 0
    trouble: str = ""
    changed: list[ChangedInterface] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)
    attestations: set[Digest] = field(default_factory=set)

    @property
    def summary(self) -> str:
        """The progress of the comparisons, in words."""
        done = f"{self.compared} of {self.compared + self.waiting} interfaces compared"
        return f"{done}; {self.trouble}" if self.trouble else done

    def count(self) -> InterfaceCount:
        """Return the counts that are shown for a set that passes."""
        return InterfaceCount(self.compared, tuple(self.not_judged))


@dataclass(frozen=True, slots=True)
class _Unjudged:
    reason: str


class Interfaces:
    """Checks the interfaces of sets, within one transaction that may request comparisons. `trial` holds the set.

    Only the `results` that count are used, and only once as many testers agree as the channel requires. Comparisons are
    requested for a `preview`, if its number is given.
    """

    def __init__(
        self,
        unit: UnitOfWork,
        trial: TrialSet,
        cache: MemberCache,
        results: JobResults,
        *,
        trace: str,
        preview: int = 0,
    ) -> None:
        self._unit = unit
        self._scope = BuildScope(unit, preview)
        self._results = results
        self._trial = trial
        self._cache = cache
        self._trace = trace
        self._files = LinkedFiles()
        self._roots = BuildRoots(self._scope, cache, self._files)
        self._answers: dict[LibraryPair, Comparison | _Unjudged | str] = {}
        self._lacking: dict[LibraryPair, str] = {}
        self._attested: dict[LibraryPair, tuple[Digest, ...]] = {}

    def compare(self, changes: Mapping[str, Member | None]) -> Findings:
        """Return the findings about the placed set that concern these changes.

        An interface that was already different in the base is not the fault of the changes, and left out.
        """
        compared = compare_interfaces(self._trial, changes, self._files, self._roots.of, self._ask)
        found = Findings(not_judged=list(self._unpaired(compared.pairing.unpaired)))
        for pair in (*compared.pairing.pairs, *compared.before):
            found.attestations.update(self._attested.get(pair, ()))
        for pair in compared.pairing.pairs:
            self._count(found, pair)
        found.waiting += sum(map(len, compared.undecided.values()))
        for pair, dependents in compared.broken.items():
            answer = self._answers[pair]
            assert isinstance(answer, Comparison)  # noqa: S101  (it has another interface)
            found.changed.append(self._changed(pair, dependents, answer))
        return found

    def _count(self, found: Findings, pair: LibraryPair) -> None:
        """Count a comparison by its progress, and add what it leaves open."""
        answer, library = self._answers[pair], self._library(pair)
        if isinstance(answer, _Unjudged):
            found.not_judged.append(f"{library}: {answer.reason}")
        elif isinstance(answer, str) or answer.outcome is None:
            found.waiting += 1
            found.trouble = answer if isinstance(answer, str) and answer else found.trouble
        elif answer.outcome.verdict is AbiVerdict.UNREADABLE:
            found.not_judged.append(f"{library}: {answer.outcome.reason}")
        else:
            found.compared += 1
            found.not_judged += (f"{library}: {gap}" for gap in self._gaps(pair, answer.outcome))

    def _ask(self, pairs: Collection[LibraryPair]) -> dict[LibraryPair, Answer]:
        self._look_up(pairs)
        return {pair: _answer(self._answers[pair]) for pair in pairs}

    def needs(self, changes: Mapping[str, Member | None]) -> dict[str, tuple[str, ...]]:
        """Return which changes need which others because of an interface, in both directions, all by name.

        A dependent that was built against the new library needs it, if the base's library has another interface; the
        library needs the new dependent, if the base's dependent does not fit the new library. Raises `NotKnownYetError`
        while a comparison is under way.
        """
        wanted = self._crossings(changes)
        self._look_up(wanted)
        found: defaultdict[str, set[str]] = defaultdict(set)
        if waiting := sum(_answer(self._answers[pair]) is Answer.UNKNOWN for pair in wanted):
            raise NotKnownYetError(f"{waiting} of {len(wanted)} interfaces are being compared", GateKind.ABI)
        for pair, needs in wanted.items():
            if _answer(self._answers[pair]) is Answer.OTHER:
                for name, needed in needs:
                    found[name].add(needed)
        return {name: tuple(sorted(needed)) for name, needed in found.items()}

    def _crossings(self, changes: Mapping[str, Member | None]) -> dict[LibraryPair, set[tuple[str, str]]]:
        """Return the pairs to compare: each changed dependent or library with its counterpart in the base.

        With each pair are the change that would need, and the change that would be needed.
        """
        base = self._trial.base
        coming = {name: member for name, member in changes.items() if member is not None and not member.imported}
        found: dict[LibraryPair, set[tuple[str, str]]] = {}
        new_loads: list[tuple[Load, str]] = []
        with self._placed(changes):
            for name, member in coming.items():
                for load in self._files.loads(member):
                    providers = {library.owner for library in load.found(self._trial)} & coming.keys()
                    new_loads += ((load, provider) for provider in sorted(providers))
                for load in self._files.loads(base[name]) if name in base else ():
                    for pair in pair_libraries([load], self._trial, self._roots.of).pairs:
                        if pair.after.package in coming:
                            found.setdefault(pair, set()).add((pair.after.package, name))
        with self._placed({}):
            for load, provider in new_loads:
                for pair in pair_libraries([load], self._trial, self._roots.of).pairs:
                    found.setdefault(pair, set()).add((load.dependent.name, provider))
        return found

    @contextmanager
    def _placed(self, changes: Mapping[str, Member | None]) -> Iterator[None]:
        """Place other changes on the base within this context."""
        placed = dict(self._trial.placed)
        self._trial.place(changes)
        try:
            yield
        finally:
            self._trial.place(placed)

    def _unpaired(self, unpaired: Iterable[Unpaired]) -> Iterator[str]:
        """Describe the libraries that have no counterpart to compare with, each once for all dependents."""
        for (soname, provider, shortage), group in groupby(unpaired, attrgetter("soname", "provider", "shortage")):
            names = [self._label(library.dependent) for library in group]
            one = len(names) == 1
            words = {"are": "is" if one else "are", "were": "was" if one else "were"}
            yield f"{soname} of {self._label(provider)}: {_SHORTAGES[shortage].format(users=listed(names), **words)}"

    def _gaps(self, pair: LibraryPair, outcome: AbiOutcome) -> Iterator[str]:
        """Describe what was not compared in a library that was compared."""
        if self._lacking.get(pair):
            yield self._lacking[pair]
        if outcome.undescribed.count:
            shown = outcome.undescribed.names[:_SHOWN_SYMBOLS]
            more = outcome.undescribed.count - len(shown)
            names = ", ".join(shown) + (f" and {more} more" if more else "")
            uncompared = f"{outcome.undescribed.count} of its symbols were not compared"
            yield f"{uncompared}, because its debug data do not describe them: {names}"

    def _look_up(self, pairs: Iterable[LibraryPair]) -> None:
        """Find an answer for each pair: a comparison, finished or requested, or why there can be none."""
        wanted: dict[LibraryPair, AbiOrder] = {}
        for pair in pairs:
            if pair not in self._answers:
                order = self._order(pair)
                if isinstance(order, AbiOrder):
                    wanted[pair] = order
                else:
                    self._answers[pair] = order
        known = comparisons.comparisons(self._unit.session, [order.digest for order in wanted.values()])
        tried = jobs.of_subjects(
            self._unit.session, [order.digest for order in wanted.values()], preview=self._scope.preview
        )
        self._results.look_up(job for some in tried.values() for job in some)
        for pair, order in wanted.items():
            self._answers[pair] = self._answered(pair, order, known.get(order.digest), tried.get(order.digest, []))

    def _answered(
        self, pair: LibraryPair, order: AbiOrder, kept: Comparison | None, tried: list[Job]
    ) -> Comparison | str:
        """Return a comparison with a result that counts; otherwise request one, and return what delays it."""
        results: list[TesterResult[AbiOutcome]] = []
        testers = self._results.testers
        if testers.listed is not None:
            ended = (job for job in tried if job.state is JobState.SUCCEEDED)
            results = [result for job in ended if (result := self._results.comparison(job, order))]
        elif kept is not None and kept.outcome is not None:
            self._attested[pair] = (kept.outcome.attestation,) if kept.outcome.attestation else ()
            return kept
        comparison = Comparison(order, pair.after.package, pair.soname)
        for verdict in AbiVerdict:
            same = [result for result in results if result.outcome.verdict is verdict]
            if same and agree(same, testers.needed):
                self._attested[pair] = attestations_of(same, testers.needed)
                return replace(comparison, outcome=same[0].outcome, job=same[0].job.id)
        request = partial(request_comparison, self._unit, comparison, trace=self._trace, preview=self._scope.preview)
        _, trouble = self._results.ask(tried, results, {result.tester for result in results}, request)
        return trouble

    def _order(self, pair: LibraryPair) -> AbiOrder | _Unjudged | str:
        toolchain = self._unit.inputs.toolchains.get(TOOLCHAIN)
        if toolchain is None:
            return _MISSING
        sides = [self._side(file) for file in (pair.before, pair.after)]
        not_covered = next((side for side in sides if isinstance(side, str)), None)
        if not_covered is not None:
            return _Unjudged(not_covered)
        before, after = (side for side in sides if not isinstance(side, str))
        self._lacking[pair] = before.lacking or after.lacking
        return AbiOrder(self._abi_side(before), self._abi_side(after), toolchain.tree, COMPARISON_LIMITS)

    def _side(self, file: LibraryFile) -> ComparedSide | str:
        """Return where a library, its debug data and its headers are: in packages of the same build."""
        package = self._scope.packages_of_tree([file.tree]).get((file.package, file.tree))
        if package is None:
            raise LookupError(f"this farm has no {file.package} with the tree {file.tree}")
        build = list(map(self._cache.member, self._scope.packages_of_plan(package.plan)))
        return compared_side(file.path, self._cache.member(package), build, self._has_headers)

    def _has_headers(self, member: Member) -> bool:
        return has_installed_headers(Manifest.from_json(self._unit.blobs.read(member.descriptor.tree)))

    def _abi_side(self, side: ComparedSide) -> AbiSide:
        headers = tuple(map(self._archive, side.headers))
        return AbiSide(side.library, self._archive(side.package), self._archive(side.debug), headers)

    def _archive(self, member: Member) -> DependencyArchive:
        return archive_of(self._cache.record(self._unit, member.descriptor.digest), member.descriptor.store_path)

    def _changed(self, pair: LibraryPair, dependents: tuple[str, ...], answer: Comparison) -> ChangedInterface:
        assert answer.outcome is not None  # noqa: S101  (it is judged)
        users = listed([self._label(name) for name in dependents])
        other = f"the build that {users} {'was' if len(dependents) == 1 else 'were'} built against"
        library = self._library(pair)
        judged = answer.outcome.verdict is AbiVerdict.CHANGED
        if judged:
            shown = _first_change(answer.outcome.report)
            message = f"{library} has a different interface from {other}{f': {shown}' if shown else ''}"
        else:
            message = f"{library} could not be compared with {other}: {answer.outcome.reason}"
        return ChangedInterface(pair.after.package, pair.soname, dependents, judged, message, answer.job)

    def _library(self, pair: LibraryPair) -> str:
        return f"{pair.soname} of {self._label(pair.after.package)}"

    def _label(self, name: str) -> str:
        member = self._trial.members.get(name) or self._trial.base.get(name)
        return member.label if member else name


def _answer(known: Comparison | _Unjudged | str) -> Answer:
    if isinstance(known, _Unjudged):
        return Answer.UNJUDGED
    if isinstance(known, str) or known.outcome is None:
        return Answer.UNKNOWN
    return ANSWERS[known.outcome.verdict]


def _first_change(report: tuple[str, ...]) -> str:
    """Return a report's text about the first change, as one sentence; its headings are not indented."""
    lines = [line.strip() for line in report if line.startswith(" ")]
    ends = [at for at, line in enumerate(lines) if at and line.startswith("[C]")]
    first = lines[: ends[0] if ends else None][:_SHOWN_LINES]
    more = "; and more" if len(lines) > len(first) else ""
    return "".join(f"{line} " if line.endswith(":") else f"{line}; " for line in first).removesuffix("; ") + more
