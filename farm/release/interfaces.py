"""Whether the members of a set get libraries with the interfaces that they were built against.

Equal symbols are no equal interfaces, so each library is compared, once for two builds of it, by a worker. Without
debug data on both sides nothing can be said: that is counted, and never taken for a yes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from farm.compat.abi import LibraryPair, library_pairs, library_path, sonames
from farm.compat.problem import listed
from farm.control.planning import plan_of
from farm.control.requests import wish_for_comparison
from farm.database import comparisons, jobs, packages
from farm.database.comparisons import Comparison
from farm.database.evidence import ChangedInterface, InterfaceCount
from farm.database.states import ENDED
from farm.plan import AbiOrder, AbiSide, AbiVerdict
from farm.recipe import Limits
from farm.recipe.gate_kind import GateKind
from farm.release.ordered_tests import NotKnownYetError, archive_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.compat import Member, TrialSet
    from farm.control.desk import Desk
    from farm.database.records import Job, Package
    from farm.names import Digest, PackageName
    from farm.package import ElfDetails
    from farm.plan import DependencyArchive
    from farm.release.members import MemberShelf

TOOLCHAIN = "abi"
"""The toolchain, by its name, whose tools compare."""
_LIMITS = Limits(minutes=20, memory_mb=4096, output_mb=1, processes=64, log_mb=4)
_MISSING = f"this farm has no toolchain {TOOLCHAIN}: add its file and lock to toolchains/, and start the farm again"
_SHOWN_LINES = 9
_FIRST_PAUSE = timedelta(seconds=20)
_LONGEST_PAUSE = timedelta(hours=1)


@dataclass(slots=True)
class Findings:
    """What is known of the interfaces of a set. `waiting` comparisons are not done; `trouble` says what keeps them."""

    compared: int = 0
    waiting: int = 0
    trouble: str = ""
    changed: list[ChangedInterface] = field(default_factory=list)
    not_judged: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """How far the comparisons are, in words."""
        done = f"{self.compared} of {self.compared + self.waiting} interfaces compared"
        return f"{done}; {self.trouble}" if self.trouble else done

    def count(self) -> InterfaceCount:
        """Return what is shown of a set that passes."""
        return InterfaceCount(self.compared, tuple(self.not_judged))


@dataclass(frozen=True, slots=True)
class _Unjudged:
    reason: str


class Interfaces:
    """Looks at the interfaces of sets, within one transaction that may write wishes. `trial` holds the set."""

    def __init__(self, desk: Desk, trial: TrialSet, shelf: MemberShelf, *, trace: str) -> None:
        self._desk = desk
        self._trial = trial
        self._shelf = shelf
        self._trace = trace
        self._answers: dict[LibraryPair, Comparison | _Unjudged | str] = {}
        self._members: dict[Digest, Member] = {}

    def look(self, changes: Mapping[str, Member | None]) -> Findings:
        """Return what is to be said of the set as it is placed, because of what these changes touch.

        What had another interface in the base already is not the fault of the changes, and left out.
        """
        pairs = library_pairs(self._trial.members, self._trial.capabilities, changes, self._built_against)
        found = Findings()
        self._look_up(pairs)
        for pair, dependents in pairs.items():
            answer = self._answers[pair]
            if isinstance(answer, _Unjudged):
                found.not_judged.append(f"{pair.soname} of {self._label(pair.provider)}: {answer.reason}")
            elif isinstance(answer, str) or answer.outcome is None:
                found.waiting += 1
                found.trouble = answer if isinstance(answer, str) and answer else found.trouble
            else:
                found.compared += 1
                if _differs(answer):
                    self._judge(found, pair, dependents, answer)
        return found

    def needs(self, changes: Mapping[str, Member | None]) -> dict[str, tuple[str, ...]]:
        """Return which changes need which others because of an interface, in both directions, all by name.

        A dependent that was built against the new library needs it, if it would not do with that of the base; the
        library needs that dependent, if what the base has of it would not do with the new library. Raises
        `NotKnownYetError` while a comparison is under way.
        """
        wanted: dict[LibraryPair, set[tuple[str, str]]] = {}
        for name, pair, needed in self._crossings(changes):
            wanted.setdefault(pair, set()).add((name, needed))
        self._look_up(wanted)
        found: dict[str, set[str]] = {}
        waiting = 0
        for pair, needs in wanted.items():
            answer = self._answers[pair]
            if isinstance(answer, str) or (isinstance(answer, Comparison) and answer.outcome is None):
                waiting += 1
            elif isinstance(answer, Comparison) and _differs(answer):
                for name, needed in needs:
                    found.setdefault(name, set()).add(needed)
        if waiting:
            raise NotKnownYetError(f"{waiting} of {len(wanted)} interfaces are being compared", GateKind.ABI)
        return {name: tuple(sorted(needed)) for name, needed in found.items()}

    def _crossings(self, changes: Mapping[str, Member | None]) -> Iterator[tuple[str, LibraryPair, str]]:
        """Give how each changed dependent and each changed library of it would do with what the base has of the other.

        Each with the change that would need, and the one that would be needed.
        """
        base = self._trial.base
        coming = {name: member for name, member in changes.items() if member is not None and not member.foreign}
        providers = {soname: name for name, member in coming.items() for soname in sonames(member.provides)}
        for name, member in coming.items():
            for dependent, is_new in ((member, True), (base.get(name), False)):
                for soname in sonames(dependent.requires) if dependent else ():
                    library = providers.get(soname, name)
                    if dependent is None or library == name or library not in base:
                        continue
                    new, old = coming[library], base[library]
                    built = self._built_against(dependent).get(new.descriptor.name)
                    other = old if is_new else new
                    if built is None or built == other.descriptor.tree or library_path(other, soname) is None:
                        continue
                    self._members[other.descriptor.tree] = other
                    pair = LibraryPair(library, soname, built, other.descriptor.tree)
                    yield (name, pair, library) if is_new else (library, pair, name)

    def _judge(self, found: Findings, pair: LibraryPair, dependents: tuple[str, ...], answer: Comparison) -> None:
        """Note a changed interface, but for dependents that had one in the base too: which may have to be found out."""
        broken = []
        for name in dependents:
            before = self._base_pair(pair, name)
            if before is None:
                broken.append(name)
                continue
            self._look_up([before])
            known = self._answers[before]
            if isinstance(known, str) or (isinstance(known, Comparison) and known.outcome is None):
                found.waiting += 1
            elif isinstance(known, _Unjudged) or not _differs(known):
                broken.append(name)
        if broken:
            found.changed.append(self._changed(pair, tuple(broken), answer))

    def _base_pair(self, pair: LibraryPair, dependent: str) -> LibraryPair | None:
        """Return how the same dependent stood to the library of the base; None where it was fine, or not there."""
        base = self._trial.base
        provider, user = base.get(pair.provider), base.get(dependent)
        if provider is None or user is None or user is not self._trial.members.get(dependent):
            return None
        tree = provider.descriptor.tree
        if tree == pair.before or library_path(provider, pair.soname) is None:
            return None
        return LibraryPair(pair.provider, pair.soname, pair.before, tree)

    def _look_up(self, pairs: Iterable[LibraryPair]) -> None:
        """See to an answer for each pair: a comparison, done or wished for, or why there can be none."""
        wanted: dict[LibraryPair, AbiOrder] = {}
        for pair in pairs:
            if pair not in self._answers:
                order = self._order(pair)
                if isinstance(order, AbiOrder):
                    wanted[pair] = order
                else:
                    self._answers[pair] = order
        known = comparisons.comparisons(self._desk.session, [order.digest for order in wanted.values()])
        tried = jobs.of_subjects(self._desk.session, [order.digest for order in wanted.values()])
        for pair, order in wanted.items():
            kept = known.get(order.digest)
            if kept is not None and kept.outcome is not None:
                self._answers[pair] = kept
            else:
                self._answers[pair] = self._wish(pair, order, tried.get(order.digest, []))

    def _wish(self, pair: LibraryPair, order: AbiOrder, tried: list[Job]) -> str:
        """Have a comparison carried out, again after a while where it failed; return what keeps it, if anything."""
        if any(job.state not in ENDED for job in tried):
            return ""
        if tried:
            pause = min(_FIRST_PAUSE * 2 ** min(len(tried) - 1, 16), _LONGEST_PAUSE)
            again = (tried[-1].finished_at or self._desk.now) + pause
            if again > self._desk.now:
                return f"{tried[-1].error}; it is tried again at {again:%Y-%m-%d %H:%M:%S} UTC"
        wish_for_comparison(self._desk, Comparison(order, pair.provider, pair.soname), trace=self._trace)
        return ""

    def _order(self, pair: LibraryPair) -> AbiOrder | _Unjudged | str:
        toolchain = self._desk.world.toolchains.get(TOOLCHAIN)
        if toolchain is None:
            return _MISSING
        old = packages.packages_of_tree(self._desk.session, [pair.before]).get((pair.provider, pair.before))
        if old is None:
            return _Unjudged("the build that its dependents were built against is no more on this farm")
        new = self._shelf.record(self._desk, self._member(pair).descriptor.digest)
        sides = [self._side(package, pair.soname) for package in (old, new)]
        before, after = sides
        if isinstance(before, _Unjudged):
            return before
        if isinstance(after, _Unjudged):
            return after
        return AbiOrder(before, after, toolchain.tree, _LIMITS)

    def _member(self, pair: LibraryPair) -> Member:
        """Return the member of a pair: of the set as it is placed, of the base, or of what was asked about."""
        if pair.after in self._members:
            return self._members[pair.after]
        for members in (self._trial.members, self._trial.base):
            member = members.get(pair.provider)
            if member is not None and member.descriptor.tree == pair.after:
                return member
        raise LookupError(f"the set has no {pair.provider} with the tree {pair.after}")

    def _side(self, package: Package, soname: str) -> AbiSide | _Unjudged:
        """Return where a library, its debug data and its headers are: in packages of the same build."""
        label = f"{package.name} {package.version}-{package.revision}"
        member = self._shelf.member(package)
        path = library_path(member, soname)
        if path is None:
            return _Unjudged(f"{label} has no {soname}")
        facts = next(facts for place, facts in member.facts.elf if place == path)
        build = packages.packages_of_plan(self._desk.session, package.plan)
        debug = next((each for each in build if self._has_debug_data(each, facts.details)), None)
        if debug is None:
            return _Unjudged(f"{label} has no debug data for {path}")
        headers = max(build, key=lambda each: len(self._shelf.member(each).facts.headers))
        return AbiSide(
            library=path,
            package=self._archive(package),
            debug=self._archive(debug),
            headers=self._archive(headers) if self._shelf.member(headers).facts.headers else None,
        )

    def _has_debug_data(self, package: Package, details: ElfDetails | None) -> bool:
        if details is None or not details.build_id:
            return False
        debug = self._shelf.member(package).facts.debug or ()
        # Producers are read from the debug data itself: a file without any holds none.
        return any(each.build_id == details.build_id and each.producers for each in debug)

    def _archive(self, package: Package) -> DependencyArchive:
        return archive_of(package, self._shelf.member(package).descriptor.store_path)

    def _built_against(self, member: Member) -> Mapping[PackageName, Digest]:
        plan = plan_of(self._desk, member.descriptor.plan)
        return {each.name: each.tree for each in plan.dependencies}

    def _changed(self, pair: LibraryPair, dependents: tuple[str, ...], answer: Comparison) -> ChangedInterface:
        assert answer.outcome is not None  # noqa: S101  (it is judged)
        users = listed([self._label(name) for name in dependents])
        other = f"the build that {users} {'was' if len(dependents) == 1 else 'were'} built against"
        library = f"{pair.soname} of {self._label(pair.provider)}"
        judged = answer.outcome.verdict is AbiVerdict.CHANGED
        if judged:
            shown = _telling(answer.outcome.report)
            message = f"{library} has another interface than {other}{f': {shown}' if shown else ''}"
        else:
            message = f"{library} could not be compared with {other}: {answer.outcome.reason}"
        return ChangedInterface(pair.provider, pair.soname, dependents, judged, message, answer.job)

    def _label(self, name: str) -> str:
        member = self._trial.members.get(name) or self._trial.base.get(name)
        return member.label if member else name


def _differs(answer: Comparison) -> bool:
    """Say whether a comparison that was carried out lets nobody take one build for the other."""
    return answer.outcome is not None and answer.outcome.verdict is not AbiVerdict.COMPATIBLE


def _telling(report: tuple[str, ...]) -> str:
    """Return what a report says of the first thing that has changed, as one sentence; its headings are not set in."""
    told = [line.strip() for line in report if line.startswith(" ")]
    ends = [at for at, line in enumerate(told) if at and line.startswith("[C]")]
    first = told[: ends[0] if ends else None][:_SHOWN_LINES]
    more = "; and more" if len(told) > len(first) else ""
    return "".join(f"{line} " if line.endswith(":") else f"{line}; " for line in first).removesuffix("; ") + more
