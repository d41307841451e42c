"""What a distribution has signed about vulnerabilities in its packages, as a subscriber verifies it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.download import Downloads
from farm.client.imports import ImportedReleases
from farm.client.readers import open_reader
from farm.compat.advisories import find
from farm.compat.openvex import read_openvex
from farm.errors import FarmError
from farm.trust.advisory_index import NAME, AdvisoryIndex, InvalidAdvisoryIndexError, open_advisory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.client.host import Host
    from farm.client.subscriptions import Subscription
    from farm.compat.advisories import Advisory, Finding, Statement
    from farm.names import Version
    from farm.trust.imports import Import
    from farm.trust.release_index import Release


class NoAdvisoriesError(FarmError):
    """A distribution publishes no list of advisories: nothing is known, which is not the same as nothing wrong."""

    code = "no-advisories"

    def __init__(self, distribution: str) -> None:
        super().__init__(
            f"{distribution} publishes no advisories, so nobody can say which packages are affected",
            remedy="Ask its owner; or go on without: leave --max-severity and FARM_MAX_SEVERITY away.",
        )


@dataclass(frozen=True, slots=True)
class KnownAdvisories:
    """The advisories that speak of the packages that were asked for, and everything that is stated."""

    advisories: tuple[Advisory, ...]
    statements: tuple[Statement, ...]

    def find(self, packages: Iterable[tuple[str, Version, int]]) -> list[Finding]:
        """Return what holds for packages (name, version, revision), the worst first."""
        return find(self.advisories, self.statements, packages)


def known_advisories(host: Host, subscription: Subscription, packages: Iterable[str]) -> KnownAdvisories:
    """Fetch and verify what a distribution says about packages: by short names its own, by full ones such as it takes.

    Raises `NoAdvisoriesError`, `InvalidAdvisoryIndexError`, `UntrustedMetadataError`, `DownloadError`.
    """
    content = host.subscriptions.metadata(subscription).advisories().get(NAME)
    return _read(content, subscription.distribution, Downloads(open_reader(subscription.address), host.blobs), packages)


def known_in_release(host: Host, release: Release, packages: Iterable[str]) -> KnownAdvisories:
    """Fetch and verify what is known about packages of a release: also what the owners of those that it takes say.

    Names are short, and full for packages of other distributions. Raises as `known_advisories`, and what opening an
    import raises.
    """
    names = set(packages)
    subscription = host.subscriptions.find(f"{release.distribution}/{release.channel}")
    known = known_advisories(host, subscription, names)
    advisories, statements = list(known.advisories), list(known.statements)
    imported = ImportedReleases(host.state, host.blobs, host.subscriptions)
    for pin in release.imports:
        short = {each.rpartition("/")[2] for each in names.intersection(pin.names)}
        if not short:
            continue
        theirs = _read(*_list_of(imported, pin), short)
        advisories += [each.seen_from_abroad(pin.distribution) for each in theirs.advisories]
        statements += [found for each in theirs.statements if (found := each.seen_from_abroad(pin.distribution))]
    return KnownAdvisories(tuple(advisories), tuple(statements))


def _list_of(imported: ImportedReleases, pin: Import) -> tuple[bytes | None, str, Downloads]:
    content, downloads = imported.advisories(pin)
    return content, pin.distribution, downloads


def _read(content: bytes | None, distribution: str, downloads: Downloads, packages: Iterable[str]) -> KnownAdvisories:
    if content is None:
        raise NoAdvisoriesError(distribution)
    index = AdvisoryIndex.from_json(content)
    if index.distribution != distribution:
        raise InvalidAdvisoryIndexError(
            f"the list of advisories is of {index.distribution}, not of {distribution}",
            remedy="Tell the owner of the channel.",
        )
    listed = index.about(set(packages))
    wanted = [(each.document, f"advisory {each.id}") for each in listed]
    downloads.ensure_all(wanted, lambda _blob: None)
    advisories = tuple(
        open_advisory(each, index.distribution, lambda blob: downloads.read(blob, "advisory")) for each in listed
    )
    if not advisories or index.statements is None:
        return KnownAdvisories(advisories, ())
    statements = read_openvex(downloads.read(index.statements, "statements about advisories"), index.distribution)
    return KnownAdvisories(advisories, statements)
