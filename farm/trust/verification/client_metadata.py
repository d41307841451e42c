"""The subscriber's side of TUF: from a pinned root to the newest release of a channel, verified.

python-tuf's client verifies; this module gives it a way to read, and turns its errors into messages that name what
happened and what to do. It opens no connection itself: a `RepositoryReader` brings the bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, TextIO

from tuf.api import exceptions as tuf_errors
from tuf.api.metadata import Metadata, Root, Targets
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from farm.core.names.digest import Digest
from farm.trust.index.release_index import NotASuccessorError, Release
from farm.trust.index.release_time import ClockBehindError
from farm.trust.layout import ADVISORIES, BUILDERS_TARGET, METADATA, TARGETS, release_target
from farm.trust.metadata.builders import read_builders
from farm.trust.metadata.delegation import (
    DelegationError,
    Document,
    check_delegated,
    check_root,
    check_targets,
    delegated_roles,
    document_of,
    role_of,
)
from farm.trust.untrusted_metadata import UntrustedMetadataError
from farm.trust.verification.last_verified import write_last_verified
from farm.trust.verification.seen_releases import remember_release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.trust.metadata.builders import AllowedBuilders


LARGEST_DOCUMENT = 16 * 1024 * 1024
"""Bytes that a file of metadata or a signed target may have; the largest is the list of advisories."""
_LOCKED_SECONDS = 0.02


class RepositoryReader(Protocol):
    """Reads the files of a repository: over HTTP, or from a directory."""

    def stream(self, path: str) -> Iterator[bytes]:
        """Yield the content of the file at `path` from the repository's root; raises `FileNotFoundError`, `OSError`."""


class _Fetcher(FetcherInterface):
    def __init__(self, reader: RepositoryReader) -> None:
        self._reader = reader
        self.last = ""
        self.content = b""

    def _fetch(self, url: str) -> Iterator[bytes]:
        """Yield the file's content; of the last one, name and content are kept for messages.

        python-tuf bounds it by the signed length, but most lengths are signed by online keys, which may be stolen.
        """
        self.last, self.content = url, b""
        try:
            for chunk in self._reader.stream(url):
                if len(self.content) + len(chunk) > LARGEST_DOCUMENT:
                    raise tuf_errors.DownloadLengthMismatchError(f"{url} has more than {LARGEST_DOCUMENT} bytes")
                self.content += chunk
                yield chunk
        except FileNotFoundError as error:
            raise tuf_errors.DownloadHTTPError(f"{url} is not there", 404) from error
        except OSError as error:
            raise tuf_errors.DownloadError(f"{url}: {error}") from error


