"""The imports of a channel: packages of other distributions, their releases, and how a release lists them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.core.sets.members.member import is_imported
from farm.core.sets.proof.closure import ImportCandidate, needs_of, select_imported
from farm.errors import FarmError
from farm.server.channels import differences, releases
from farm.server.federation import imported
from farm.trust.index.imports import Import, ImportedPackage, imported_descriptors
from farm.trust.index.tree import IndexTree, needed_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.core.recipe.distributions import OtherDistribution
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.channels.candidates import Candidate
    from farm.server.channels.differences import Differences
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.curation.orders import Order
    from farm.server.federation.imported import ImportedRelease
    from farm.server.pipeline.members.channel_state import CandidateBase
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.pipeline.repository.public_store import PublicStore
    from farm.server.transaction.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Imports:
    """Changes among the imported packages, by full name, and the releases that the packages then belong to."""

    changes: Differences
    pins: tuple[ImportedRelease, ...]


NOTHING = Imports({}, ())


class UnpinnedPackagesError(FarmError):
    """The imported packages of one distribution are not all of one release, so no release can pin them."""

    code = "unpinned-packages"

    def __init__(self, distribution: str, names: Sequence[str]) -> None:
        super().__init__(
            f"no release of {distribution} that was seen holds {', '.join(names)} as they were tested",
            remedy=f"Wait for the next release of {distribution}, or say in distributions.yaml where it is now.",
        )


class Importer:
    """Proposes imported packages for one channel, to go with the changes of its own packages."""

    def __init__(self, state: CandidateBase, cache: MemberCache, public: PublicStore) -> None:
        self._state = state
        self._cache = cache
        self._public = public

    def built(self, unit: UnitOfWork, newest: ReleaseRecord | None, own: Differences) -> Imports:
        """Return what the newest releases of other distributions offer to the newest builds; `own` are changes."""
        pins: list[ImportedRelease] = []
        offers: dict[str, ImportCandidate] = {}
        for distribution in unit.inputs.distributions.values():
            release = imported.newest_release(unit.session, distribution.name, distribution.channel, distribution.root)
            if release is not None:
                pins.append(release)
                for package in imported.packages_of(unit.session, release.id).values():
                    offers[package.name] = ImportCandidate(self._cache.member(package), package.needs)
        before = self._held(newest)
        if not offers and not before:
            return NOTHING
        trial = self._state.trial(unit, newest.number if newest else 0)
        trial.place({name: self._state.member(unit, after) for name, (_, after) in own.items()})
        capabilities = trial.capabilities
        wanted = [name for name in offers if not all(is_imported(user) for user in capabilities.naming(name))]
        members = select_imported(
            wanted, offers, lambda wish: not all(is_imported(provider) for provider in capabilities.providers(wish))
        )
        after = {name: member.descriptor.digest for name, member in members.items()}
        return Imports(differences.between(before, after), tuple(pins))

    def taken(self, unit: UnitOfWork, newest: ReleaseRecord | None, channel: str, number: int) -> Imports:
        """Return the imports of a release of this or another channel, for this channel to take."""
        source = releases.release(unit.session, channel, number)
        pins = [imported.find_release(unit.session, taken.release) for taken in self._imports(source)]
        changes = differences.between(self._held(newest), self._held(source))
        return Imports(changes, tuple(pin for pin in pins if pin is not None))

    def promoted(self, unit: UnitOfWork, newest: ReleaseRecord | None, order: Order, own: Differences) -> Imports:
        """Return the imports that come with a promotion: if packages are named, those that the named packages need.

        `own` are the promotion's changes to own packages. If the imports that come cannot be pinned together with the
        present imports of the same distribution, all of them come: the signer decides whether they may.
        """
        channel, number, named = str(order.detail["from"]), int(order.detail["number"]), order.detail.get("packages")
        whole, record = self.taken(unit, newest, channel, number), releases.release(unit.session, channel, number)
        if not named or record is None:
            return whole
        source, moving = self._public.release(record.digest), own | whole.changes
        coming = [name for name in named if name in moving and moving[name][1] is not None]
        needed = needed_in(source, IndexTree(self._public.read, source.index), coming)
        here, there = self._held(newest), imported_descriptors(source.imports)
        changes: Differences = {}
        for owner in sorted({_owner(name) for name in whole.changes}):
            moved = {name: change for name, change in whole.changes.items() if _owner(name) == owner}
            wanted = {name: change for name, change in moved.items() if name in needed and change[1] is not None}
            if wanted:
                kept = {name for name in here.keys() - wanted.keys() if _owner(name) == owner}
                fits = all(here[name] == there.get(name) for name in kept)
                changes |= wanted if fits else moved
        return Imports(changes, whole.pins) if changes else NOTHING

    def _held(self, record: ReleaseRecord | None) -> dict[str, Digest]:
        return imported_descriptors(self._imports(record))

    def _imports(self, record: ReleaseRecord | None) -> tuple[Import, ...]:
        return self._public.release(record.digest).imports if record else ()


def make_imports(
    unit: UnitOfWork, candidate: Candidate, trial: TrialSet, base: Sequence[Import], public: PublicStore
) -> tuple[Import, ...]:
    """Return the imports of a release of the set on `trial`; `base` are the imports of the release before.

    All packages of a distribution are of one of its releases: the one that the candidate was pinned to or, if that was
    held back, the earlier one. Its address is the one that is signed now, if any is. Raises `UnpinnedPackagesError`,
    `OpenSetError`.
    """
    members = {name: member for name, member in trial.members.items() if is_imported(name)}
    needs = needs_of(trial, members)
    by_owner: defaultdict[str, list[Member]] = defaultdict(list)
    for _, member in sorted(members.items()):
        by_owner[member.descriptor.name.distribution].append(member)
    pins = imported.pins_of(unit.session, candidate.id)
    before = {pin.distribution: pin for pin in base}
    policy = public.policy() if by_owner else None
    addresses = policy.distributions if policy else {}
    found = (_pinned(unit, by_owner[owner], needs, pins.get(owner), before.get(owner)) for owner in sorted(by_owner))
    return tuple(_as_signed(pin, addresses.get(pin.distribution)) for pin in found)


def _as_signed(taken: Import, signed: OtherDistribution | None) -> Import:
    if signed is None or (signed.channel, signed.root) != (taken.channel, taken.root):
        return taken
    return replace(taken, address=signed.address)


def _pinned(
    unit: UnitOfWork,
    members: Sequence[Member],
    needs: Mapping[str, tuple[str, ...]],
    pin: ImportedRelease | None,
    before: Import | None,
) -> Import:
    owner = members[0].descriptor.name.distribution
    wanted = {member.name: member.descriptor.digest for member in members}
    packages = tuple(
        ImportedPackage(member.descriptor.name.short, member.descriptor.digest, needs[member.name])
        for member in members
    )
    if pin is not None:
        there = {name: package.digest for name, package in imported.packages_of(unit.session, pin.id).items()}
        if wanted.items() <= there.items():
            return Import(
                distribution=owner,
                channel=pin.channel,
                number=pin.number,
                release=pin.digest,
                root=pin.root,
                address=pin.address,
                packages=packages,
            )
    if before is not None and wanted.items() <= imported_descriptors([before]).items():
        return replace(before, packages=packages)
    raise UnpinnedPackagesError(owner, sorted(wanted))


def _owner(name: str) -> str:
    return name.rpartition("/")[0]
