"""Makes excuses from the findings of the search and the gates: one for each recipe that is held back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.core.sets.findings.problem import listed
from farm.core.sets.members.member import is_imported
from farm.server.channels.excuses import Excuse
from farm.server.jobs import jobs
from farm.server.pipeline.excuses.failed_builds import failed_build, failure_of
from farm.server.pipeline.gates.gate_result import atoms_held_back
from farm.server.recipes import recipes
from farm.server.tables.evidence import InterfaceEvidence, ProofEvidence, TestEvidence
from farm.server.tables.states import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.names.digest import Digest
    from farm.core.sets.proof.atoms import Atom
    from farm.server.documents.log_store import LogStore
    from farm.server.pipeline.gates.gate_result import CandidateContext, HeldBack
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.pipeline.search.earlier_evidence import EarlierEvidence
    from farm.server.pipeline.search.search import Hold
    from farm.server.tables.evidence import FoundProblem
    from farm.server.transaction.unit_of_work import UnitOfWork

_SENTENCES = 3


@dataclass(frozen=True, slots=True)
class Explainer:
    """Writes the excuses of one candidate. `earlier` is the evidence for companions in open excuses."""

    unit: UnitOfWork
    logs: LogStore
    cache: MemberCache
    context: CandidateContext
    atoms: Mapping[str, Atom]
    earlier: EarlierEvidence

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
        result, excuses = found.result, []
        for name in self._mains(atom.key):
            own = name == blamed or blamed in atom.names
            root = "" if own and name == self._main(blamed) else self._main(blamed)
            excuse = self._excuse(
                name,
                found.gate,
                result.reason if own else f"it needs {self._wanted(root)}, which waits: {result.reason}",
                root=root,
                remedy=result.remedy,
                job=result.job,
                until=result.until,
                under_way=result.under_way,
            )
            excuses.append(excuse)
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

    def _of_tests(self, name: str, hold: Hold, evidence: TestEvidence) -> Excuse:
        tests = evidence.regressions
        tested = tests[0].package
        partners, only_with = self._partners(name, hold)
        fix = _fix_one_of(name, partners)
        return self._excuse(
            name,
            GateKind.TESTS,
            "; ".join(test.sentence for test in tests[:_SENTENCES]) + only_with,
            job=tests[0].job,
            **failure_of(self.unit, self.logs, tests[0].job),
            partners=partners,
            remedy=_remedy(name, fix if tested == name else f"{fix}, or the test of {tested}", tested),
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
        fix = _fix_one_of(mains[0], partners)
        remedy = (
            f"Fix the recipe of {root} and submit it: what waits for it goes in with it."
            if root
            else _remedy(mains[0], f"{fix}, or submit what fits {'both' if partners else 'it'}", "")
        )
        return [
            self._excuse(
                name,
                GateKind.PROOF,
                reason + only_with,
                root=root,
                job=job,
                **failure_of(self.unit, self.logs, job),
                partners=partners,
                remedy=remedy,
                evidence=evidence,
            )
            for name in mains
        ]

    def _unbuilt_party(self, problems: Iterable[FoundProblem]) -> tuple[str, int | None]:
        """Return the recipe and job of the failed build that keeps a package in these problems at its old version."""
        parties = {name for problem in problems for name in problem.packages if name not in self.context.packages}
        for recipe in sorted(set(recipes.recipes_of(self.unit.session, parties).values())):
            head = recipes.head(self.unit.session, recipe)
            job = jobs.latest_of_revision(self.unit.session, head.current) if head and not head.is_built else None
            if job is not None and job.state in (JobState.FAILED, JobState.BLOCKED):
                culprit = failed_build(self.unit, job)
                return culprit.name, culprit.id
        return "", None

    def _excuse(
        self,
        name: str,
        gate: GateKind,
        reason: str,
        *,
        root: str = "",
        **more: object,
    ) -> Excuse:
        known = self.context.packages.get(name) or self.context.leaving.get(name)
        revision = self.cache.revision(self.unit, known) if known else None
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
        member = self.context.members.get(name)
        return member.descriptor.digest if member else None

    def _mains(self, atom: str) -> list[str]:
        """Return the packages of an atom that have the name of their recipe, or else all of them."""
        names = self.atoms[atom].names
        found = [name for name in names if self._main(name) == name]
        return found or list(names)

    def _main(self, name: str) -> str:
        for moving in (self.context.packages, self.context.leaving):
            if package := moving.get(name):
                main = self.cache.revision(self.unit, package).name
                return main if main in moving else name
        return name

    def _wanted(self, name: str) -> str:
        """Return what another package needs: the new version, or the removal."""
        return f"the removal of {name}" if name in self.context.leaving else self._label(name)

    def _label(self, name: str) -> str:
        member = self.context.members.get(name)
        return member.label if member else name

    def _partners(self, name: str, hold: Hold) -> tuple[tuple[str, ...], str]:
        """Return the packages that a package breaks with, by this search or an earlier one, and a clause about them."""
        label = self._label(self._mains(hold.atom)[0])
        if hold.partners:
            partners = tuple(self._label(self._mains(atom)[0]) for atom in hold.partners)
            return partners, f"; {label} breaks only with {listed(partners)}"
        digest = self._digest(name)
        found = self.earlier.partners(name, digest, hold.evidence)
        if not found:
            return (), ""
        newest = max(companion.number for companion in found)
        there = f"which {self.earlier.channel} has" + (f" since release {newest}" if newest else "")
        partners = tuple(companion.label for companion in found)
        return partners, f"; {label} breaks with {listed(partners)}, {there}"


def _fix_one_of(name: str, partners: Iterable[str]) -> str:
    return " or ".join([f"Fix {name}", *(label.partition(" ")[0] for label in partners)])


def _remedy(name: str, own: str, tested: str) -> str:
    """Return the remedy; an imported package is fixed by its own distribution."""
    if not is_imported(name):
        return f"{own}; a new version is tried automatically."
    here = f"Fix {tested}, or tell" if tested else "Tell"
    owner = name.rpartition("/")[0]
    return f"{here} the owner of {owner}: the older release stays pinned, the next is tried automatically."
