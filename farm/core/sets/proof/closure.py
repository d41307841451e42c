"""The closure of packages at run time, over capabilities. Cycles are legal: members of one come together."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol

from farm.core.package.package_capability import exact_package
from farm.core.sets.findings.problem import AmbiguousProvider, Problem, UnmetRequirement
from farm.core.sets.linking.private_libraries import moved_privately, private_keepers
from farm.core.sets.members.member import is_imported
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from farm.core.sets.members.capability_index import CapabilityIndex
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet


class UnknownPackageError(FarmError):
    """A package was asked for that the set does not hold."""

    code = "unknown-package"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        nearest = get_close_matches(name, sorted(known), n=3)
        super().__init__(
            f"the set has no package {name!r}", remedy=f"Did you mean {' or '.join(nearest)}?" if nearest else ""
        )
        self.name = name
        self.nearest = tuple(nearest)


class OpenSetError(FarmError):
    """Packages require what no member, or more than one, provides; `problems` are all such requirements."""

    code = "open-set"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(
            "; ".join(problem.message for problem in problems),
            remedy="Add a package that provides it, or leave out what requires it.",
        )
        self.problems = problems


class MemberSet(Protocol):
    """What a closure is worked out over: a `PackageSet`, or a set under change."""

    @property
    def members(self) -> Mapping[str, Member]:
        """The members by short name."""

    @property
    def capabilities(self) -> CapabilityIndex:
        """Who provides what among them."""


def closure(package_set: MemberSet, roots: Iterable[str], *, given: Collection[str] = ()) -> tuple[Member, ...]:
    """Return the members that `roots` (short names) need at run time, themselves too, sorted by name.

    `given` are capabilities that something beneath provides (a toolchain), and that are not followed therefore.
    Raises `UnknownPackageError`, `OpenSetError`.
    """
    return _closure(package_set, roots, lambda member: _needs(package_set, member, given))


def build_closure(package_set: MemberSet, roots: Iterable[str], *, given: Collection[str] = ()) -> tuple[Member, ...]:
    """Return what has to be there to build against `roots`: their closure, and the pkg-config modules that theirs name.

    `Requires.private` counts: without those modules pkg-config refuses even to print flags. A module that no member
    has is the toolchain's. Raises as `closure`.
    """

    def needs(member: Member) -> tuple[list[str], list[Problem]]:
        names, problems = _needs(package_set, member, given)
        modules = {name for module in member.facts.pkg_config for name in (*module.requires, *module.requires_private)}
        wanted = {f"pkgconfig:{name}" for name in modules} - {*member.provides, *given}
        for capability in sorted(wanted):
            providers = package_set.capabilities.providers(capability)
            if len(providers) == 1:
                names.append(providers[0])
            elif providers:
                labels = tuple(package_set.members[name].label for name in providers)
                problems.append(AmbiguousProvider(member.label, capability, labels))
        return names, problems

    return _closure(package_set, roots, needs)


def from_toolchain(members: Collection[Member]) -> frozenset[str]:
    """Return the capabilities that none of `members` provides though they require them: in a build the toolchain does.

    An own package in one version is none of them: that package is it, or nothing is. Foreign ones are in no build.
    """
    required = {capability for member in members for capability in member.requires}
    lacking = required.difference(*(member.provides for member in members))
    return frozenset(each for each in lacking if (exact := exact_package(each)) is None or is_imported(exact[0]))


def resolve_needs(package_set: MemberSet) -> Mapping[str, tuple[str, ...]]:
    """Return for each member the members that it requires directly, both by short name, sorted.

    Raises `OpenSetError`, as the proof of such a set would fail.
    """
    return needs_of(package_set, package_set.members)


def needs_of(package_set: MemberSet, names: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Return for each of these members what `resolve_needs` does for all. Raises `OpenSetError`."""
    resolved: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    for name in names:
        needs, found = _needs(package_set, package_set.members[name], ())
        resolved[name] = tuple(sorted(set(needs)))
        problems += found
    if problems:
        raise OpenSetError(tuple(problems))
    return resolved


def needs_touched(trial: TrialSet, changes: Mapping[str, Member | None]) -> set[str]:
    """Return the members whose needs may be others now that these changes are placed on the base of `trial`.

    That are the changed ones, and those that require something that moved with them.
    """
    names = {name for name, member in changes.items() if member is not None}
    for name, member in changes.items():
        old = trial.base.get(name)
        before, after = set(old.provides if old else ()), set(member.provides if member else ())
        # Whom it replaces says which of several serves: then all that it provides may be another's.
        as_before = (old.replaces if old else ()) == (member.replaces if member else ())
        moved = before ^ after if as_before else before | after
        for capability in moved | moved_privately(trial.members, old, member):
            names |= trial.capabilities.requirers(capability) & trial.members.keys()
    return names


def _closure(
    package_set: MemberSet, roots: Iterable[str], needs: Callable[[Member], tuple[list[str], list[Problem]]]
) -> tuple[Member, ...]:
    members = package_set.members
    reached = dict.fromkeys(roots)
    problems: list[Problem] = []
    for root in reached:
        if root not in members:
            raise UnknownPackageError(root, members)
    waiting = list(reached)
    for name in waiting:  # grows while it is walked
        names, found = needs(members[name])
        problems += found
        for each in names:
            if each not in reached:
                reached[each] = None
                waiting.append(each)
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
        providers = package_set.capabilities.providers(capability)
        if len(providers) == 1:
            names.append(providers[0])
        elif providers:
            labels = tuple(package_set.members[name].label for name in providers)
            problems.append(AmbiguousProvider(member.label, capability, labels))
        elif keepers := private_keepers(package_set.members, member, capability):
            names += [name for name in keepers if name != member.name]
        else:
            nearest = package_set.capabilities.nearest(capability, package_set.members)
            problems.append(UnmetRequirement(member.label, capability, nearest=nearest))
    return names, problems


@dataclass(frozen=True, slots=True)
class ImportCandidate:
    """A foreign package that could be a member. `needs` are the full names of what meets its requirements at home."""

    member: Member
    needs: tuple[str, ...] = ()


def select_imported(
    wanted: Iterable[str], offers: Mapping[str, ImportCandidate], served: Callable[[str], bool]
) -> dict[str, Member]:
    """Return the foreign members of a set by full name; `offers` are all that there are, by full name.

    `wanted` are the full names that own packages require, `served` says whether an own package provides a capability:
    then that one serves, and nothing foreign comes in for it. What nobody offers is left out, for a proof to tell.
    """
    found: dict[str, Member] = {}
    waiting = [name for name in sorted(set(wanted)) if name in offers]
    while waiting:
        name = waiting.pop()
        offer = offers[name]
        found[name] = offer.member
        lacking = {
            requirement
            for requirement in offer.member.requires
            if requirement not in offer.member.provides and not served(requirement)
        }
        waiting += [
            need
            for need in offer.needs
            if need in offers and need not in found and not lacking.isdisjoint(offers[need].member.provides)
        ]
    return dict(sorted(found.items()))
