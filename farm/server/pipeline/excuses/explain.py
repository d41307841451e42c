"""Makes excuses from the findings of the search and the gates: one for each recipe that is held back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.core.names.printed_version import printed_version
from farm.core.policy.gate_kind import GateKind
from farm.core.sets.findings.problem import listed
from farm.core.sets.members.member import is_imported
from farm.server.channels.excuses import Excuse
from farm.server.jobs import attempts, jobs
from farm.server.pipeline.gates.gate_result import atoms_held_back
from farm.server.recipes import recipes
from farm.server.tables.evidence import InterfaceEvidence, ProofEvidence, TestEvidence
from farm.server.tables.states import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.names.digest import Digest
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.atoms import Atom
    from farm.server.documents.log_store import LogStore
    from farm.server.pipeline.gates.gate_result import HeldBack
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.pipeline.search.earlier_evidence import EarlierEvidence
    from farm.server.pipeline.search.search import Hold
    from farm.server.tables.evidence import FoundProblem
    from farm.server.tables.records import Job, Package
    from farm.server.transaction.unit_of_work import UnitOfWork

_SENTENCES = 3
_STUCK = (JobState.FAILED, JobState.SET_ASIDE)
_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True)
class Explainer:
    """Writes the excuses of one candidate, which would add `packages` and the imports `imported`, both by name.

    `leaving` are the own packages that it would remove. `earlier` is the evidence for companions in open excuses.
    """

    unit: UnitOfWork
    logs: LogStore
    shelf: MemberCache
    packages: Mapping[str, Package]
    atoms: Mapping[str, Atom] = field(default_factory=dict)
    imported: Mapping[str, Member] = field(default_factory=dict)
    leaving: Mapping[str, Package] = field(default_factory=dict)
    earlier: EarlierEvidence | None = None

    def held(self, hold: Hold) -> list[Excuse]:
        """Return the excuses for an atom that the search has held back."""
        if hold.root != hold.atom:
            root = self._mains(hold.root)[0]
            reason = f"it needs {self._wanted(root)}, which is held back"
            return [
                self._excuse(
                    name, GateKind.PROOF, reason, root=root, remedy=f"It enters automatically once {root} does."
                )
                for name in self._mains(hold.atom)
            ]
        if isinstance(hold.evidence, TestEvidence):
            return [self._of_tests(name, hold, hold.evidence) for name in self._mains(hold.atom)]
        if isinstance(hold.evidence, InterfaceEvidence):
            return [self._of_interfaces(name, hold, hold.evidence) for name in self._mains(hold.atom)]
        return self._of_problems(hold, hold.evidence or ProofEvidence(()))

    def held_back(self, found: HeldBack, atom: Atom, blamed: str) -> list[Excuse]:
        """Return the excuses for an atom that a gate of single packages holds back because of the package `blamed`."""
        excuses = []
        for name in self._mains(atom.key):
            own = name == blamed or blamed in atom.names
            root = "" if own and name == self._main(blamed) else self._main(blamed)
            reason = (
                found.result.reason if own else f"it needs {self._wanted(root)}, which waits: {found.result.reason}"
            )
            excuses.append(
                self._excuse(
                    name,
                    found.gate,
                    reason,
                    root=root,
                    remedy=found.result.remedy,
                    job=found.result.job,
                    until=found.result.until,
                    under_way=found.result.under_way,
                )
            )
        return excuses

    def of_gates(self, held: Mapping[str, HeldBack]) -> list[Excuse]:
        """Return the excuses for all that the gates of single packages hold back."""
        blamed = atoms_held_back(self.atoms.values(), held)
        return [
            excuse
            for key, atom in self.atoms.items()
            if key in blamed
            for excuse in self.held_back(held[blamed[key]], atom, blamed[key])
        ]

    def unbuilt(self) -> list[Excuse]:
        """Return the excuses for recipes whose current revision failed to build, or is not built yet."""
        excuses = []
        for head in recipes.unbuilt(self.unit.session):
            job = jobs.latest_of_revision(self.unit.session, head.current)
            if job is None or job.state not in (*_STUCK, JobState.BLOCKED, JobState.WAITING, JobState.READY):
                continue
            revision = recipes.revision(self.unit.session, head.current)
            culprit = self._failed_build(job, {head.name})
            if job.state is not JobState.BLOCKED and culprit.state not in _STUCK and not culprit.trouble:
                continue  # it is going to be built
            root = culprit.name if culprit.name != head.name else ""
            excuses.append(
                Excuse(
                    package=head.name,
                    gate=GateKind.BUILD,
                    reason=_why_unbuilt(culprit, root),
                    version=printed_version(revision.version, revision.revision),
                    root=root,
                    owner=recipes.submitter(self.unit.session, revision.submission),
                    job=culprit.id,
                    line=self._telling_line(culprit),
                    remedy=_how_to_build(culprit),
                )
            )
        return excuses

    def _of_tests(self, name: str, hold: Hold, evidence: TestEvidence) -> Excuse:
        tests = evidence.regressions
        tested = tests[0].package
        job = jobs.job(self.unit.session, tests[0].job) if tests[0].job is not None else None
        partners, only_with = self._partners(name, hold)
        fix = " or ".join(["Fix " + name, *(label.partition(" ")[0] for label in partners)])
        return self._excuse(
            name,
            GateKind.TESTS,
            "; ".join(test.sentence for test in tests[:_SENTENCES]) + only_with,
            job=job.id if job else None,
            line=self._telling_line(job) if job else "",
            partners=partners,
            remedy=_fixing(name, fix if tested == name else f"{fix}, or the test of {tested}", tested),
            evidence=evidence,
        )

    def _of_interfaces(self, name: str, hold: Hold, evidence: InterfaceEvidence) -> Excuse:
        changed = evidence.changed
        partners, only_with = self._partners(name, hold)
        dependents = sorted({dependent for found in changed for dependent in found.dependents})
        return self._excuse(
            name,
            GateKind.ABI,
            "; ".join(found.message for found in changed[:_SENTENCES]) + only_with,
            job=changed[0].job,
            partners=partners,
            remedy=(
                f"Keep the interface, or submit a new revision of {listed(dependents)} as well: "
                "built against the new library, both go in together."
            ),
            evidence=evidence,
        )

    def _of_problems(self, hold: Hold, evidence: ProofEvidence) -> list[Excuse]:
        problems = evidence.problems
        reason = "; ".join(problem.message for problem in problems[:_SENTENCES])
        if len(problems) > _SENTENCES:
            reason += f"; and {len(problems) - _SENTENCES} more"
        root, job = self._unbuilt_party(problems)
        mains = self._mains(hold.atom)
        if root:
            reason += f"; the new {root} could not be built"
        partners, only_with = self._partners(mains[0], hold)
        fix = " or ".join(["Fix " + mains[0], *(label.partition(" ")[0] for label in partners)])
        remedy = (
            f"Fix the recipe of {root} and submit it: what waits for it goes in with it."
            if root
            else _fixing(mains[0], f"{fix}, or submit what fits {'both' if partners else 'it'}", "")
        )
        return [
            self._excuse(
                name,
                GateKind.PROOF,
                reason + only_with,
                root=root,
                job=job.id if job else None,
                line=self._telling_line(job) if job else "",
                partners=partners,
                remedy=remedy,
                evidence=evidence,
            )
            for name in mains
        ]

    def _unbuilt_party(self, problems: Iterable[FoundProblem]) -> tuple[str, Job | None]:
        """Return the recipe, and its job, whose failed build keeps a package in these problems at its old version."""
        parties = {name for problem in problems for name in problem.packages if name not in self.packages}
        for recipe in sorted(set(recipes.recipes_of(self.unit.session, parties).values())):
            head = recipes.head(self.unit.session, recipe)
            job = jobs.latest_of_revision(self.unit.session, head.current) if head and not head.is_built else None
            if job is not None and job.state in (JobState.FAILED, JobState.BLOCKED):
                culprit = self._failed_build(job, {recipe})
                return culprit.name, culprit
        return "", None

    def _failed_build(self, job: Job, seen: set[str]) -> Job:
        """Follow a blocked or waiting build to the build that it waits for."""
        if job.state not in (JobState.BLOCKED, JobState.WAITING):
            return job
        needs = jobs.needs_of(self.unit.session, job.id)
        for name, head in recipes.heads(self.unit.session, needs).items():
            below = jobs.latest_of_revision(self.unit.session, head.current)
            if name not in seen and not head.is_built and below is not None:
                return self._failed_build(below, seen | {name})
        return job

    def _excuse(  # the parts of an excuse
        self,
        name: str,
        gate: GateKind,
        reason: str,
        *,
        root: str = "",
        **more: object,
    ) -> Excuse:
        known = self.packages.get(name) or self.leaving.get(name)
        revision = self.shelf.revision(self.unit, known) if known else None
        return Excuse(
            package=name,
            gate=gate,
            reason=reason,
            digest=self._digest(name),
            version=self._label(name).removeprefix(name).strip(),
            root=root,
            owner=recipes.submitter(self.unit.session, revision.submission) if revision else "",
            **more,  # type: ignore[arg-type]  # the fields of an excuse, by name
        )

    def _digest(self, name: str) -> Digest | None:
        package, foreign = self.packages.get(name), self.imported.get(name)
        return package.digest if package else foreign.descriptor.digest if foreign else None

    def _mains(self, atom: str) -> list[str]:
        """Return the packages of an atom that have the name of their recipe, or else all of them."""
        names = self.atoms[atom].names
        found = [name for name in names if self._main(name) == name]
        return found or list(names)

    def _main(self, name: str) -> str:
        for moving in (self.packages, self.leaving):
            if package := moving.get(name):
                main = self.shelf.revision(self.unit, package).name
                return main if main in moving else name
        return name

    def _wanted(self, name: str) -> str:
        """Return what another package needs: the new version, or the removal."""
        return f"{name} to go" if name in self.leaving else self._label(name)

    def _label(self, name: str) -> str:
        package, foreign = self.packages.get(name), self.imported.get(name)
        if foreign:
            return foreign.label
        return f"{name} {package.printed_version}" if package else name

    def _labels_of(self, atoms: Iterable[str]) -> tuple[str, ...]:
        return tuple(self._label(self._mains(atom)[0]) for atom in atoms)

    def _partners(self, name: str, hold: Hold) -> tuple[tuple[str, ...], str]:
        """Return the packages that a package breaks with, by this search or an earlier one, and a clause about them."""
        label = self._label(self._mains(hold.atom)[0])
        if hold.partners:
            partners = self._labels_of(hold.partners)
            return partners, f"; {label} breaks only with {listed(partners)}"
        digest = self._digest(name)
        found = self.earlier.partners(name, digest, hold.evidence) if self.earlier else ()
        if not found or self.earlier is None:
            return (), ""
        newest = max(companion.number for companion in found)
        there = f"which {self.earlier.channel} has" + (f" since release {newest}" if newest else "")
        partners = tuple(companion.label for companion in found)
        return partners, f"; {label} breaks with {listed(partners)}, {there}"

    def _telling_line(self, job: Job) -> str:
        tried = attempts.attempts_of(self.unit.session, job.id)
        return self.logs.telling_line(tried[-1].id)[:_LONGEST_LINE] if tried else ""


def _fixing(name: str, own: str, tested: str) -> str:
    """Return the remedy; an imported package is fixed by its own distribution."""
    if not is_imported(name):
        return f"{own}; a new version is tried by itself."
    here = f"Fix {tested}, or tell" if tested else "Tell"
    return (
        f"{here} the owner of {name.rpartition('/')[0]}: the older release stays pinned, the next is tried by itself."
    )


def _why_unbuilt(culprit: Job, root: str) -> str:
    if culprit.state is JobState.SET_ASIDE:
        return f"{root or 'its build'} was {culprit.error.partition(chr(10))[0]}"
    if culprit.trouble:
        return f"{root or 'its build'} is tried again: {culprit.error}"
    return f"its build failed: {culprit.error}" if not root else f"{root} could not be built"


def _how_to_build(culprit: Job) -> str:
    if culprit.state is JobState.SET_ASIDE:
        return f"See what job {culprit.id} does to a worker, then try it again: `farm retry {culprit.id}`."
    if culprit.trouble:
        return ""  # it is retried without help
    return f"Fix the recipe of {culprit.name} and submit it, or try job {culprit.id} again."
