"""Fetches the sources of a build, by digest, before its container starts.

The order is: the blob store; the farm's own store, if there is one; the origins in the recipe's order; the URL. Origins
come before the URL, although the URL identifies the source, because they are cheap to ask: a Debian index tells without
a download whether it has these bytes, and a near mirror answers where upstream may be slow, gone, or behind a firewall
that drops packets (five seconds for each host, once in an attempt). This is safe, since bytes count by their digest
alone, and never by their origin.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from farm.build.sources.origins import OtherBytesError, fetch_from_debian, fetch_from_pypi
from farm.build.toolchain.apt import AptError
from farm.core.names.digest import ZEROS, Digest
from farm.errors import FarmError
from farm.store.blobs import pieces_of
from farm.store.errors import BlobMismatchError
from farm.store.http.address_guard import ForbiddenAddressError
from farm.store.http.download_policy import DownloadPolicy, OriginFailedError, check_url
from farm.store.quarantine import Quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from farm.build.toolchain.apt import Apt
    from farm.core.recipe.recipe import Origin
    from farm.store.blobs import BlobStore
    from farm.store.http.download import Downloader


@dataclass(frozen=True, slots=True)
class Attempt:
    """One origin that did not yield the source, and why.

    `got` is the digest of what it had instead, if anything; `unanswered`: it may have the source nevertheless.
    """

    origin: str
    reason: str
    got: Digest | None = None
    unanswered: bool = False

    def __str__(self) -> str:
        return f"{self.origin}: {self.reason}"


class SourceUnreachableError(FarmError):
    """No origin yielded the source; each is listed with its reason.

    `unanswered`: some of them may have it, so that the network or an origin is at fault, and not the recipe.
    """

    code = "source-unreachable"

    def __init__(self, digest: Digest, attempts: Sequence[Attempt]) -> None:
        tried = "".join(f"\n  {attempt}" for attempt in attempts) or " the recipe names no origin"
        super().__init__(
            f"the source {digest} could not be fetched:{tried}",
            remedy="Add an origin that this machine can reach (debian, pypi or url), or correct the URL.",
        )
        self.unanswered = any(attempt.unanswered for attempt in attempts)


class SourceDigestMismatchError(FarmError):
    """An origin serves other bytes than the recipe names, and no other origin has the right ones."""

    code = "source-digest-mismatch"

    def __init__(self, expected: Digest, attempts: Sequence[Attempt]) -> None:
        culprit = next(attempt for attempt in attempts if attempt.got)
        others = "".join(f"\n  {attempt}" for attempt in attempts if attempt is not culprit)
        elsewhere = f"\nand elsewhere:{others}" if others else ""
        self.actual = culprit.got
        if expected == ZEROS:  # as a maintainer writes it for a source that was never fetched
            super().__init__(
                f"the recipe has no digest of this source yet; {culprit.origin} serves {culprit.got}{elsewhere}",
                remedy="Check that upstream released these bytes, which are in quarantine here. Then write: "
                f"sha256: {culprit.got and culprit.got.hex}",
            )
            return
        super().__init__(
            f"{culprit.origin} serves other bytes than the recipe names: expected {expected}, {culprit.reason}"
            + elsewhere,
            remedy="Find out why the bytes changed before you change sha256 in the recipe; "
            "they are in quarantine here until then.",
        )


@dataclass(frozen=True)
class SourceFetcher:
    """Fetches sources into a blob store. One instance serves one attempt; it remembers hosts that cannot be reached.

    `apt` serves `debian` origins (None: they fail with that reason). `farm_store` opens a blob of the farm's own
    store, or returns None. `arrived` is called with numbers of bytes, perhaps from several threads. A download with
    another digest than expected goes into quarantine, for a recipe that names that digest.
    """

    store: BlobStore
    policy: DownloadPolicy
    apt: Apt | None = None
    farm_store: Callable[[Digest], BinaryIO | None] | None = None
    arrived: Callable[[int], object] = lambda _size: None

    @cached_property
    def _downloader(self) -> Downloader:
        from farm.store.http.download import Downloader  # noqa: PLC0415  # most builds download nothing

        return Downloader(self.policy)

    def fresh(self) -> SourceFetcher:
        """Return a fetcher that remembers no unreachable hosts: each attempt of a job asks every host."""
        return replace(self)

    def fetch(self, digest: Digest, url: str = "", origins: Sequence[Origin] = ()) -> str:
        """Fetch the source `digest` into the store, unless the store has it; return where it came from.

        Raises `ForbiddenAddressError`, `SourceDigestMismatchError` or `SourceUnreachableError`; the store is then
        unchanged.
        """
        if self.store.has(digest):
            return "the blob store"
        if Quarantine(self.store).release(digest):
            return "an earlier download"
        attempts: list[Attempt] = []
        forbidden: list[ForbiddenAddressError] = []
        for name, fetch in self._fetches(digest, url, origins):
            failed = _failure(name, fetch)
            if failed is None:
                return name
            attempts.append(failed[0])
            forbidden += [failed[1]] if isinstance(failed[1], ForbiddenAddressError) else []
        if any(attempt.got for attempt in attempts):
            raise SourceDigestMismatchError(digest, attempts)
        if forbidden:
            raise forbidden[0]
        raise SourceUnreachableError(digest, attempts)

    def _fetches(self, digest: Digest, url: str, origins: Sequence[Origin]) -> list[tuple[str, Callable[[], None]]]:
        """Return the origins in order, each with what fetches from it. A bad URL is refused before any is asked."""
        fetches: list[tuple[str, Callable[[], None]]] = []
        if self.farm_store is not None:
            fetches.append(("the farm's store", lambda: self._from_farm(digest)))
        fetches.extend(
            (f"{origin.kind}: {origin.reference}", self._fetch_from(digest, origin.kind, origin.reference))
            for origin in origins
        )
        if url:
            fetches.append((url, self._fetch_from(digest, "url", url)))
        return fetches

    def _fetch_from(self, digest: Digest, kind: str, reference: str) -> Callable[[], None]:
        if kind == "url":
            check_url(reference)
        fetch = {"url": self._from_url, "debian": self._from_debian, "pypi": self._from_pypi}[kind]
        return partial(fetch, digest, reference)

    def _from_url(self, digest: Digest, url: str) -> None:
        with self._receiving(digest) as take:
            self._downloader.download(url, take)

    def _from_farm(self, digest: Digest) -> None:
        stream = self.farm_store(digest) if self.farm_store else None
        if stream is None:
            raise OriginFailedError("it has no such blob")
        with stream:
            self._take(digest, stream)

    def _from_debian(self, digest: Digest, reference: str) -> None:
        if self.apt is None:
            raise OriginFailedError("this worker has no apt sources")
        with tempfile.TemporaryDirectory(prefix="farm-source-") as directory:
            path = fetch_from_debian(self.apt, reference, digest, Path(directory))
            with path.open("rb") as file:
                self._take(digest, file)

    def _from_pypi(self, digest: Digest, reference: str) -> None:
        with tempfile.TemporaryDirectory(prefix="farm-source-") as directory:
            path = Path(directory) / "sdist"
            fetch_from_pypi(reference, path, max_bytes=self.policy.max_bytes)
            with path.open("rb") as file:
                self._take(digest, file)

    def _take(self, digest: Digest, stream: BinaryIO) -> None:
        with self._receiving(digest) as take:
            for piece in pieces_of(stream):
                take(piece)

    @contextmanager
    def _receiving(self, digest: Digest) -> Iterator[Callable[[bytes], None]]:
        """Yield what takes the bytes of a download, and put them into the store at the end.

        Raises `BlobMismatchError` for other bytes than `digest`, which stay in quarantine.
        """
        quarantine = Quarantine(self.store)
        with quarantine.writer() as writer:

            def take(piece: bytes) -> None:
                writer.write(piece)
                self.arrived(len(piece))

            yield take
            actual = writer.commit()
        if actual != digest:
            quarantine.trim()
            raise BlobMismatchError(digest, actual, writer.size)
        if not quarantine.release(digest) and not self.store.has(digest):
            raise OriginFailedError("what arrived was removed before it was used", unanswered=True)


def _failure(name: str, fetch: Callable[[], None]) -> tuple[Attempt, FarmError] | None:
    """Fetch from one origin; return why it failed, if it did, with the error."""
    try:
        fetch()
    except BlobMismatchError as error:
        return Attempt(name, f"got {error.actual}", error.actual), error
    except OtherBytesError as error:
        return Attempt(name, error.message, error.got), error
    except ForbiddenAddressError as error:
        return Attempt(name, error.message), error
    except (OriginFailedError, AptError) as error:
        return Attempt(name, error.message, unanswered=error.unanswered), error
    return None
