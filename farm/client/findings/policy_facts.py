"""Gathering the facts about a set that a policy needs: only those that it asks for, from signed data."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.client.findings.policy import Known, RefusedByPolicyError, judge
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
    from farm.core.advisories.matching import Finding
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
    release = catalogue.release
    record = SetRecord((), placed_packages(catalogue, packages), (release_ref(catalogue.release),))
    told: list[_Told] = []
    # Local packages belong to no release: nobody has attested them, and no advisories are published about them.
    local = {package.name for package in packages if package.placed and not package.placed.channel}
    if _asks_for_advisories(policy):
        told += _told_in_release(policy, host, catalogue, packages, lists)
    attestations = {}
    if policy.minimum_attestations:
        standing = {override.descriptor for override in record.overrides}
        attestations = {
            package.descriptor.digest: catalogue.attested(package)
            for package in packages
            if package.descriptor.digest not in standing and package.name not in local
        }
    capabilities = {package.descriptor.digest: package.descriptor.host.capabilities for package in packages}
    unreviewed = _unreviewed(policy, host, told)
    known = Known(record, capabilities, attestations, _findings(told), tuple(sorted(local)), unreviewed)
    violations = judge(policy, known)
    if violations:
        where = str(release)
        raise RefusedByPolicyError(where, violations)


@dataclass(frozen=True, slots=True)
class _Told:
    """The advisories about packages, by name, version and revision."""

    known: KnownAdvisories
    packages: tuple[tuple[str, Version, int], ...]


def _findings(told: Iterable[_Told]) -> tuple[Finding, ...]:
    return tuple(finding for each in told for finding in each.known.find(each.packages))


def _told_in_release(
    policy: Policy,
    host: Host,
    catalogue: Catalogue,
    packages: Sequence[VerifiedPackage],
    lists: AdvisoryLists | None,
) -> Iterator[_Told]:
    """Yield what is known about packages; about those of another channel, from that channel."""
    channel = catalogue.release.subscription
    own = [package for package in packages if package.placed is None or package.placed.channel == channel]
    versions = tuple((each.name, each.descriptor.version, each.entry.revision) for each in own)
    with _way_on(policy):
        yield _Told(known_in_release(host, catalogue.release, (name for name, _, _ in versions), lists), versions)
        elsewhere = SetRecord(
            (), tuple(package.placed for package in packages if package.placed and package.placed.channel)
        )
        for other, placed in _by_channel(elsewhere).items():
            if other != channel:
                yield _advisories(host, host.catalogue(other), placed, lists)[0]


@contextmanager
def _way_on(policy: Policy) -> Iterator[None]:
    """Add to the error how to go on without advisories."""
    try:
        yield
    except NoAdvisoriesError as error:
        limit = (
            "--max-severity and FARM_MAX_SEVERITY away"
            if policy.by_command
            else "maximum-severity and reviewed-within out of the policy"
        )
        raise NoAdvisoriesError(error.distribution, f"To go on without, leave {limit}.") from error


def known_of_record(policy: Policy, host: Host, record: SetRecord, descriptors: Mapping[Digest, Descriptor]) -> Known:
    """Return the facts about a recorded set, in a root or an image, that a policy needs.

    Its packages are searched in their channels. Raises what these raise.
    """
    told: list[_Told] = []
    attestations: dict[Digest, int] = {}
    unknown: list[str] = []
    for channel, placed in _by_channel(record).items():
        standing = [package for package in placed if package in record.overrides]
        released = [package for package in placed if package not in standing]
        if not channel:
            unknown += [str(package.name) for package in placed]
            continue
        if _asks_for_advisories(policy) or policy.minimum_attestations:
            catalogue = host.catalogue(channel)
            if _asks_for_advisories(policy):
                with _way_on(policy):
                    advised, nobody = _advisories(host, catalogue, placed)
                told.append(advised)
                unknown += nobody
            if policy.minimum_attestations:
                attestations |= _attested(catalogue, released, descriptors)
    capabilities = {digest: each.host.capabilities for digest, each in descriptors.items()}
    unreviewed = _unreviewed(policy, host, told)
    return Known(record, capabilities, attestations, _findings(told), tuple(sorted(unknown)), unreviewed)


def _asks_for_advisories(policy: Policy) -> bool:
    return policy.maximum_severity not in ("", SEVERITIES[-1]) or policy.reviewed_within is not None


def _unreviewed(policy: Policy, host: Host, told: Iterable[_Told]) -> tuple[tuple[str, datetime | None], ...]:
    """Return the packages without a review as recent as the policy requires; without such a rule, only warn."""
    looked = {name: at for about in told for source in about.known.data for name, at in source.packages}
    if policy.reviewed_within is not None:
        since = datetime.now(UTC) - policy.reviewed_within
        return tuple((name, at) for name, at in sorted(looked.items()) if at is None or at < since)
    if never := sorted(name for name, at in looked.items() if at is None):
        host.warn(
            f"nobody states to have looked for vulnerabilities in {len(never)} of {len(looked)} packages "
            f"({', '.join(never[:_NAMED])}{', …' if len(never) > _NAMED else ''}): that no advisory is worse than "
            "accepted says nothing of these"
        )
    return ()


def _by_channel(record: SetRecord) -> dict[str, list[PlacedPackage]]:
    found: dict[str, list[PlacedPackage]] = {}
    for package in record.packages:
        found.setdefault(package.channel, []).append(package)
    return found


def _advisories(
    host: Host, catalogue: Catalogue, placed: Iterable[PlacedPackage], lists: AdvisoryLists | None = None
) -> tuple[_Told, list[str]]:
    """Return the findings, the packages without advisories, and the packages that the channel no longer imports."""
    own = catalogue.release.distribution
    versions: list[tuple[str, Version, int]] = []
    unknown = []
    for package in placed:
        foreign = package.name.distribution != own
        name = str(package.name) if foreign else package.name.short
        if foreign and catalogue.import_of(name) is None:
            unknown.append(name)
        else:
            versions.append((name, Version(package.version), package.revision))
    known = known_in_release(host, catalogue.release, (name for name, _, _ in versions), lists)
    return _Told(known, tuple(versions)), unknown


def _attested(
    catalogue: Catalogue, placed: Iterable[PlacedPackage], descriptors: Mapping[Digest, Descriptor]
) -> dict[Digest, int]:
    own, found = catalogue.release.distribution, {}
    for package in placed:
        name = package.name.short if package.name.distribution == own else str(package.name)
        if "/" in name and catalogue.import_of(name) is None:
            continue
        home = catalogue.home_of(name)
        entry = entry_of(home, package)
        if entry is not None:
            found[package.descriptor] = home.attested_in(entry, descriptors[package.descriptor])
    return found
