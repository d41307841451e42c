"""What a distribution has signed about vulnerabilities in its packages, as a subscriber verifies it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from farm.compat.advisories import find
from farm.compat.openvex import read_published
from farm.errors import FarmError
from farm.trust.advisory_index import AdvisoryIndex, InvalidAdvisoryIndexError, open_advisory
from farm.trust.layout import ADVISORY_LIST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.client.download import Downloads
    from farm.client.host import Host
    from farm.client.subscriptions import Subscription
    from farm.compat import SetRecord
    from farm.compat.advisories import Advisory, Finding, Statement
    from farm.names import Version
    from farm.trust.imports import Import
    from farm.trust.release_index import Release


class NoAdvisoriesError(FarmError):
    """A distribution publishes no list of advisories: nothing is known, which is not the same as nothing wrong."""

    code = "no-advisories"

    def __init__(self, distribution: str, way_on: str = "") -> None:
        """`way_on` is how whoever asked can do without, as a sentence."""
        super().__init__(
            f"{distribution} publishes no advisories, so nobody can say which packages are affected",
            remedy=" ".join(filter(None, ("Ask its owner to publish them.", way_on))),
        )
        self.distribution = distribution


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
    content, downloads = _Published(host, subscription).own(subscription)
    return _read(content, subscription.distribution, downloads, packages)


def keep_advisories(host: Host, release: Release, record: SetRecord) -> None:
    """Bring what is known of a set of a release, so that it can be audited when nobody can be asked any more.

    Who does not get it goes on without it, also where nobody publishes any: it is said when it is asked for.
    """
    channel = f"{release.distribution}/{release.channel}"
    names = {each.name.inside(release.distribution) for each in record.packages if each.channel == channel}
    with suppress(FarmError, OSError):
        known_in_release(host, release, names)


class AdvisoryLists(Protocol):
    """Where signed lists of advisories come from, each with what brings the documents that it names."""

    def own(self, subscription: Subscription) -> tuple[bytes | None, Downloads]:
        """Return the list of a distribution that is followed; none where it publishes none."""

    def of(self, pin: Import) -> tuple[bytes | None, Downloads]:
        """Return the list of a distribution that a release takes packages of."""


class _Published:
    """The newest lists, from their repositories. `taker` is whose releases take packages of others."""

    def __init__(self, host: Host, taker: Subscription) -> None:
        self._host = host
        self._taker = taker

    def own(self, subscription: Subscription) -> tuple[bytes | None, Downloads]:
        content = self._host.subscriptions.metadata(subscription).advisories().get(ADVISORY_LIST)
        return content, self._host.downloads(subscription)

    def of(self, pin: Import) -> tuple[bytes | None, Downloads]:
        return self._host.imported(self._taker).advisories(pin)


def known_in_release(
    host: Host, release: Release, packages: Iterable[str], lists: AdvisoryLists | None = None
) -> KnownAdvisories:
    """Verify what is known about packages of a release: also what the owners of those that it takes say.

    Names are short, and full for packages of other distributions. `lists` are those of the host unless given. Raises as
    `known_advisories`, and what opening an import raises.
    """
    names = set(packages)
    subscription = host.subscriptions.find(f"{release.distribution}/{release.channel}")
    lists = lists or host.advisory_lists or _Published(host, subscription)
    content, downloads = lists.own(subscription)
    known = _read(content, subscription.distribution, downloads, names)
    advisories, statements = list(known.advisories), list(known.statements)
    for pin in release.imports:
        short = {each.rpartition("/")[2] for each in names.intersection(pin.names)}
        if not short:
            continue
        content, downloads = lists.of(pin)
        theirs = _read(content, pin.distribution, downloads, short)
        advisories += [each.seen_from_abroad(pin.distribution) for each in theirs.advisories]
        statements += [found for each in theirs.statements if (found := each.seen_from_abroad(pin.distribution))]
    return KnownAdvisories(tuple(advisories), tuple(statements))


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
    statements = read_published(downloads.read(index.statements, "statements about advisories"), index.distribution)
    return KnownAdvisories(advisories, statements)
