"""Gathering the facts about a set that a policy needs: only those that it asks for, from signed data."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.client.findings.policy import PolicyFacts, RefusedByPolicyError, judge
from farm.client.repository.earlier_releases import entry_of
from farm.client.repository.known_advisories import NoAdvisoriesError, known_in_release
from farm.client.repository.placed_packages import placed_packages, release_ref
from farm.core.advisories.severity import SEVERITIES
from farm.core.names.version import Version
from farm.core.sets.members.set_record import SetRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.client.repository.advisory_sources import AdvisoryLists
    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.client.repository.known_advisories import KnownAdvisories
    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor
    from farm.core.sets.members.set_record import PlacedPackage
    from farm.core.subscriber.policy_file import Policy

_NAMED = 10


def enforce(
    policy: Policy,
    host: Host,
    catalogue: Catalogue,
    packages: Sequence[VerifiedPackage],
    lists: AdvisoryLists | None = None,
) -> None:
    """Raise `RefusedByPolicyError` for packages of a release that a policy does not accept.

    `lists` are the advisories, the newest unless given. Raises what `known_in_release` raises: where nothing can be
    known, nothing passes.
    """
    if policy.limits_nothing:
        return
    record = SetRecord((), placed_packages(catalogue, packages), (release_ref(catalogue.release),))
    descriptors = {package.descriptor.digest: package.descriptor for package in packages}
    facts = facts_of_record(policy, host, record, descriptors, catalogue=catalogue, lists=lists)
    if violations := judge(policy, facts):
        raise RefusedByPolicyError(str(catalogue.release), violations)


@dataclass(frozen=True, slots=True)
class _Advisories:
    """The advisories about packages, by name, version and revision."""

    known: KnownAdvisories
    packages: tuple[tuple[str, Version, int], ...]


@contextmanager
def _way_on(policy: Policy) -> Iterator[None]:
    """Add to the error how to go on without advisories."""
    try:
        yield
    except NoAdvisoriesError as error:
        limit = (
            "--max-severity and FARM_MAX_SEVERITY out"
            if policy.by_command
            else "maximum-severity and reviewed-within out of the policy"
        )
        raise NoAdvisoriesError(error.distribution, f"To go on without, leave {limit}.") from error


def facts_of_record(
    policy: Policy,
    host: Host,
    record: SetRecord,
    descriptors: Mapping[Digest, Descriptor],
    *,
    catalogue: Catalogue | None = None,
    lists: AdvisoryLists | None = None,
) -> PolicyFacts:
    """Return the facts about a set that a policy needs, from the newest release of each of its channels.

    `catalogue` is a release to use for its channel instead. Local packages belong to no release: nobody has attested
    them, and no advisories are published about them. Raises what opening the channels raises.
    """
    found: list[_Advisories] = []
    attestations: dict[Digest, int] = {}
    unknown: list[str] = []
    given = {catalogue.release.subscription: catalogue} if catalogue else {}
    asks_for_advisories = _asks_for_advisories(policy)
    for channel, placed in _by_channel(record).items():
        if not channel:
            unknown += [str(package.name) for package in placed]
            continue
        released = [package for package in placed if not package.is_override and policy.minimum_attestations]
        if not asks_for_advisories and not released:
            continue
        home = given.get(channel) or host.catalogue(channel)
        if asks_for_advisories:
            with _way_on(policy):
                advisories, not_imported = _advisories(host, home, placed, lists)
            found.append(advisories)
            unknown += not_imported
        attestations |= _attested(home, released, descriptors)
    capabilities = {digest: descriptor.host.capabilities for digest, descriptor in descriptors.items()}
    findings = tuple(finding for advisories in found for finding in advisories.known.find(advisories.packages))
    return PolicyFacts(
        record, capabilities, attestations, findings, tuple(sorted(unknown)), _unreviewed(policy, host, found)
    )


def _asks_for_advisories(policy: Policy) -> bool:
    return policy.maximum_severity not in ("", SEVERITIES[-1]) or policy.reviewed_within is not None


def _unreviewed(policy: Policy, host: Host, found: Iterable[_Advisories]) -> tuple[tuple[str, datetime | None], ...]:
    """Return the packages without a review as recent as the policy requires; without such a rule, only warn."""
    reviewed = {name: at for advisories in found for source in advisories.known.data for name, at in source.packages}
    if policy.reviewed_within is not None:
        since = datetime.now(UTC) - policy.reviewed_within
        return tuple((name, at) for name, at in sorted(reviewed.items()) if at is None or at < since)
    if never := sorted(name for name, at in reviewed.items() if at is None):
        host.warn(
            f"no review for vulnerabilities is recorded for {len(never)} of {len(reviewed)} packages "
            f"({', '.join(never[:_NAMED])}{', …' if len(never) > _NAMED else ''}): advisories about these "
            "may be missing"
        )
    return ()


def _by_channel(record: SetRecord) -> dict[str, list[PlacedPackage]]:
    found = defaultdict(list)
    for package in record.packages:
        found[package.channel].append(package)
    return found


def _advisories(
    host: Host, catalogue: Catalogue, placed: Iterable[PlacedPackage], lists: AdvisoryLists | None = None
) -> tuple[_Advisories, list[str]]:
    """Return the advisories about packages, and the packages that the channel no longer imports."""
    own = catalogue.release.distribution
    versions: list[tuple[str, Version, int]] = []
    unknown = []
    for package in placed:
        name = package.name.inside(own)
        if "/" in name and catalogue.import_of(name) is None:
            unknown.append(name)
        else:
            versions.append((name, Version(package.version), package.revision))
    known = known_in_release(host, catalogue.release, (name for name, _, _ in versions), lists)
    return _Advisories(known, tuple(versions)), unknown


def _attested(
    catalogue: Catalogue, placed: Iterable[PlacedPackage], descriptors: Mapping[Digest, Descriptor]
) -> dict[Digest, int]:
    own, found = catalogue.release.distribution, {}
    for package in placed:
        name = package.name.inside(own)
        if "/" in name and catalogue.import_of(name) is None:
            continue
        home = catalogue.home_of(name)
        entry = entry_of(home, package)
        if entry is not None:
            found[package.descriptor] = home.attested(entry, descriptors[package.descriptor])
    return found
