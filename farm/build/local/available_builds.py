"""Takes the outcome of an order from this machine's records, or from a channel that has published its build."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from farm.core.comparison.inputs import input_changes
from farm.core.package.descriptor import Descriptor
from farm.core.plan.outputs import output_names
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from farm.build.attempt.workshop import Workshop
    from farm.build.local.published import PublishedBuilds
    from farm.build.local.reports import Reports
    from farm.build.local_state import LocalState
    from farm.core.buildlog.error_kind import ErrorKind
    from farm.core.names.digest import Digest
    from farm.core.plan.job import BuildOrder, BuildOutcome, DependencyArchive
    from farm.core.plan.plan import Plan

_FAILURES = 3
"""After so many packages or archives that cannot be fetched, no others are asked for: the channel cannot be reached."""


class NotFetchedError(FarmError):
    """Archives of published builds cannot be had: what was based on them is decided again, without these builds."""

    code = "not-fetched"

    def __init__(self, packages: Sequence[DependencyArchive], why: str) -> None:
        names = ", ".join(package.store for package in packages)
        super().__init__(f"cannot fetch {names}: {why}", remedy="See that the channel can be reached.")


@dataclass
class AvailableBuilds:
    """Takes outcomes without a build, and records those of a channel in `state`.

    `published` are the builds of a channel, or None: then nothing is fetched.
    """

    workshop: Workshop
    state: LocalState
    reports: Reports
    published: PublishedBuilds | None = None
    _ahead: list[str] = field(default_factory=list)
    _refused: set[Digest] = field(default_factory=set)
    _failed: int = 0
    _other_toolchains: set[Digest] = field(default_factory=set)

    def look_ahead(self, names: Iterable[str]) -> None:
        """Say which packages will be looked for: when the channel is first asked for one, it is asked for all."""
        self._ahead = list(names)

    def known(self, order: BuildOrder) -> tuple[BuildOutcome, Literal["kept", "fetched"]] | None:
        """Return the outcome of an order, if it is kept here or published; archives may still be to fetch."""
        plan = order.plan.digest
        if kept := self.state.outcome(plan, without_archives=plan not in self._refused):
            self.state.mark_newest(plan, kept)
            return kept, "kept"
        if self.published and plan not in self._refused and (found := self._find(self.published, order.plan)):
            return found, "fetched"
        return None

    def seconds_of(self, recipe: str) -> float | None:
        """Return how long the newest build of a recipe took that is recorded here; None if none is.

        The channel is not asked: that would be a request for each recipe, for the sake of one line.
        """
        with suppress(FarmError, OSError):
            return self.state.seconds_of(recipe)
        return None

    def provider_of(self, kind: ErrorKind, subject: str) -> str:
        """Return a package that provides what a build has missed: one recorded here, or of the channel; or nothing."""
        with suppress(FarmError, OSError):
            here = self.state.provider_of(kind, subject)
            return here or (self.published.provider_of(kind, subject) if self.published else "")
        return ""

    def bring(self, packages: Iterable[DependencyArchive], *, unpacked: bool = True) -> None:
        """See that packages are here: fetched, and verified by unpacking them into the cache.

        With `unpacked`, a package in the cache needs no archive. Raises `NotFetchedError`.
        """
        lacking = [
            package
            for package in dict.fromkeys(packages)
            if not self.workshop.store.has(package.archive.digest)
            and not (unpacked and self.workshop.cache.holds(package.store, package.tree))
        ]
        if failed := self._fetch(lacking) if lacking else {}:
            store = self.workshop.store
            self._refused |= {Descriptor.from_json(store.read(package.descriptor)).plan for package in failed}
            raise NotFetchedError(tuple(failed), next(iter(failed.values())))

    def _find(self, published: PublishedBuilds, plan: Plan) -> BuildOutcome | None:
        """Return the published outcome of this very plan, recorded here; None, with a note why, if there is none."""
        name = plan.name.short
        try:
            published.prepare(self._ahead)
        except (FarmError, OSError) as error:
            self._give_up(error)
            return None
        try:
            found = published.find(tuple(output_names(plan)))
        except (FarmError, OSError) as error:
            self._refuse(plan, error)
            return None
        if found is None:
            self.reports.detail(f"{name} is built: {published.channel} does not have it")
        elif found.plan.digest != plan.digest:
            changes = input_changes(found.plan, plan)
            differences = ", ".join(f"{change.kind.value} {change.name}".rstrip() for change in changes)
            self.reports.detail(f"{name} is built: its plan is not that of {found.release}, by {differences}")
            self._note_toolchain(plan, found.plan, published)
        elif found.lacks:
            self.reports.detail(f"{name} is built: {found.release} has not all of its packages")
        else:
            self.state.record(plan.digest, found.outcome, release=found.release)
            return found.outcome
        return None

    def _refuse(self, plan: Plan, error: FarmError | OSError) -> None:
        """Do not take one package, which is broken or cannot be fetched, and say so; after some, take nothing more."""
        if self.published and plan.digest not in self._refused:
            self._refused.add(plan.digest)
            self._failed += 1
            why = f"{plan.name.short} is built, as it cannot be taken from {self.published.channel}"
            self.reports.say(f"{why}: {getattr(error, 'message', error)}")
            if self._failed >= _FAILURES:
                self._give_up(error)

    def _give_up(self, error: FarmError | OSError) -> None:
        """Take nothing from the channel any more, and say why."""
        if self.published:
            self.reports.say(f"nothing is taken from {self.published.channel}: {getattr(error, 'message', error)}")
            self.published = None

    def _note_toolchain(self, plan: Plan, other: Plan, published: PublishedBuilds) -> None:
        """Say once that a toolchain differs from the channel's of that name, as then all that is built with it does.

        Nothing is said where the recipe was built there with a toolchain of another name: that is a change of the
        recipe. Where its recipe there is not at hand, only what is known is said.
        """
        if plan.toolchain == other.toolchain or plan.toolchain in self._other_toolchains:
            return
        name, recipe = self.workshop.toolchains(plan.toolchain).name, plan.name.short
        theirs = published.toolchain_of(recipe)
        if theirs and theirs != name:
            return
        self._other_toolchains.add(plan.toolchain)
        digests = f"{plan.toolchain}, not {other.toolchain}"
        if theirs:
            text = f"the toolchain {name} differs from that of {published.release}: {digests}. "
            self.reports.say(f"{text}All that is built with it is built here.")
        else:
            self.reports.say(f"{recipe} is built here with another toolchain than in {published.release}: {digests}")

    def _fetch(self, lacking: Sequence[DependencyArchive]) -> dict[DependencyArchive, str]:
        """Fetch packages and unpack them, which verifies them; return those that cannot be had, and why."""
        published = self.published
        if published is None:
            return dict.fromkeys(lacking, "no channel was chosen")
        with suppress(FarmError, OSError):  # each is fetched again by itself, to know which are at fault
            published.fetch(lacking)
        failed: dict[DependencyArchive, str] = {}
        for package in lacking:
            if len(failed) >= _FAILURES:
                failed[package] = "after these failures, it was not asked for"
                continue
            try:
                if not self.workshop.store.has(package.archive.digest):
                    published.fetch([package])
                self._unpack(package)
            except (FarmError, OSError) as error:
                failed[package] = getattr(error, "message", str(error))
        return failed

    def _unpack(self, package: DependencyArchive) -> None:
        store = self.workshop.store
        self.workshop.cache.ensure(package.store, package.tree, lambda: store.open(package.archive.digest))
