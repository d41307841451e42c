"""What is known to be wrong with what is installed, or with what a channel holds: since when, and where it is fixed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.client.download import DownloadError
from farm.client.generations import Root
from farm.client.known_advisories import known_in_release
from farm.names import Digest, Version
from farm.package import Descriptor
from farm.plan import BlobRef
from farm.trust.index_tree import IndexTree
from farm.trust.release_index import InvalidReleaseError, Release

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from farm.client.catalogue import Catalogue
    from farm.client.generation import Generation
    from farm.client.host import Host
    from farm.compat.advisories import Finding
    from farm.trust.index_node import Listing
    from farm.trust.release_index import ReleaseEntry

MOST_RELEASES = 200
"""How many releases are looked through, back from the newest, for the one that brought a package."""
_LARGEST_HEAD = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Exposed:
    """That an advisory holds for a package that is there.

    `since` is the release that brought the package, as far as releases can be looked through; `fixed_in` the newest
    release when that holds a package that is not affected, and `command` what goes there.
    """

    finding: Finding
    since: Release | None
    fixed_in: Release | None
    command: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        finding, statement = self.finding, self.finding.statement
        return {
            "package": finding.package,
            "version": f"{finding.version}-{finding.revision}",
            "advisory": finding.advisory.id,
            "aliases": list(finding.advisory.aliases),
            "severity": finding.severity,
            "summary": finding.advisory.summary,
            "published": finding.advisory.published.isoformat(),
            "since": {"release": self.since.number, "at": self.since.released_at} if self.since else None,
            "fixed-version": finding.fixed,
            "fixed-in-release": self.fixed_in.number if self.fixed_in else None,
            "command": self.command,
            "statement": {"status": statement.status, "justification": statement.justification} if statement else None,
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at, in words, how many packages that is, and what was found: the worst first.

    `harmless` are advisories that hold for packages, and that the distribution states to do no harm in them.
    """

    subject: str
    packages: int
    exposed: tuple[Exposed, ...]
    harmless: tuple[Exposed, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "subject": self.subject,
            "packages": self.packages,
            "findings": [each.to_dict() for each in self.exposed],
            "harmless": [each.to_dict() for each in self.harmless],
        }


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is looked at: packages by their names in the release, descriptors as far as known, what brings newer."""

    words: str
    packages: Mapping[str, tuple[Version, int]]
    descriptors: Mapping[str, Digest]
    command: str


def audit_root(host: Host, path: Path) -> Audit:
    """Say what is known to be wrong with what a root holds now. Raises `RootError` for one that holds nothing."""
    state = Root(path).installed()
    release = state.set.releases[0]
    channel = release.subscription
    catalogue = host.catalogue(channel)
    installed = {each.name.inside(release.distribution): each for each in _descriptors(catalogue, state)}
    subject = _Subject(
        f"{path}: generation {state.number}, {state.releases}",
        {name: (each.version, each.revision) for name, each in installed.items()},
        {name: each.digest for name, each in installed.items()},
        f"farm upgrade --root {shlex.quote(str(path))}",
    )
    return _audit(host, catalogue, subject)


def audit_channel(host: Host, channel: str) -> Audit:
    """Say what is known to be wrong with what the newest release of a subscribed channel holds."""
    catalogue = host.catalogue(channel)
    release = catalogue.release
    packages = {each.name: (Version(each.version), each.revision) for each in catalogue.listings()}
    taken = {name: catalogue.entry(name) for pin in release.imports for name in pin.names}
    packages |= {name: (Version(each.version), each.revision) for name, each in taken.items()}
    words = f"release {release.number} of {release.distribution}/{release.channel}"
    return _audit(host, catalogue, _Subject(words, packages, {}, ""))


def _audit(host: Host, catalogue: Catalogue, subject: _Subject) -> Audit:
    newest = catalogue.release
    known = known_in_release(host, newest, subject.packages)
    found = known.find((name, version, revision) for name, (version, revision) in subject.packages.items())
    names = {each.package for each in found}
    index = IndexTree(lambda blob: catalogue.downloads.read(blob, f"index of {subject.words}"), newest.index)
    listed: dict[str, Listing | ReleaseEntry] = {name: each for name in names if (each := index.listing(name))}
    listed |= {name: catalogue.entry(name) for name in names if catalogue.import_of(name)}
    now = known.find((name, Version(each.version), each.revision) for name, each in listed.items())
    still = {(each.package, each.advisory.id) for each in now if each.stands}
    since = _brought(catalogue, {**_held(index, names), **_only(subject.descriptors, names)})

    def exposed(finding: Finding) -> Exposed:
        mended = finding.package in listed and (finding.package, finding.advisory.id) not in still
        command = subject.command if mended else ""
        return Exposed(finding, since.get(finding.package), newest if mended else None, command)

    return Audit(
        subject.words,
        len(subject.packages),
        tuple(exposed(each) for each in found if each.stands),
        tuple(exposed(each) for each in found if not each.stands),
    )


def _only(descriptors: Mapping[str, Digest], names: set[str]) -> dict[str, Digest]:
    return {name: digest for name, digest in descriptors.items() if name in names}


def _held(index: IndexTree, names: set[str]) -> dict[str, Digest]:
    entries = {name: index.entry(name) for name in names}
    return {name: entry.descriptor.digest for name, entry in entries.items() if entry}


def _descriptors(catalogue: Catalogue, state: Generation) -> Iterator[Descriptor]:
    for placed in state.set.packages:
        # The digest says which bytes these are; the size is only a bound.
        blob = BlobRef(placed.descriptor, _LARGEST_HEAD)
        yield Descriptor.from_json(catalogue.downloads.read(blob, "descriptor of an installed package"))


def _brought(catalogue: Catalogue, wanted: Mapping[str, Digest]) -> dict[str, Release]:
    """Return the release that brought each of these packages: the first that held it of those without a break."""
    open_names, found = dict(wanted), dict[str, Release]()
    for release in _releases(catalogue):
        index = IndexTree(lambda blob: catalogue.downloads.read(blob, "index of an earlier release"), release.index)
        try:
            held = _held(index, set(open_names))
        except (DownloadError, InvalidReleaseError):
            break  # a mirror need not keep them all
        for name, digest in list(open_names.items()):
            if held.get(name) == digest:
                found[name] = release
            elif name in found:
                del open_names[name]
        if not open_names:
            break
    return found


def _releases(catalogue: Catalogue) -> Iterator[Release]:
    """Yield the newest release and those before it, as far as they can be had. Each names the one before by digest."""
    release = catalogue.release
    for _ in range(MOST_RELEASES):
        yield release
        if release.previous is None:
            return
        try:
            content = catalogue.downloads.read(BlobRef(release.previous, _LARGEST_HEAD), "earlier release")
            release = Release.from_json(content)
        except (DownloadError, InvalidReleaseError):
            return
