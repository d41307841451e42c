"""What can be audited: roots, images, channels, and what is running; with its packages and the command for a fix."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from farm.client.findings.report import AuditedPackage
from farm.client.root.generations import Root
from farm.client.root.installed_set import InstalledSet
from farm.core.names.package_name import PackageName
from farm.core.names.version import Version

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.client.findings.report import Kind
    from farm.client.image.known_image import KnownImage
    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.host import Host
    from farm.client.root.generation import Generation
    from farm.client.run.processes import Running
    from farm.core.names.digest import Digest
    from farm.core.sets.members.set_record import SetRecord


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of an audit. `command` returns the command that installs another build of a package, by its name.

    `unknown` are packages whose distribution is not known, `unattributed` is content that belongs to no package.
    """

    kind: Kind
    name: str
    words: str
    packages: tuple[AuditedPackage, ...]
    command: Callable[[str], str]
    unknown: tuple[str, ...] = ()
    unattributed: tuple[str, ...] = ()


def root_subject(host: Host, path: Path) -> Subject:
    """Return what a root holds now. Raises `RootError`, and `DownloadError` for a record of the first format."""
    state = Root(path).installed()
    command = f"farm upgrade --root {shlex.quote(str(path))}"
    words = f"{path}: generation {state.number}, {state.releases or 'local builds'}"
    return Subject("root", str(path), words, _installed(host, state), lambda _name: command)


def image_subject(name: str, image: KnownImage, unattributed: tuple[str, ...] = ()) -> Subject:
    """Return what an image holds; `unattributed` are its layers that belong to none of its packages."""
    releases = " and ".join(str(release) for release in image.record.releases)
    words = f"{name}: image {image.digest[:19]}…, {releases or 'of no release that is known here'}"
    command = partial(update_command, name)
    return Subject("image", name, words, audited(image.record), command, unattributed=unattributed)


def channel_subject(catalogue: Catalogue) -> Subject:
    """Return what the newest release of a channel holds."""
    release = catalogue.release
    channel = release.subscription
    own = [
        AuditedPackage(
            PackageName(release.distribution, listing.name),
            Version(listing.version),
            listing.revision,
            "",
            None,
            channel,
        )
        for listing in catalogue.listings()
    ]
    for name in (name for pin in release.imports for name in pin.names):
        entry = catalogue.entry(name)
        version = Version(entry.version)
        own.append(
            AuditedPackage(PackageName.parse(name), version, entry.revision, "", entry.descriptor.digest, channel)
        )
    words = f"release {release.number} of {channel}"
    return Subject("channel", channel, words, tuple(own), lambda _name: "")


def running_subject(running: Running) -> Subject:
    """Return what a running container or run holds."""
    held = audited(running.record) if running.record else ()
    unknown = () if running.record else running.stores
    return Subject(running.kind, running.name, running.words, held, running.command, unknown, running.unattributed)


def update_command(image: str, package: str) -> str:
    """Return the command that puts another build of a package into an image."""
    return f"farm image update {shlex.quote(image)} {package}"


def audited(record: SetRecord) -> tuple[AuditedPackage, ...]:
    """Return the packages of a set for an audit: each under its own channel, a local build under none.

    Statements of a distribution say nothing about a build that it never saw, whatever the build's name and version.
    """
    return tuple(
        AuditedPackage(
            package.name,
            Version(package.version),
            package.revision,
            package.store,
            package.descriptor,
            package.channel,
            package.why or ("replaces another build" if package.stands_for else ""),
            package.build,
        )
        for package in record.packages
    )


def _installed(host: Host, state: Generation) -> tuple[AuditedPackage, ...]:
    found = audited(state.set)
    if state.made:
        return found
    # The first format had no revisions, which an advisory may depend on.
    revisions: dict[Digest, int] = {
        descriptor.digest: descriptor.revision for descriptor, _ in InstalledSet(host, state.set).described()
    }
    return tuple(
        AuditedPackage(
            package.name,
            package.version,
            revisions[package.descriptor],
            package.store,
            package.descriptor,
            package.channel,
        )
        for package in found
        if package.descriptor
    )
