"""Checks that the outputs of one build move together, and that one leaves only if its recipe no longer makes it.

In the pipeline they are one atom for the same reason: a recipe's tests run on the package of its name, and show nothing
about a library that is released without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.checker.reading.published_documents import PublishedDocuments
from farm.checker.reading.refusal import RefusedReleaseError, check_each
from farm.core.plan.outputs import output_names
from farm.trust.attestation.provenance import outputs_by_plan, plan_by_digest
from farm.trust.index.tree import IndexTree

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.checker.reading.change import ReleaseChange
    from farm.checker.reading.published_identities import PublishedRecord
    from farm.core.names.digest import Digest
    from farm.core.plan.plan import Plan
    from farm.store.blobs import BlobStore
    from farm.trust.index.release_index import ReleaseEntry


@dataclass(frozen=True, slots=True)
class Output:
    """A package as an output of the build that its provenance names."""

    name: str
    package: Digest
    plan: Plan
    provenance: Digest

    @property
    def recipe(self) -> str:
        """The name of its recipe, and of the package that the recipe's tests run on."""
        return self.plan.name.short


class Outputs:
    """The packages of a release, and of the one before, as outputs of builds.

    Reads only what is needed. Every method raises `RefusedReleaseError`, `ProvenanceError`, `MissingBlobError` and the
    like.
    """

    def __init__(self, change: ReleaseChange, blobs: BlobStore) -> None:
        self.change = change
        self._described = PublishedDocuments(blobs)
        self._now = IndexTree(self._described.blob, change.release.index)
        self._before = IndexTree(self._described.blob, change.previous.index) if change.previous else None
        self._known: dict[Digest, Output] = {}

    def now(self, name: str) -> Output | None:
        """Return the package of a name in the release."""
        entry = self._now.entry(name)
        return self.of(entry) if entry else None

    def before(self, name: str) -> Output | None:
        """Return the package of a name in the release before."""
        entry = self._before.entry(name) if self._before else None
        return self.of(entry) if entry else None

    def of(self, entry: ReleaseEntry) -> Output:
        """Return the package of an entry."""
        digest = entry.descriptor.digest
        if digest not in self._known:
            plan = self._described.descriptor(digest).plan
            content = self._described.read(entry.provenance.digest, "provenance")
            self._known[digest] = Output(entry.name, digest, plan_by_digest(content, plan), entry.provenance.digest)
        return self._known[digest]

    def plan_of(self, entry: ReleaseEntry) -> Digest:
        """Return the digest of the plan that the package of an entry was built by."""
        return self._described.descriptor(entry.descriptor.digest).plan

    def put_out(self, output: Output) -> frozenset[str]:
        """Return the names of all outputs of a package's build."""
        content = self._described.read(output.provenance, "provenance")
        _, together = outputs_by_plan(content, output.plan.digest)
        return frozenset(self._described.descriptor(digest).name.short for digest in together)

    def are_of_one_build(self, name: str, other: str, package: Digest | None) -> bool:
        """Return whether the release has a package, and `package` as another, as outputs of one build."""
        first, second = self.now(name), self.now(other)
        if first is None or second is None or second.package != package:
            return False
        return first.plan.digest == second.plan.digest and name in self.put_out(second)

    def moving_with(self, name: str) -> frozenset[str]:
        """Return the packages that have to move with a package: outputs of the old build and of the new one."""
        was, now = self.before(name), self.now(name)
        left = {output for output in output_names(was.plan) if _is_of(self.before(output), was)} if was else set()
        coming = {output for output in self.put_out(now) if not _is_of(self.before(output), now)} if now else set()
        return frozenset((left | coming) - {name})


def _is_of(other: Output | None, output: Output) -> bool:
    return other is not None and other.plan.digest == output.plan.digest


def check_together(outputs: Outputs, is_apart: Callable[[Output, str, Output | None], bool]) -> None:
    """Check that new packages come with the package of their recipe, and with no output of another build.

    `is_apart` says whether a new package and the package of another name may be of two builds.
    Raises as `Outputs`.
    """

    def check(entry: ReleaseEntry) -> None:
        came = outputs.of(entry)
        for name in sorted(_family(came, outputs) - {came.name}):
            beside = outputs.now(name)
            if _fits(came, name, beside) or is_apart(came, name, beside):
                continue
            how = "is of another build there" if beside else "is not in the release"
            where = f"{name}, on which their tests are run," if name == came.recipe else name
            raise RefusedReleaseError(
                f"{came.name} comes without {name}: both are outputs of {came.recipe}, and {where} {how}",
                remedy=f"Release the outputs of one build of {came.recipe} together.",
                code="split-build",
            )

    check_each(outputs.change.coming, check)


def _family(came: Output, outputs: Outputs) -> set[str]:
    """Return the names of the possible outputs of a build, and of the build that it replaces."""
    was = outputs.before(came.name)
    old = output_names(was.plan) if was is not None and was.recipe == came.recipe else ()
    return {*output_names(came.plan), *old}


def _fits(came: Output, name: str, beside: Output | None) -> bool:
    if name == came.recipe:
        return _is_of(beside, came)
    # The name may belong to another recipe by now.
    return beside is None or beside.recipe != came.recipe or _is_of(beside, came)


def are_side_by_side(came: Output, name: str, beside: Output | None, channel: str, stays: PublishedRecord) -> bool:
    """Return whether the newest release of a channel has exactly these two packages together."""
    return _held(stays, channel, came.name) == came.package and _held(stays, channel, name) == (
        beside.package if beside else None
    )


def _held(stays: PublishedRecord, channel: str, name: str) -> Digest | None:
    stay = stays.stay(channel, name)
    return stay.descriptor if stay is not None and stay.until is None else None


def check_removals(outputs: Outputs, is_ordered: Callable[[Digest], bool]) -> None:
    """Check that a package leaves only if the newer build of its recipe does not make it, or by an order.

    For a channel that takes new builds: no recipe ever leaves. Imported packages are not checked: they are present for
    the packages that need them. Raises as `Outputs`.
    """
    channel = outputs.change.release.channel

    def check(entry: ReleaseEntry) -> None:
        gone = outputs.of(entry)
        maker = outputs.now(gone.recipe)
        if maker is None or maker.recipe != gone.recipe:
            why = f"the release has no newer build of its recipe, {gone.recipe}"
        elif gone.name in outputs.put_out(maker):
            why = f"the build of {gone.recipe} in the release makes it"
        else:
            return
        raise RefusedReleaseError(
            f"{gone.name} may not be removed from {channel}: {why}, and no curator's order removes it",
            remedy=f"Leave it in. It goes with a build of {gone.recipe} that does not make it, or by `farm channel "
            f"rollback {channel}` to a release without it.",
            code="unexplained-departure",
        )

    check_each((entry for entry in outputs.change.going if not is_ordered(entry.descriptor.digest)), check)
