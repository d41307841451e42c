"""Fetches the sources of a build, by digest, before its container starts.

The order is: the blob store; the farm's own store, if one is given; the origins in the recipe's order; the URL. Origins
go before the URL, although the URL is the source's identity, because they are the cheap question: a Debian index is at
hand and says without a download whether it has these very bytes, and a mirror near the worker answers where upstream
may be slow, gone, or behind a firewall that drops packets (five seconds for each host, once in an attempt). Nothing is
lost by it, since bytes count by their digest alone and never by where they came from.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from farm.build.sources.origins import OtherBytesError, fetch_from_debian, fetch_from_pypi
from farm.build.toolchain.apt import AptError
from farm.errors import FarmError
from farm.store.errors import BlobMismatchError
from farm.store.http.address_guard import ForbiddenAddressError
from farm.store.http.download import Downloader, DownloadPolicy, OriginFailedError, check_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farm.build.toolchain.apt import Apt
    from farm.core.names.digest import Digest
    from farm.core.recipe.recipe import Origin
    from farm.store.blobs import BlobStore

__all__ = [
    "Attempt",
    "DownloadPolicy",
    "FetchedSource",
    "ForbiddenAddressError",
    "SourceDigestMismatchError",
    "SourceFetcher",
    "SourceUnreachableError",
]

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Attempt:
    """One origin that did not yield the source, and why.

    `got` is the digest of what it had instead, if anything; `unanswered` says that it may have it all the same.
    """

    origin: str
    reason: str
    got: Digest | None = None
    unanswered: bool = False

    def __str__(self) -> str:
        return f"{self.origin}: {self.reason}"


@dataclass(frozen=True, slots=True)
class FetchedSource:
    """A source that is in the blob store now: where it came from, and which origins failed before that one.

    `path` is the blob's file; `size` is in bytes.
    """

    digest: Digest
    size: int
    path: Path
    origin: str
    attempts: tuple[Attempt, ...] = ()


class SourceUnreachableError(FarmError):
    """No origin yielded the source; each is listed with its reason.

    With `unanswered` some of them may have it: it is the network's or their trouble, and not the recipe's mistake.
    """

    code = "source-unreachable"

    def __init__(self, digest: Digest, attempts: Sequence[Attempt]) -> None:
        tried = "".join(f"\n  {attempt}" for attempt in attempts) or " it names no origin"
        super().__init__(
            f"the source {digest} could not be fetched:{tried}",
            remedy="Add an origin that this machine can reach (debian, pypi or url), or mend the URL.",
        )
        self.digest = digest
        self.attempts = tuple(attempts)
        self.unanswered = any(attempt.unanswered for attempt in attempts)


class SourceDigestMismatchError(FarmError):
    """An origin serves other bytes than the recipe names, and no other origin has the right ones.

    `origin`, `expected` and `got` are those of the first such origin; `attempts` lists all.
    """

    code = "source-digest-mismatch"

    def __init__(self, expected: Digest, attempts: Sequence[Attempt]) -> None:
        culprit = next(attempt for attempt in attempts if attempt.got)
        others = "".join(f"\n  {attempt}" for attempt in attempts if attempt is not culprit)
        super().__init__(
            f"{culprit.origin} serves other bytes than the recipe names: expected {expected}, {culprit.reason}"
            + (f"\nand elsewhere:{others}" if others else ""),
            remedy="Find out why the bytes changed before you change sha256 in the recipe.",
        )
        self.origin = culprit.origin
        self.expected = expected
        self.got = culprit.got
        self.attempts = tuple(attempts)


class SourceFetcher:
    """Brings sources into a blob store. One instance serves one worker; it remembers hosts that cannot be reached.

    `apt` serves `debian` origins (None: they fail with that reason). `farm_store` opens a blob of the farm's own
    store, or returns None.
    """

    def __init__(
        self,
        store: BlobStore,
        policy: DownloadPolicy,
        *,
        apt: Apt | None = None,
        farm_store: Callable[[Digest], BinaryIO | None] | None = None,
    ) -> None:
        self._store = store
        self._policy = policy
        self._downloader = Downloader(policy)
        self._apt = apt
        self._farm_store = farm_store

    def anew(self) -> SourceFetcher:
        """Return one that knows nothing of what others met: each try of a job asks every host, or it were no try."""
        return SourceFetcher(self._store, self._policy, apt=self._apt, farm_store=self._farm_store)

    def fetch(self, digest: Digest, url: str = "", origins: Sequence[Origin] = ()) -> FetchedSource:
        """Make sure that the store holds the source `digest`, fetching it if needed.

        Raises `ForbiddenAddressError`, `SourceDigestMismatchError` or `SourceUnreachableError`; the store is then
        as it was.
        """
        if self._store.has(digest):
            return self._fetched(digest, "the blob store", ())
        ways = self._ways(digest, url, origins)
        attempts: list[Attempt] = []
        forbidden: list[ForbiddenAddressError] = []
        for name, way in ways:
            try:
                way()
            except BlobMismatchError as error:
                attempts.append(Attempt(name, f"got {error.actual}", error.actual))
            except OtherBytesError as error:
                attempts.append(Attempt(name, error.message, error.got))
            except ForbiddenAddressError as error:
                attempts.append(Attempt(name, error.message))
                forbidden.append(error)
            except (OriginFailedError, AptError) as error:
                attempts.append(Attempt(name, error.message, unanswered=error.unanswered))
            else:
                return self._fetched(digest, name, attempts)
        if any(attempt.got for attempt in attempts):
            raise SourceDigestMismatchError(digest, attempts)
        if forbidden:
            raise forbidden[0]
        raise SourceUnreachableError(digest, attempts)

    def _ways(self, digest: Digest, url: str, origins: Sequence[Origin]) -> list[tuple[str, Callable[[], None]]]:
        """Name the origins in order, each with what fetches from it. A bad URL is refused before any is asked."""
        ways: list[tuple[str, Callable[[], None]]] = []
        if self._farm_store is not None:
            ways.append(("the farm's store", lambda: self._from_farm(digest)))
        ways.extend(
            (f"{origin.kind}: {origin.reference}", self._way(digest, origin.kind, origin.reference))
            for origin in origins
        )
        if url:
            ways.append((url, self._way(digest, "url", url)))
        return ways

    def _way(self, digest: Digest, kind: str, reference: str) -> Callable[[], None]:
        if kind == "url":
            check_url(reference)
            return lambda: self._from_url(digest, reference)
        if kind == "debian":
            return lambda: self._from_debian(digest, reference)
        return lambda: self._from_pypi(digest, reference)

    def _from_url(self, digest: Digest, url: str) -> None:
        with self._store.writer() as writer:
            self._downloader.download(url, writer)
            writer.commit(digest)

    def _from_farm(self, digest: Digest) -> None:
        stream = self._farm_store(digest) if self._farm_store else None
        if stream is None:
            raise OriginFailedError("it has no such blob")
        with stream:
            self._take(stream, digest)

    def _from_debian(self, digest: Digest, reference: str) -> None:
        if self._apt is None:
            raise OriginFailedError("this worker has no apt sources")
        with tempfile.TemporaryDirectory(prefix="farm-source-") as directory:
            path = fetch_from_debian(self._apt, reference, digest, Path(directory))
            with path.open("rb") as file:
                self._take(file, digest)

    def _from_pypi(self, digest: Digest, reference: str) -> None:
        with tempfile.TemporaryDirectory(prefix="farm-source-") as directory:
            path = Path(directory) / "sdist"
            fetch_from_pypi(reference, path, max_bytes=self._policy.max_bytes)
            with path.open("rb") as file:
                self._take(file, digest)

    def _take(self, stream: BinaryIO, digest: Digest) -> None:
        with self._store.writer() as writer:
            while chunk := stream.read(_COPY_BYTES):
                writer.write(chunk)
            writer.commit(digest)

    def _fetched(self, digest: Digest, origin: str, attempts: Sequence[Attempt]) -> FetchedSource:
        return FetchedSource(digest, self._store.size(digest), self._store.path(digest), origin, tuple(attempts))
