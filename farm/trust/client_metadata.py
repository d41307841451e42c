"""The subscriber's side of TUF: from a pinned root to the newest release of a channel, verified.

python-tuf's client does the verifying; this file gives it a way to read and turns its refusals into words that
say what happened and what to do. It opens no connection itself: `read` brings the bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from tuf.api import exceptions as tuf_errors
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from farm.errors import FarmError
from farm.names import Digest
from farm.trust.builders import read_builders
from farm.trust.layout import BUILDERS_TARGET, METADATA, TARGETS, release_target
from farm.trust.release_index import Release

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from securesystemslib.signer import Key


class UntrustedMetadataError(FarmError):
    """Metadata of a channel does not hold: `reason` is expired, signature, rollback, mismatch, missing or network."""

    code = "untrusted-metadata"

    def __init__(self, reason: str, message: str, remedy: str) -> None:
        super().__init__(message, remedy=remedy)
        self.reason = reason


class RepositoryReader(Protocol):
    """How bytes of a repository are brought: over HTTP, or from a directory."""

    def stream(self, path: str) -> Iterator[bytes]:
        """Yield the content of the file at `path` from the repository's root; raises `FileNotFoundError`, `OSError`."""


class _Fetcher(FetcherInterface):
    def __init__(self, reader: RepositoryReader) -> None:
        self._reader = reader
        self.last = ""
        self.content = b""

    def _fetch(self, url: str) -> Iterator[bytes]:
        """Yield the file's content; of the last one, name and content (python-tuf bounds it) are kept for messages."""
        self.last, self.content = url, b""
        try:
            for chunk in self._reader.stream(url):
                self.content += chunk
                yield chunk
        except FileNotFoundError as error:
            raise tuf_errors.DownloadHTTPError(f"{url} is not there", 404) from error
        except OSError as error:
            raise tuf_errors.DownloadError(f"{url}: {error}") from error


class ChannelMetadata:
    """The verified metadata of one repository, kept in `state` between runs; its root was pinned on subscribing."""

    def __init__(self, state: Path, root: bytes, reader: RepositoryReader) -> None:
        """`root` is the pinned root metadata: the first that this client trusts, wherever the repository is now."""
        self._state = state
        self._root = root
        self._reader = reader

    def newest(self, channel: str) -> tuple[Release, dict[str, Key]]:
        """Fetch and verify all metadata; return the newest release and the builders' keys by key id.

        What is kept is only ever replaced by newer, verified metadata.
        Raises `UntrustedMetadataError`, `InvalidReleaseError`, `InvalidBuildersError`.
        """
        (self._state / "targets").mkdir(parents=True, exist_ok=True)
        fetcher = _Fetcher(self._reader)
        try:
            updater = Updater(
                metadata_dir=str(self._state),
                metadata_base_url=f"{METADATA}/",
                target_dir=str(self._state / "targets"),
                target_base_url=f"{TARGETS}/",
                fetcher=fetcher,
                config=UpdaterConfig(),
                bootstrap=self._root,
            )
            updater.refresh()
            builders = self._target(updater, BUILDERS_TARGET)
            release = Release.from_json(self._target(updater, release_target(channel), channel))
        except tuf_errors.RepositoryError as error:
            raise _refusal(channel, fetcher, error) from error
        except tuf_errors.DownloadError as error:
            raise UntrustedMetadataError(
                "network",
                f"cannot reach the repository of channel {channel}: {error}",
                "Check the address and the network; what is installed goes on working.",
            ) from error
        if release.channel != channel:
            raise UntrustedMetadataError(
                "mismatch", f"the release of channel {channel} says it is of {release.channel}", _TELL_THE_OWNER
            )
        return release, read_builders(builders)

    def _target(self, updater: Updater, path: str, channel: str = "") -> bytes:
        """Return a verified target; `channel` is whose release it would be, if it is one."""
        target = updater.get_targetinfo(path)
        if target is None:
            unsigned = f"no role of this repository has signed {path}"
            if not channel:
                raise UntrustedMetadataError("missing", unsigned, _TELL_THE_OWNER)
            raise UntrustedMetadataError(
                "missing",
                f"channel {channel} has no release yet, or does not exist: {unsigned}",
                "Ask the owner for the channel's name, or try again after its first release.",
            )
        local = self._state / "targets" / Digest.from_hex(target.hashes["sha256"]).hex
        cached = updater.find_cached_target(target, str(local))
        if cached is None:
            updater.download_target(target, str(local))
        content = local.read_bytes()
        target.verify_length_and_hashes(content)
        return content


def check_fingerprint(root: bytes, fingerprint: Digest) -> None:
    """Compare root metadata with the fingerprint that its owner announced; raises `UntrustedMetadataError`."""
    if (found := Digest.of(root)) != fingerprint:
        raise UntrustedMetadataError(
            "signature",
            f"the root metadata has fingerprint {found}, not {fingerprint}",
            "Do not subscribe: ask the owner for the fingerprint over another way.",
        )


_TELL_THE_OWNER = "Nothing was changed. Tell the owner of the channel; try another mirror."


def _refusal(channel: str, fetcher: _Fetcher, error: tuf_errors.RepositoryError) -> UntrustedMetadataError:
    refused = f"the metadata of channel {channel} is refused"
    what = f"{refused} at {fetcher.last}: {error}"
    match error:
        case tuf_errors.ExpiredMetadataError():
            # Noticed only when the next file has been fetched: the error names the right one itself.
            return UntrustedMetadataError(
                "expired",
                f"{refused}: {error}{_since(fetcher.content, error)}",
                "The mirror is stale, or this machine's clock is ahead. What is installed goes on working.",
            )
        case tuf_errors.UnsignedMetadataError():
            return UntrustedMetadataError("signature", what, _TELL_THE_OWNER)
        case tuf_errors.BadVersionNumberError() | tuf_errors.EqualVersionNumberError():
            return UntrustedMetadataError("rollback", what, _TELL_THE_OWNER)
        case _:
            return UntrustedMetadataError("mismatch", what, _TELL_THE_OWNER)


def _since(content: bytes, error: tuf_errors.ExpiredMetadataError) -> str:
    """Say when the file expired, if it is the one that was fetched last; its signatures have been checked."""
    try:
        signed = json.loads(content)["signed"]
        return f" since {signed['expires']}" if f"{signed['_type']}.json" in str(error) else ""
    except (ValueError, LookupError, TypeError):
        return ""
