"""`farm policy check`: check a root or an image against a policy, for people, CI, and admission to a cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.groups import VerbGroup
from farm.cli.options import json_option
from farm.cli.output import say, say_json
from farm.cli.settings import Settings
from farm.cli.severity_option import policy_in_force, policy_option
from farm.core.names.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.client.findings.policy import PolicyViolation
    from farm.client.repository.host import Host
    from farm.core.names.digest import Digest
    from farm.core.package.descriptor import Descriptor
    from farm.core.sets.members.set_record import SetRecord

FOUND = 3


@click.group(cls=VerbGroup)
def policy() -> None:
    """Check roots and images against the policy of this host."""


@policy.command()
@click.argument("subject", metavar="IMAGE|ROOT")
@policy_option
@json_option
def check(subject: str, as_json: bool) -> int:
    """Check an image or a root against the policy.

    IMAGE is a name in Docker, an OCI layout directory, or the digest of an image made here; ROOT a directory that farm
    has installed into. Exits with status 0 when it is allowed, with 3 when it is not, and with 1 when that is not
    known.

    \b
    Examples:
      farm policy check api:1
      farm policy check /srv/tools --policy policy.yaml --json
    """
    from farm.cli.subscriber import open_host
    from farm.client.findings.policy import judge
    from farm.client.findings.policy_facts import facts_of_record
    from farm.client.findings.policy_in_force import PolicyInForce

    settings = Settings.from_environment()
    path = policy_in_force().file
    if path is None:
        raise click.UsageError(f"There is no policy: name one with --policy, or write {settings.state}/policy.yaml.")
    in_force, host = PolicyInForce(path).read(), open_host(settings)
    record, descriptors, layers = _set_of(subject, host, settings)
    facts = facts_of_record(in_force, host, record, descriptors)
    violations = judge(in_force, replace(facts, layers=layers))
    if as_json:
        say_json(_verdict(subject, record, path, violations))
    elif violations:
        for violation in violations:
            say(f"{violation.rule}: {violation.message}")
            say(f" help: {violation.remedy}")
    else:
        say(f"{subject}: {counted(len(record.packages), 'package')}, all allowed by {path}")
    return FOUND if violations else 0


def _verdict(subject: str, record: SetRecord, path: Path, violations: Sequence[PolicyViolation]) -> dict[str, Any]:
    from farm.core.names.digest import Digest

    return {
        "allowed": not violations,
        "subject": subject,
        "set": record.digest,
        "packages": [{"name": str(package.name), "version": package.full_version} for package in record.packages],
        "releases": [str(release) for release in record.releases],
        "policy": {"file": str(path), "digest": Digest.of(path.read_bytes())},
        "objections": [violation.to_dict() for violation in violations],
        "message": "; ".join(violation.message for violation in violations),
    }


def _set_of(
    subject: str, host: Host, settings: Settings
) -> tuple[SetRecord, Mapping[Digest, Descriptor], tuple[str, ...]]:
    """Return the set of a root or an image, its descriptors, and the layers that are of no package."""
    from farm.client.image.package_set import PackageDescriptions
    from farm.client.root.generations import Root
    from farm.client.root.installed_set import InstalledSet

    place = Path(subject)
    layers: tuple[str, ...] = ()
    if (place / ".farm").is_dir():
        record = Root(place.absolute()).installed().set
        described = [descriptor for descriptor, _ in InstalledSet(host, record).described()]
    else:
        from farm.cli.subscriber import opened
        from farm.client.image.accounting import unaccounted

        known, _, engine = opened(subject, settings, certainly=True)
        record, reading = known.record, PackageDescriptions(host)
        parts = reading.parts(known)
        described = [part.descriptor for part in parts]
        layers = tuple(str(fault) for fault in unaccounted(host, known, reading, parts, engine))
    return record, {descriptor.digest: descriptor for descriptor in described}, layers
