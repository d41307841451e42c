"""The closure of packages at run time, over capabilities. Cycles are legal: their members are included together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from farm.core.names.reachable import reachable
from farm.core.package.package_capability import exact_package
from farm.core.sets.findings.problem import AmbiguousProvider, Problem, UnmetRequirement
from farm.core.sets.linking.private_libraries import moved_privately, private_keepers
from farm.core.sets.members.capability_index import moved_capabilities
from farm.core.sets.members.member import is_imported
from farm.errors import FarmError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from farm.core.sets.members.capability_index import CapabilityIndex
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet


class NotInSetError(FarmError):
    """The set has no package of a name."""

    code = "unknown-package"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"the set has no package {name!r}", remedy=did_you_mean(name, known))


class OpenSetError(FarmError):
    """No member, or more than one, provides what packages require; `problems` are all such requirements."""

    code = "open-set"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(
            "; ".join(problem.message for problem in problems),
            remedy="Add a package that provides it, or leave out the one that requires it.",
        )
        self.problems = problems


class MemberSet(Protocol):
    """A set with a closure: a `PackageSet`, or a set under change."""

    @property
    def members(self) -> Mapping[str, Member]:
        """The members by short name."""

    @property
    def capabilities(self) -> CapabilityIndex:
        """Which of them provide and require what."""


def closure(package_set: MemberSet, roots: Iterable[str], *, given: Collection[str] = ()) -> tuple[Member, ...]:
    """Return the members that `roots` (short names) need at run time, themselves included, sorted by name.

    `given` are capabilities that a layer below provides (a toolchain), and that are not followed. Raises
    `NotInSetError`, `OpenSetError`.
    """
    return _closure(package_set, roots, lambda member: _needs(package_set, member, given))


def build_closure(package_set: MemberSet, roots: Iterable[str], *, given: Collection[str] = ()) -> tuple[Member, ...]:
    """Return what is needed to build against `roots`: their closure, and the pkg-config modules that theirs require.

    `Requires.private` counts: without those modules pkg-config refuses even to print flags. A module that no member
    has comes from the toolchain. Raises as `closure`.
    """

    def needs(member: Member) -> tuple[list[str], list[Problem]]:
        names, problems = _needs(package_set, member, given)
        modules = {name for module in member.facts.pkg_config for name in (*module.requires, *module.requires_private)}
        wanted = {f"pkgconfig:{name}" for name in modules} - {*member.provides, *given}
        for capability in sorted(wanted):
            provider = _provider(package_set, member, capability)
            if isinstance(provider, AmbiguousProvider):
                problems.append(provider)
            elif provider:
                names.append(provider)
        return names, problems

    return _closure(package_set, roots, needs)


def from_toolchain(members: Collection[Member]) -> frozenset[str]:
    """Return the capabilities that `members` require and none of them provides: in a build, the toolchain does.

    One version of an own package is not among them: only that package provides it. Imported packages are in no build.
    """
    required = {capability for member in members for capability in member.requires}
    lacking = required.difference(*(member.provides for member in members))
    return frozenset(name for name in lacking if (exact := exact_package(name)) is None or is_imported(exact[0]))


def needs_of(package_set: MemberSet, names: Iterable[str] | None = None) -> Mapping[str, tuple[str, ...]]:
    """Return for each of these members, or for all, the members that it requires directly, by short name, sorted.

    Raises `OpenSetError`, as the proof of such a set would fail.
    """
    resolved: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    for name in package_set.members if names is None else names:
        needs, found = _needs(package_set, package_set.members[name], ())
        resolved[name] = tuple(sorted(set(needs)))
        problems += found
    if problems:
        raise OpenSetError(tuple(problems))
    return resolved


def needs_touched(trial: TrialSet, changes: Mapping[str, Member | None]) -> set[str]:
    """Return the members whose needs may differ now that these changes are placed on the base of `trial`.

    These are the changed members, and those that require something that another member may provide now.
    """
    names = {name for name, member in changes.items() if member is not None}
    for name, member in changes.items():
        old = trial.base.get(name)
        for capability in moved_capabilities(old, member) | moved_privately(trial.members, old, member):
            names |= trial.capabilities.requirers(capability) & trial.members.keys()
    return names


def _closure(
    package_set: MemberSet, roots: Iterable[str], needs: Callable[[Member], tuple[list[str], list[Problem]]]
) -> tuple[Member, ...]:
    members = package_set.members
    roots = list(roots)
    for root in roots:
        if root not in members:
            raise NotInSetError(root, members)
    problems: list[Problem] = []

    def following(name: str) -> list[str]:
        names, found = needs(members[name])
        problems.extend(found)
        return names

    reached = reachable(roots, following)
    if problems:
        raise OpenSetError(tuple(sorted(problems, key=lambda problem: problem.message)))
    return tuple(members[name] for name in sorted(reached))


def _needs(package_set: MemberSet, member: Member, given: Collection[str]) -> tuple[list[str], list[Problem]]:
    names: list[str] = []
    problems: list[Problem] = []
    own = member.provides
    for capability in member.requires:
        if capability in given or capability in own:
            continue
        provider = _provider(package_set, member, capability)
        if isinstance(provider, AmbiguousProvider):
            problems.append(provider)
        elif provider:
            names.append(provider)
        elif keepers := private_keepers(package_set.members, member, capability):
            names += [name for name in keepers if name != member.name]
        else:
            nearest = package_set.capabilities.nearest(capability, package_set.members)
            problems.append(UnmetRequirement(member.label, capability, nearest=nearest))
    return names, problems


def _provider(package_set: MemberSet, member: Member, capability: str) -> str | AmbiguousProvider | None:
    """Return the member that serves a capability; the problem where several do; None where none does."""
    providers = package_set.capabilities.providers(capability)
    if len(providers) > 1:
        labels = tuple(package_set.members[name].label for name in providers)
        return AmbiguousProvider(member.label, capability, labels)
    return providers[0] if providers else None


@dataclass(frozen=True, slots=True)
class ImportCandidate:
    """An imported package that could be a member. `needs` are the full names of the packages that it needs at home."""

    member: Member
    needs: tuple[str, ...] = ()


def select_imported(
    wanted: Iterable[str], offers: Mapping[str, ImportCandidate], served: Callable[[str], bool]
) -> dict[str, Member]:
    """Select the packages of other distributions that a set needs, from all `offers`; both by full name.

    These are the ones that own packages require, `wanted`, and what they need and the set lacks: `served` tells whether
    an own package provides a capability, which is then not imported. Names without an offer are left out; the proof
    reports them.
    """

    def following(name: str) -> list[str]:
        offer = offers[name]
        provides = offer.member.provides
        lacking = {capability for capability in offer.member.requires if capability not in provides}
        lacking = {capability for capability in lacking if not served(capability)}
        return [need for need in offer.needs if need in offers and not lacking.isdisjoint(offers[need].member.provides)]

    return {name: offers[name].member for name in sorted(reachable(filter(offers.__contains__, wanted), following))}
