"""Publishes what a repository's signer signs: a release, advisories, a fresh timestamp.

`farm.trust.metadata.revision` has the order of writing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tuf.api.metadata import TargetFile

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.store.durable_file import replace_file
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.release_summary import summary_path, summary_statement
from farm.trust.index.release_index import Release, check_successor
from farm.trust.index.release_time import check_clock
from farm.trust.keys.signers import SigningError
from farm.trust.layout import ADVISORIES, SUMMARIES, advisory_target, release_target
from farm.trust.metadata.delegation import DelegationError, delegated_roles, role_of
from farm.trust.metadata.public_keys import write_public_keys
from farm.trust.metadata.repository_files import RepositoryFiles, RepositoryStateError
from farm.trust.metadata.revision import Revision
from farm.trust.metadata.roles import lifetime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from securesystemslib.signer import Signer

    from farm.trust.attestation.check_results import VerifiedRelease
    from farm.trust.keys.signers import Signers
    from farm.trust.metadata.repository_files import Head


class StaleReleaseError(FarmError):
    """A release is not the successor of the one that is published now: another one was published first."""

    code = "stale-release"

    def __init__(self, release: Release, number: int, digest: Digest | None) -> None:
        super().__init__(
            f"release {release.number} of {release.channel} builds on {release.previous or 'nothing'}, but release "
            f"{number} ({digest or 'none'}) is published now",
            remedy="Collect the candidate again on the published release and test it again.",
        )


def check_follows(release: Release, newest: Release | None) -> None:
    """Check that a release is the next after the newest one. Raises `StaleReleaseError`."""
    number, digest = (newest.number, newest.digest) if newest else (0, None)
    if release.previous != digest or release.number != number + 1:
        raise StaleReleaseError(release, number, digest)


class StalePolicyError(FarmError):
    """A release was checked with another list of builders and policies than the one in force now."""

    code = "stale-policy"

    def __init__(self, release: Release) -> None:
        super().__init__(
            f"while release {release.number} of {release.channel} was checked, other builders or policies came into "
            "force",
            remedy="Try again: it is checked with the new ones.",
        )


class Repository(RepositoryFiles):
    """A repository into which the holder of its online keys publishes."""

    def publish(
        self,
        release: Release,
        signers: Signers,
        now: datetime,
        *,
        verified: VerifiedRelease | None = None,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        """Make `release` the newest of its channel, if its predecessor is the newest now (compare and swap).

        Does nothing if it is published already. All blobs must be in place before. `verified` is published with it as a
        signed summary, before clients see the release; `before` is called just before they do, when nothing is left
        that could fail.
        Raises `StaleReleaseError`, `StalePolicyError`, `NotASuccessorError`, `DelegationError`, `ClockBehindError`,
        `SigningError`, `RepositoryStateError`.
        """
        with self.lock():
            published = self.current(release.channel)
            newest = published.release
            if newest == release:
                return
            check_follows(release, newest)
            check_clock(release, now)
            if newest:
                check_successor(newest, release)
            self._check_owner(published.head, release)
            role = role_of(published.head.targets, release.channel)
            revision = Revision(self, published.head, signers, now)
            if verified:
                if verified.policy != Digest.of(self.builders_document(published.head)):
                    raise StalePolicyError(release)
                self._write_summary(release, verified, signers.signing(release.channel, role), now)
            path = release_target(release.channel)
            published.channel.targets = {path: self.write_target(path, release.to_json())}
            revision.delegated(role, published.channel)
            before()
            revision.finish()

    def summary(self, release: Digest) -> bytes | None:
        """Return the signed summary of a release; None for one that was published without."""
        path = self.root / summary_path(release)
        return path.read_bytes() if path.is_file() else None

    def publish_advisories(
        self,
        documents: Mapping[str, bytes],
        signers: Signers,
        now: datetime,
        *,
        check: Callable[[Mapping[str, TargetFile]], None] = lambda _published: None,
    ) -> bool:
        """Publish these documents about advisories, by name, in addition to the published ones.

        Returns False if they are published already. `check` is called with the published targets under the lock, and
        raises if the documents may not follow. Raises as `publish`.
        """
        with self.lock():
            head = self.head()
            current = self.delegated(head, ADVISORIES)
            check(current.targets)
            wanted = current.targets | {
                path: TargetFile.from_data(path, content, ["sha256"])
                for path, content in ((advisory_target(name), content) for name, content in sorted(documents.items()))
            }
            if current.targets == wanted:
                return False
            revision = Revision(self, head, signers, now)
            for name, content in documents.items():
                self.write_target(advisory_target(name), content)
            current.targets = wanted
            revision.delegated(role_of(head.targets, ADVISORIES), current)
            revision.finish()
            return True

    def refresh_timestamp(self, signers: Signers, now: datetime) -> None:
        """Sign the timestamp again; and delegated roles and the snapshot too, when half their lifetime is over.

        Raises `ClockBehindError` when `now` is before a release that is published, and as `publish`.
        """
        with self.lock():
            head = self.head()
            documents = {name: self.delegated(head, name) for name in delegated_roles(head.targets)}
            for name, document in documents.items():
                if target := document.targets.get(release_target(name)):
                    check_clock(Release.from_json(self.read_target(target)), now)
            revision = Revision(self, head, signers, now)
            for name, document in documents.items():
                role = role_of(head.targets, name)
                if document.expires - now < lifetime(name) / 2 and signers.holds(role):
                    revision.delegated(role, document)
            revision.finish()

    def refresh_public_keys(self) -> None:
        """Write the public keys as files, which a repository of an earlier farm lacks. See `public_keys`."""
        with self.lock():
            write_public_keys(self)

    def _write_summary(
        self, release: Release, verified: VerifiedRelease, signers: Sequence[Signer], now: datetime
    ) -> None:
        before = self.summary(release.previous) if release.previous else None
        try:
            content = sign_statement(summary_statement(release, verified, now, before), *signers)
        except Exception as error:  # the library of a key service may raise any exception
            raise SigningError(
                f"the summary of release {release.number} of {release.channel} was not signed: "
                f"{error or type(error).__name__}",
                remedy="Look at the HSM or the key service that holds the channel's key.",
            ) from error
        try:
            replace_file(self.root / summary_path(release.digest), content)
        except OSError as error:
            raise RepositoryStateError(
                f"the summary of release {release.number} of {release.channel} cannot be written below "
                f"{self.root / SUMMARIES}: {error.strerror or error}",
                remedy=f"Make {self.root / SUMMARIES} a directory that the signer may write to: `farm up` does.",
            ) from error

    def _check_owner(self, head: Head, release: Release) -> None:
        """Check that a release is of the distribution that the first release of the repository has named."""
        for owner in self.distributions(head):
            if owner != release.distribution:
                raise DelegationError(
                    f"release {release.number} of {release.channel} is of {release.distribution}, and this repository "
                    f"is that of {owner}",
                    remedy="A distribution signs its own names only: give another one a repository of its own.",
                )