class ChannelMetadata:
    """The verified metadata of one repository, stored in `state` between runs; its root was pinned on subscribing."""

    def __init__(
        self,
        state: Path,
        root: bytes,
        reader: RepositoryReader,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`root` is the pinned root metadata: the first that this client trusts, wherever the repository is now.

        Releases are compared with `clock`; expiry with the machine's own clock.
        """
        self._state = state
        self._root = root
        self._reader = reader
        self._clock = clock
        self.remaining: Callable[[], float] | None = None
        """Returns for how many seconds to wait for another process, and raises `OSError` when none are left."""

    def newest(self, channel: str) -> tuple[Release, AllowedBuilders]:
        """Fetch and verify all metadata; return the newest release and the builders' keys by key id.

        Stored metadata is only ever replaced by newer, verified metadata: a release that is older than one seen before
        is refused, and so is one from the future by this machine's clock.
        Raises `UntrustedMetadataError`, `InvalidReleaseError`, `InvalidBuildersError`.
        """
        with self._session(f"channel {channel}") as session:
            builders = session.target(BUILDERS_TARGET, "targets")
            found = None if channel == ADVISORIES else session.target(release_target(channel), channel)
            if builders is None:
                raise UntrustedMetadataError("missing", f"targets signs no {BUILDERS_TARGET}", _TELL_THE_OWNER)
            if found is None:
                raise UntrustedMetadataError(
                    "missing",
                    f"channel {channel} has no release yet, or does not exist: no role of this repository has signed "
                    f"{release_target(channel)}",
                    "Ask the owner for the channel's name, or try again after its first release.",
                )
            release = Release.from_json(found)
            if release.channel != channel:
                raise UntrustedMetadataError(
                    "mismatch", f"the release of channel {channel} is one of {release.channel}", _TELL_THE_OWNER
                )
            remember_release(self._state / "seen", release, session.keyids(channel), self._clock())
            allowed = read_builders(builders)
            write_last_verified(self._state, channel, release.digest, Digest.of(builders))
            return release, allowed

    def advisories(self) -> dict[str, bytes]:
        """Fetch and verify all metadata; return the advisories by name, empty if no role may sign any.

        Raises `UntrustedMetadataError`.
        """
        with self._session("the advisories") as session:
            documents: dict[str, bytes] = {}
            for path in session.paths(ADVISORIES):
                content = session.target(path, ADVISORIES)
                if content is not None:
                    documents[path.removeprefix(f"{ADVISORIES}/")] = content
            return documents

    @contextlib.contextmanager
    def _session(self, what: str) -> Iterator[_Session]:
        (self._state / "targets").mkdir(parents=True, exist_ok=True)
        fetcher = _Fetcher(self._reader)
        with (self._state / ".lock").open("w") as lock:
            self._take(lock, what)
            try:
                yield _Session(self._state, self._root, fetcher)
            except tuf_errors.RepositoryError as error:
                raise _refusal(what, self._state, fetcher, error) from error
            except DelegationError as error:
                raise UntrustedMetadataError(
                    "delegation", f"the metadata of {what} is refused: {error.message}", _TELL_THE_OWNER
                ) from error
            except (NotASuccessorError, ClockBehindError) as error:
                reason = "clock" if isinstance(error, ClockBehindError) else "rollback"
                raise UntrustedMetadataError(reason, error.message, error.remedy) from error
            except tuf_errors.DownloadError as error:
                raise UntrustedMetadataError(
                    "network",
                    f"cannot reach the repository of {what}: {error}",
                    "Check the address and the network; what is installed goes on working.",
                ) from error

    def _take(self, lock: TextIO, what: str) -> None:
        """Keep other processes out: two at once would remove each other's files."""
        if self.remaining is None:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            try:
                time.sleep(min(_LOCKED_SECONDS, self.remaining()))
            except OSError as error:
                raise UntrustedMetadataError(
                    "network",
                    f"another command is asking the repository of {what} already: {error}",
                    "Wait for it, or end it; what is installed goes on working.",
                ) from error


class _Session:
    """One update from a repository: root, timestamp, snapshot and targets have been fetched and checked."""

    def __init__(self, state: Path, root: bytes, fetcher: _Fetcher) -> None:
        self._state = state
        self._updater = Updater(
            metadata_dir=str(state),
            metadata_base_url=f"{METADATA}/",
            target_dir=str(state / "targets"),
            target_base_url=f"{TARGETS}/",
            fetcher=fetcher,
            config=UpdaterConfig(),
            bootstrap=root,
        )
        self._updater.refresh()
        newest, self._targets = self._document("root", Root), self._document("targets", Targets)
        check_root(newest)
        check_targets(self._targets, newest)

    def target(self, path: str, role: str) -> bytes | None:
        """Return a target that `role` has signed, verified; None when it has not."""
        found = self._updater.get_targetinfo(path)
        if role in delegated_roles(self._targets):
            check_delegated(role, self._document(role, Targets))
        if found is None:
            return None
        if "sha256" not in found.hashes:
            raise tuf_errors.RepositoryError(f"{role} signs {path} without its sha256")
        local = self._state / "targets" / Digest.from_hex(found.hashes["sha256"]).hex
        if self._updater.find_cached_target(found, str(local)) is None:
            self._updater.download_target(found, str(local))
        content = local.read_bytes()
        found.verify_length_and_hashes(content)
        return content

    def paths(self, role: str) -> list[str]:
        """Return what a delegated role has signed."""
        if role not in delegated_roles(self._targets):
            return []
        self._updater.get_targetinfo(f"{role}/")  # fetches the role's metadata on the way to a missing target
        return sorted(self._document(role, Targets).targets)

    def keyids(self, role: str) -> tuple[str, ...]:
        """Return the ids of a delegated role's keys."""
        return tuple(sorted(role_of(self._targets, role).keyids))

    def _document(self, role: str, kind: type[Document]) -> Document:
        # python-tuf has verified the stored files, and returns them in no other way.
        return document_of(Metadata.from_file(str(self._state / f"{role}.json")), kind, role)


def check_fingerprint(root: bytes, fingerprint: Digest) -> None:
    """Compare root metadata with the fingerprint that its owner announced; raises `UntrustedMetadataError`."""
    if (found := Digest.of(root)) != fingerprint:
        raise UntrustedMetadataError(
            "signature",
            f"the root metadata has fingerprint {found}, not {fingerprint}",
            "Do not subscribe: ask the owner for the fingerprint over another way.",
        )


_TELL_THE_OWNER = "Nothing was changed. Tell the owner of the channel; try another mirror."
_OTHER_KEYS = (
    "Only if its owner says, over another way, that all keys were replaced: `farm unsubscribe`, and subscribe with the "
    "new fingerprint."
)


def _refusal(what: str, state: Path, fetcher: _Fetcher, error: tuf_errors.RepositoryError) -> UntrustedMetadataError:
    refused = f"the metadata of {what} is refused"
    where = f"{refused} at {fetcher.last}: {error}"
    match error:
        case tuf_errors.ExpiredMetadataError():
            # Noticed only when the next file has been fetched: the error names the right one itself.
            return UntrustedMetadataError(
                "expired",
                f"{refused}: {error}{_since(state, fetcher, error)}",
                "The mirror is stale, or this machine's clock is ahead. What is installed goes on working.",
            )
        case tuf_errors.UnsignedMetadataError():
            keys = "it was altered, or its keys are not those of the root that is pinned here"
            return UntrustedMetadataError("signature", f"{where}: {keys}", f"{_TELL_THE_OWNER} {_OTHER_KEYS}")
        case tuf_errors.BadVersionNumberError() | tuf_errors.EqualVersionNumberError():
            return UntrustedMetadataError("rollback", where, _TELL_THE_OWNER)
        case _:
            return UntrustedMetadataError("mismatch", where, _TELL_THE_OWNER)


def _since(state: Path, fetcher: _Fetcher, error: tuf_errors.ExpiredMetadataError) -> str:
    """Return when the document expired, as text. The file fetched last is read only if it is that document.

    Otherwise it is not verified yet, and a mirror could put anything there; then the stored document has expired.
    """
    role = next((word.removesuffix(".json") for word in str(error).split() if word not in ("Final", "New")), "")
    fetched = fetcher.last.rpartition("/")[2].removesuffix(".json").rpartition(".")[2]
    # The root fetched last does not exist: that is how its newest version is known.
    try:
        content = fetcher.content if fetched == role != "root" else (state / f"{role}.json").read_bytes()
        return f" since {json.loads(content)['signed']['expires']}"
    except (OSError, ValueError, LookupError, TypeError):
        return ""
