"""Sets of a release in which packages of the user's own choice replace the release's.

The release's own set is verified and proven first, as always. Problems that the proof then finds are caused by the
replacements: they are accepted, and recorded in the set with the dependent packages.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.client.findings.static_copies import copies_in
from farm.client.override.local_builds import open_built_here
from farm.client.override.overrides import BuiltHere, OverrideError, Overrides
from farm.client.override.packed_packages import OwnPackages, with_own_packages
from farm.client.repository.placed_packages import placed_package
from farm.core.sets.members.set_record import BrokenGuarantees
from farm.core.sets.proof.overriding import effects
from farm.errors import FarmError, in_lines
from farm.store.errors import CorruptBlobError, MissingBlobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from farm.client.override.overrides import Override, OverrideScope
    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.core.sets.members.set_record import PlacedPackage

    Substitute = Callable[[Catalogue, str], VerifiedPackage | None]
    """Returns the replacement of a package of a release, with `placed`; None where there is none."""


def overridden(host: Host, catalogue: Catalogue, *scopes: OverrideScope) -> Catalogue:
    """Return a release whose sets use the overrides of this host and of these scopes.

    Packages that were packed on this host are available by their full names. Raises `OverrideError`.
    """
    release = catalogue.release
    overrides = Overrides(host.state).for_channel(release.subscription, scopes)
    if overrides:
        substitutes = Substitutes(host, overrides)
        catalogue = catalogue.overridden(lambda plain, names: verified_with(plain, names, substitutes))
    return with_own_packages(host, catalogue)


def substitute_on(host: Host) -> Substitute:
    """Return a function from a package of a release to its replacement on this host, or to a package packed here.

    Raises `OverrideError`, and what opening them raises.
    """
    own = OwnPackages(host)

    def substitute(catalogue: Catalogue, name: str) -> VerifiedPackage | None:
        if own.holds(name):
            return own.open(name)
        release = catalogue.release
        overrides = Overrides(host.state).for_channel(release.subscription, ())
        found = Substitutes(host, [override for override in overrides if override.package == name])
        if name not in found.by_name:
            return None
        entry = catalogue.entry(name)
        override = found.by_name[name]
        broken = BrokenGuarantees(
            instead_of=f"{name} {entry.version}-{entry.revision}",
            made_for=override.made_for if entry.descriptor.digest != override.stands_for else "",
        )
        placed = replace(found.placed(name), stands_for=entry.descriptor.digest, broken=broken)
        return replace(found.open(name), placed=placed)

    return substitute


class Substitutes:
    """Opens the packages that overrides name, each at most once. `by_name` maps replaced packages to them."""

    def __init__(self, host: Host, overrides: Sequence[Override]) -> None:
        self._host = host
        self.by_name = {override.package: override for override in overrides}
        self._opened: dict[str, VerifiedPackage] = {}

    def open(self, name: str) -> VerifiedPackage:
        """Return the replacement of a package, verified: by its digests, or by its own channel.

        Raises `OverrideError` where a local build is missing, and what verifying a channel's package raises.
        """
        if name not in self._opened:
            override = self.by_name[name]
            source = override.source
            if isinstance(source, BuiltHere):
                self._opened[name] = self._built_here(override, source)
            else:
                self._opened[name] = self._host.catalogue(source.channel).checked(source.package)[0]
        return self._opened[name]

    def placed(self, name: str) -> PlacedPackage:
        """Return the record of a package's replacement in a set, without the guarantees that it breaks there."""
        override, package = self.by_name[name], self.open(name)
        channel = override.of_channel.channel if override.of_channel else ""
        placed = placed_package(package.descriptor, channel, package.build)
        return replace(placed, stands_for=override.stands_for, why=override.why)

    def _built_here(self, override: Override, source: BuiltHere) -> VerifiedPackage:
        try:
            return open_built_here(self._host.blobs, source)
        except (MissingBlobError, CorruptBlobError) as error:
            raise OverrideError(
                f"the replacement of {override.package} is incomplete: {error.message}",
                remedy=f"Add it again: `farm override add {override.package}={source.place}`.",
            ) from error


def verified_with(catalogue: Catalogue, names: Iterable[str], substitutes: Substitutes) -> tuple[VerifiedPackage, ...]:
    """Return the verified closure of packages, with replacements in it and the guarantees that these break.

    Raises as `Catalogue.verified` for the release's own set, `OverrideError` and `override-conflict`.
    """
    seats = _seats(catalogue, names, substitutes)
    released = {package.name: package for package in catalogue.verified(seats)}
    used = {name: substitutes.open(name) for name in seats if name in substitutes.by_name}
    if not used:
        return tuple(released[name] for name in sorted(seats))
    put = {name: replace(package, is_imported=released[name].is_imported) for name, package in used.items()}
    found = [put.get(name) or released[name] for name in sorted(seats)]
    instead_of = {put[name].member.name: released[name].member for name in put}
    said = effects((package.member for package in found), instead_of)
    for name, package in put.items():
        override, effect = substitutes.by_name[name], said[package.member.name]
        if effect.conflicts:
            raise FarmError(
                f"with {override.source} in place of {override.made_for}:"
                f"{in_lines([conflict.message for conflict in effect.conflicts])}",
                remedy="Nothing was changed. Build it without these paths, or remove it: `farm override remove`.",
                code="override-conflict",
            )
        before = released[name]
        broken = BrokenGuarantees(
            instead_of=before.member.label,
            dependents=effect.dependents,
            problems=tuple(problem.message for problem in effect.problems),
            copies=tuple(_copies(found, package, before)),
            made_for=override.made_for if before.descriptor.digest != override.stands_for else "",
        )
        placed = replace(substitutes.placed(name), stands_for=before.descriptor.digest, broken=broken)
        found[found.index(package)] = replace(package, placed=placed)
    return tuple(found)


def _seats(catalogue: Catalogue, names: Iterable[str], substitutes: Substitutes) -> set[str]:
    """Return the packages of the release that the set consists of, by name: a replacement may need others."""
    waiting = {catalogue.known_as(name) for name in names}
    catalogue.closure(waiting)  # fetches in parallel what is then requested one by one
    seats: set[str] = set()
    while waiting:
        name = waiting.pop()
        seats.add(name)
        if name in substitutes.by_name:
            needs = {need for need in substitutes.open(name).entry.needs if catalogue.holds(need)}
        else:
            needs = set(catalogue.needs(name))
        waiting |= needs - seats
    return seats


def _copies(found: Sequence[VerifiedPackage], package: VerifiedPackage, before: VerifiedPackage) -> Iterator[str]:
    """Yield the packages that linked in another build than the one that is used now."""
    for user in found:
        if user.placed is None and user.name != package.name:
            content = user.downloads.read(user.entry.provenance, f"provenance of {user.name}")
            if copies_in(user.name, content, before.descriptor.name, package.descriptor.tree):
                yield user.name
