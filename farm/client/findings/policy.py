"""Checking a set against a subscriber's policy: its violations, and for which packages. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.client.repository.advisory_sources import day
from farm.core.advisories.severity import at_least
from farm.core.files.duration import duration_text
from farm.core.names.form import Form
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from farm.core.advisories.matching import AdvisoryFinding
    from farm.core.names.digest import Digest
    from farm.core.sets.members.set_record import PlacedPackage, SetRecord
    from farm.core.subscriber.policy_file import Policy


@dataclass(frozen=True, slots=True)
class PolicyViolation(Form, record="violation of a policy"):
    """A reason why a set may not run: the key of the policy, the packages, what is wrong and the remedy."""

    rule: str
    packages: tuple[str, ...]
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """The facts about a set that a policy needs.

    `capabilities` and `attestations` are by descriptor; a package that is missing from the latter is in no release that
    can be read. `findings` are advisories that hold, `unknown` packages about which nobody publishes advisories,
    `unreviewed` those without a review as recent as the policy requires, by full name, with the time of the last review
    if any.
    """

    record: SetRecord
    capabilities: Mapping[Digest, tuple[str, ...]] = field(default_factory=dict)
    attestations: Mapping[Digest, int] = field(default_factory=dict)
    findings: tuple[AdvisoryFinding, ...] = ()
    unknown: tuple[str, ...] = ()
    unreviewed: tuple[tuple[str, datetime | None], ...] = ()
    layers: tuple[str, ...] = ()


class RefusedByPolicyError(FarmError):
    """A set violates the subscriber's own policy; `violations` name the packages and the reasons."""

    code = "refused-by-policy"

    def __init__(self, where: str, violations: tuple[PolicyViolation, ...]) -> None:
        self.violations = violations
        remedies = list(dict.fromkeys(violation.remedy for violation in violations))
        super().__init__(
            f"{where} is refused: {'; '.join(violation.message for violation in violations)}", remedy=" ".join(remedies)
        )


def judge(policy: Policy, facts: PolicyFacts) -> tuple[PolicyViolation, ...]:
    """Return the violations of a policy by a set, in the order of the policy's keys; empty where the set may run.

    Unattributed layers of an image come first, whatever the policy says: the other rules are about packages.
    """
    rules = (_layers, _channels, _severity, _unknown, _unreviewed, _overrides, _attestations, _capabilities)
    return tuple(violation for rule in rules for violation in rule(policy, facts))


def _layers(_policy: Policy, facts: PolicyFacts) -> Iterator[PolicyViolation]:
    if facts.layers:
        yield PolicyViolation(
            "layers",
            (),
            f"the image does not match its own description: {'; '.join(facts.layers)}",
            "Make it with `farm image build`, with files of your own under `files`; no other tool may add layers to "
            "it.",
        )


def _channels(policy: Policy, facts: PolicyFacts) -> Iterator[PolicyViolation]:
    if policy.channels is None:
        return
    others = [package for package in facts.record.packages if package.channel not in policy.channels]
    if others:
        origins = sorted({other.channel or "a local build" for other in others})
        yield PolicyViolation(
            "channels",
            _names(others),
            f"only packages of {' and '.join(policy.channels)} are accepted, and {_listed(others)} came from "
            f"{' and '.join(origins)}",
            f"Take them from {' or '.join(policy.channels)}, or add the channel to the policy.",
        )


def _severity(policy: Policy, facts: PolicyFacts) -> Iterator[PolicyViolation]:
    most = policy.maximum_severity
    worse = [finding for finding in facts.findings if finding.stands and most and not at_least(most, finding.severity)]
    if not worse:
        return
    advisories = "; ".join(
        f"{finding.package} {finding.version}-{finding.revision} has {finding.advisory.id} ({finding.severity}): "
        f"{finding.advisory.summary}"
        for finding in worse
    )
    fixed = sorted({f"{finding.package} {finding.fixed}" for finding in worse if finding.fixed})
    wait = f"Wait for {' and '.join(fixed)}" if fixed else "Wait for a release that is fixed"
    yield PolicyViolation(
        "maximum-severity",
        tuple(sorted({finding.package for finding in worse})),
        f"nothing worse than {most} is accepted, and {advisories}",
        f"{wait}, or leave the package out; to accept it, "
        f"{'--max-severity' if policy.by_command else 'write in the policy maximum-severity:'} {worse[0].severity}.",
    )


