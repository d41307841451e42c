"""What a distribution has signed about vulnerabilities in its packages, as a subscriber verifies it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.repository.advisory_sources import AdvisorySource
from farm.core.advisories.matching import find
from farm.core.advisories.openvex import read_published
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.errors import FarmError
from farm.trust.index.advisory_index import AdvisoryIndex, InvalidAdvisoryIndexError, open_advisory
from farm.trust.index.review_list import ReviewList
from farm.trust.layout import ADVISORY_LIST, REVIEW_LIST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from farm.client.repository.advisory_sources import AdvisoryLists
    from farm.client.repository.download import Downloads
    from farm.client.repository.host import Host
    from farm.core.advisories.matching import Advisory, AdvisoryFinding, Statement
    from farm.core.names.version import Version
    from farm.core.sets.members.set_record import SetRecord
    from farm.trust.index.release_index import Release


class NoAdvisoriesError(FarmError):
    """A distribution publishes no list of advisories: nothing is known, which is not the same as nothing wrong."""

    code = "no-advisories"

    def __init__(self, distribution: str, way_on: str = "") -> None:
        """`way_on` is a sentence: how to go on without advisories."""
        super().__init__(
            f"{distribution} publishes no advisories, so nobody can say which packages are affected",
            remedy=" ".join(filter(None, ("Ask its owner to publish them.", way_on))),
        )
        self.distribution = distribution


@dataclass(frozen=True, slots=True)
class KnownAdvisories:
    """The advisories about the requested packages, all statements, and the data that they come from."""

    advisories: tuple[Advisory, ...]
    statements: tuple[Statement, ...]
    data: tuple[AdvisorySource, ...] = ()

    @property
    def uncovered(self) -> tuple[str, ...]:
        """The packages, by full names, for which no review is recorded."""
        return tuple(sorted(name for source in self.data for name in source.uncovered))

    def find(self, packages: Iterable[tuple[str, Version, int]]) -> list[AdvisoryFinding]:
        """Return the findings for packages (name, version, revision), the worst first."""
        return find(self.advisories, self.statements, packages)


def keep_advisories(host: Host, release: Release, record: SetRecord) -> None:
    """Fetch the advisories for packages of a release, so that an audit works when no repository can be reached."""
    channel = release.subscription
    names = {package.name.inside(release.distribution) for package in record.packages if package.channel == channel}
    with suppress(FarmError, OSError):
        known_in_release(host, release, names)


def known_in_release(
    host: Host, release: Release, packages: Iterable[str], lists: AdvisoryLists | None = None
) -> KnownAdvisories:
    """Verify what is known about packages of a release, including what the owners of imported packages publish.

    Names are short, or full for packages of other distributions. The documents are those of the host, or of `lists`.
    Raises `NoAdvisoriesError` where one of the distributions publishes no list, and as `known_as_far_as_published`.
    """
    known = known_as_far_as_published(host, release, packages, lists)
    for source in known.data:
        if source.advisories is None:
            raise NoAdvisoriesError(source.distribution)
    return known


def known_as_far_as_published(
    host: Host, release: Release, packages: Iterable[str], lists: AdvisoryLists | None = None
) -> KnownAdvisories:
    """As `known_in_release`, but a distribution without a list is no error; the `data` record it.

    Raises `InvalidAdvisoryIndexError`, `InvalidReviewListError`, `UntrustedMetadataError`, `DownloadError`, and what
    opening an import raises.
    """
    names = set(packages)
    subscription = host.subscriptions.find(release.subscription)
    lists = lists or host
    documents, downloads = lists.advisories(subscription)
    own = _Signed.read(documents, subscription.distribution)
    advisories, statements = own.about(names, downloads)
    imported = {name for pin in release.imports for name in pin.names}
    data = [own.source((package, ()) for package in names - imported)]
    for pin in release.imports:
        short = {name.rpartition("/")[2] for name in names.intersection(pin.names)}
        if not short:
            continue
        documents, downloads = lists.imported_advisories(pin, subscription)
        theirs = _Signed.read(documents, pin.distribution)
        found, stated = theirs.about(short, downloads)
        advisories += [advisory.as_imported_by(pin.distribution) for advisory in found]
        statements += [own_name for statement in stated if (own_name := statement.as_imported_by(pin.distribution))]
        # The importing distribution may have reviewed a package too.
        data.append(theirs.source((package, own.reviewed_at(f"{pin.distribution}/{package}")) for package in short))
    return KnownAdvisories(tuple(advisories), tuple(statements), tuple(data))


@dataclass(frozen=True, slots=True)
class _Signed:
    """What a distribution has signed: its list of advisories, None where it has none, and its reviews."""

    distribution: str
    index: AdvisoryIndex | None
    digest: Digest | None
    reviews: ReviewList

    @classmethod
    def read(cls, documents: Mapping[str, bytes], distribution: str) -> _Signed:
        listed, content = documents.get(REVIEW_LIST), documents.get(ADVISORY_LIST)
        reviews = ReviewList(distribution) if listed is None else ReviewList.from_json(listed)
        index = None if content is None else AdvisoryIndex.from_json(content)
        for what, owner in (("advisories", index.distribution if index else ""), ("reviews", reviews.distribution)):
            if owner not in ("", distribution):
                raise InvalidAdvisoryIndexError(
                    f"the list of {what} is of {owner}, not of {distribution}", remedy="Tell the owner of the channel."
                )
        return cls(distribution, index, None if content is None else Digest.of(content), reviews)

    def about(self, packages: set[str], downloads: Downloads) -> tuple[list[Advisory], list[Statement]]:
        """Fetch the advisories about packages, and the statements about those advisories."""
        if self.index is None:
            return [], []
        listed = self.index.about(packages)
        wanted = [(advisory.document, f"advisory {advisory.id}") for advisory in listed]
        downloads.ensure_all(wanted, lambda _blob: None)
        found = [
            open_advisory(advisory, self.distribution, lambda blob: downloads.read(blob, "advisory"))
            for advisory in listed
        ]
        if not found or self.index.statements is None:
            return found, []
        stated = downloads.read(self.index.statements, "statements about advisories")
        return found, list(read_published(stated, self.distribution))

    def source(self, packages: Iterable[tuple[str, Sequence[datetime]]]) -> AdvisorySource:
        """Return the data about packages; each package comes with the times of reviews by others."""
        reviewed = {package: max((*self.reviewed_at(package), *others), default=None) for package, others in packages}
        number = None if self.index is None else len(self.index.advisories)
        signed = self.reviews.signed_at(self.digest) if self.digest else None
        names = (
            (str(PackageName.parse(package, within=self.distribution)), at)  # full, to distinguish two channels
            for package, at in reviewed.items()
        )
        return AdvisorySource(self.distribution, tuple(sorted(names)), number, self.digest, signed)

    def reviewed_at(self, package: str) -> tuple[datetime, ...]:
        """Return the time of the last review of a package, empty where there is none."""
        at = self.reviews.reviewed_at(package)
        return () if at is None else (at,)
