"""`farm search` and `farm info`: the packages of subscribed channels."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import channel_option, json_option
from farm.cli.output import say, say_json, say_lines, styled, table
from farm.cli.settings import Settings
from farm.cli.subscriber import last_verified_form, open_host, opened_read_only
from farm.core.names.printed_version import printed_version
from farm.core.names.wording import human_size
from farm.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.client.repository.host import Host
    from farm.trust.index.node import Listing


@click.command()
@click.argument("text", default="")
@channel_option
@json_option
def search(text: str, channel: str, as_json: bool) -> None:
    """Search the subscribed channels by words of names and summaries.

    A package is found if its name, summary or version has each word of TEXT. Without TEXT, lists all packages.

    \b
    Example:
      farm search json
    """
    host, words = open_host(Settings.from_environment()), text.lower().split()
    followed = host.subscriptions.all()
    searched = [str(subscription) for subscription in followed] if len(followed) > 1 and not channel else [channel]
    found, names = [], set[str]()
    for catalogue in map(host.catalogue, searched):
        listed = list(catalogue.listings())
        names.update(listing.name for listing in listed)
        lines = (listing for listing in listed if _has_all(listing, words))
        found += [(catalogue, listing) for listing in sorted(lines, key=attrgetter("name"))]
    if as_json:
        forms = [
            {
                "distribution": catalogue.release.distribution,
                "channel": catalogue.release.channel,
                **catalogue.entry(listing.name).to_dict(),
            }
            for catalogue, listing in found
        ]
        say_json(forms)
        return
    rows = [
        (
            *((catalogue.release.subscription,) if len(searched) > 1 else ()),
            listing.name,
            printed_version(listing.version, listing.revision),
            human_size(listing.archive_size),
            listing.summary,
        )
        for catalogue, listing in found
    ]
    headings = (*(("CHANNEL",) if len(searched) > 1 else ()), "NAME", "VERSION", "SIZE", "SUMMARY")
    say_lines(table(rows, headings) if rows else [f"nothing found. {did_you_mean(text.lower(), names)}".strip()])


def _has_all(listing: Listing, words: Sequence[str]) -> bool:
    """Return whether a line of a search has each of these words, in lower case."""
    said = (listing.name, listing.summary.lower(), printed_version(listing.version, listing.revision))
    return all(any(word in part for part in said) for word in words)


@click.command()
@click.argument("name")
@channel_option
@json_option
def info(name: str, channel: str, as_json: bool) -> None:
    """Show a package: version, license, needs, and the digests that identify it.

    \b
    Example:
      farm info jq
    """
    with opened_read_only(Settings.from_environment()) as host:
        catalogue = host.catalogue_of([name], channel)
        known_as = catalogue.known_as(name)
        package = next(package for package in catalogue.verified([name]) if package.name == known_as)
    if as_json:
        say_json(_form(package) | last_verified_form(host))
        return
    pin = catalogue.import_of(package.name)
    imported = [("imported", f"from {pin}, {pin.release}, at {pin.address}")] if pin else []
    for heading, value in [
        *_facts(package),
        *_sensitive(package),
        *imported,
        *_overridden(host, catalogue, package.name),
    ]:
        say(styled(f"{heading:<11}", bold=True) + f" {value}")


def _form(package: VerifiedPackage) -> dict[str, Any]:
    from farm.client.root.sensitive_additions import sensitive_additions

    brought = sensitive_additions(package.descriptor, package.manifest, package.facts)
    return {
        "entry": package.entry.to_dict(),
        "descriptor": package.descriptor.to_dict(),
        "build": package.build,
        "sensitive-files": [files.to_dict() for files in brought],
    }


def _overridden(host: Host, catalogue: Catalogue, name: str) -> list[tuple[str, str]]:
    from farm.client.override.overrides import Overrides

    return [
        ("overridden", f"for {scope}, by {override.source}: {override.why}")
        for scope, override in Overrides(host.state).all()
        if (override.channel, override.package) == (catalogue.release.subscription, name)
    ]


def _sensitive(package: VerifiedPackage) -> list[tuple[str, str]]:
    """Return a line for the sensitive files with the same effect and reason, each by name."""
    from farm.client.root.sensitive_additions import sensitive_additions

    found = sensitive_additions(package.descriptor, package.manifest, package.facts)
    return [("sensitive", f"{' '.join(finding.name for finding in files.findings)}: {files.what}") for files in found]


def _facts(package: VerifiedPackage) -> list[tuple[str, str]]:
    entry, descriptor = package.entry, package.descriptor
    return [
        ("name", str(descriptor.name)),
        ("version", printed_version(descriptor.version, descriptor.revision, package.build)),
        ("summary", entry.summary),
        ("platform", str(descriptor.platform)),
        ("license", descriptor.license),
        ("size", f"{human_size(entry.archive.size)} to fetch, {len(package.manifest.entries)} files and directories"),
        ("needs", " ".join(entry.needs) or "nothing"),
        ("requires", " ".join(descriptor.requires) or "nothing"),
        ("provides", " ".join(descriptor.provides) or "nothing"),
        *([("host", str(descriptor.host))] if str(descriptor.host) else []),
        ("package", descriptor.digest),
        ("tree", descriptor.tree),
        ("plan", descriptor.plan),
        ("recipe", entry.recipe),
    ]