def _unknown(policy: Policy, facts: PolicyFacts) -> Iterator[PolicyViolation]:
    if not policy.maximum_severity or not facts.unknown:
        return
    overrides = {override.name.short for override in facts.record.overrides if not override.channel}
    overridden = sorted(overrides.intersection(name.rpartition("/")[2] for name in facts.unknown))
    back = f" To use the channel's own builds again: `farm override remove`, for {', '.join(overridden)}."
    yield PolicyViolation(
        "maximum-severity",
        facts.unknown,
        f"nothing worse than {policy.maximum_severity} is accepted, and no advisories are published about "
        f"{', '.join(facts.unknown)}",
        f"Take them from a channel that does, or leave them out.{back if overridden else ''}",
    )


def _unreviewed(policy: Policy, facts: PolicyFacts) -> Iterator[PolicyViolation]:
    if policy.reviewed_within is None or not (facts.unreviewed or facts.unknown):
        return
    never = ((name, None) for name in facts.unknown)
    reviews = [f"{name} ({day(at) if at else 'never'})" for name, at in (*facts.unreviewed, *never)]
    yield PolicyViolation(
        "reviewed-within",
        (*(name for name, _ in facts.unreviewed), *facts.unknown),
        f"each package must have been reviewed for vulnerabilities in the last "
        f"{duration_text(policy.reviewed_within)}, but these were not: {', '.join(reviews)}",
        "Ask the owner of the channel for a review (`farm advisory reviewed`), or leave reviewed-within out of the "
        "policy.",
    )


def _overrides(policy: Policy, facts: PolicyFacts) -> Iterator[PolicyViolation]:
    overrides = facts.record.overrides
    if overrides and policy.overrides != "allowed":
        yield PolicyViolation(
            "overrides",
            _names(overrides),
            f"overrides are forbidden, and {_listed(overrides)} replaces what the release has",
            "Take the channel's own: in an image by `farm image update`, in a root by `farm upgrade`; where this host "
            "chose it (`farm override list`), after `farm override remove`.",
        )


def _attestations(policy: Policy, facts: PolicyFacts) -> Iterator[PolicyViolation]:
    least = policy.minimum_attestations
    counts = {package: facts.attestations.get(package.descriptor, 0) for package in facts.record.packages}
    short = [package for package, count in counts.items() if count < least]
    if short:
        yield PolicyViolation(
            "minimum-attestations",
            _names(short),
            f"each package must be built by {least} independent builders, and was built: "
            f"{', '.join(f'{package.name} by {counts[package]}' for package in short)}",
            "Wait until others have built it again, or take a channel with the gate `reproduced`.",
        )


def _capabilities(policy: Policy, facts: PolicyFacts) -> Iterator[PolicyViolation]:
    if policy.capabilities is None:
        return
    beyond = {
        package: sorted(set(facts.capabilities.get(package.descriptor, ())) - set(policy.capabilities))
        for package in facts.record.packages
    }
    asking = [package for package, more in beyond.items() if more]
    if asking:
        needs = ", ".join(f"{package.name} needs {' and '.join(beyond[package])}" for package in asking)
        yield PolicyViolation(
            "capabilities",
            _names(asking),
            f"{' and '.join(policy.capabilities) or 'no capability'} may be granted, and {needs}",
            "Leave the package out, or add it under capabilities in the policy.",
        )


def _names(packages: Sequence[PlacedPackage]) -> tuple[str, ...]:
    return tuple(str(package.name) for package in packages)


def _listed(packages: Sequence[PlacedPackage]) -> str:
    return ", ".join(_names(packages))
