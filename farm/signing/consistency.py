"""Compares what is published with what the signer has signed before: nothing older, and nothing that others signed.

The root is followed from the one that the ledger pins, as by a client. What a client forgets when keys change is
forgotten here too: the version of targets when snapshot has other keys, the releases of a channel when it has others.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.signing.entries import ChannelSeen, Released, RootPinned, TargetsSeen
from farm.trust.index.release_index import Release
from farm.trust.layout import release_target
from farm.trust.metadata.delegation import channels_of, role_of
from farm.trust.metadata.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tuf.api.metadata import DelegatedRole, Targets

    from farm.signing.entries import Entry
    from farm.signing.ledger import LedgerReader
    from farm.signing.state import LedgerState, SignedChannelState
    from farm.trust.metadata.repository_files import Head


_Found = TypeVar("_Found")
_LOOKS = 3


class OtherRootError(FarmError):
    """The root that is published is not the one that the signer trusts, nor one that its keys have signed."""

    code = "other-root"


class PutBackError(FarmError):
    """What is published is older than what was signed, or was never signed here."""

    code = "put-back"

    def __init__(self, what: str) -> None:
        super().__init__(
            what,
            remedy="Nothing is signed meanwhile. Bring back what was published last, with the signer's ledger of the "
            "same time; for an older state see `Restore an older state` in docs/operate.md. If nobody has restored "
            "anything, see who can write there.",
        )


class LedgerView(Protocol):
    """The signer's ledger, or a reader of it, whose `append` does nothing."""

    def state(self) -> LedgerState:
        """Return the state in force now."""

    def append(self, *entries: Entry) -> None:
        """Add entries."""


class ReadLedger:
    """A ledger read by several threads: its writer finds what to record by itself."""

    def __init__(self, ledger: LedgerReader) -> None:
        self._ledger = ledger
        self._turn = threading.Lock()

    def state(self) -> LedgerState:
        """Return the state in force now."""
        with self._turn:
            return self._ledger.state()

    def append(self, *entries: Entry) -> None:
        """Do nothing."""


class PinnedRepository(Repository):
    """A repository whose root is trusted only if the ledger's pinned root leads to it. See `Repository`.

    Every read of it raises `OtherRootError`, or `PutBackError`, where something else is published.
    """

    def __init__(self, root: Path, ledger: LedgerView) -> None:
        super().__init__(root)
        self._ledger = ledger

    def head(self, coming: Root | None = None) -> Head:
        """Read what is in force, from the timestamp down, under the pinned root."""
        return _unless_it_moves(lambda: self._head(coming))

    def _head(self, coming: Root | None) -> Head:
        head = super().head(coming)
        state = self._ledger.state()
        found: list[Entry] = [*self._follow(state.root, head.root), *_targets_of(state.targets, head)]
        if found:
            self._ledger.append(*found)
        return head

    def check_releases(self) -> None:
        """Check that each channel has the release that the ledger knows; record what the owner's keys have changed.

        Raises `PutBackError`.
        """
        _unless_it_moves(self._check_releases)

    def _check_releases(self) -> None:
        head = self.head()
        state = self._ledger.state()
        found: list[Entry] = []
        for channel in channels_of(head.targets):
            found += self._channel(state, self.delegated(head, channel), role_of(head.targets, channel))
        if found:
            self._ledger.append(*found)

    def _follow(self, pinned: RootPinned | None, newest: Root) -> Iterator[RootPinned]:
        """Yield the roots after the pinned one up to the newest, each signed by the keys of the one before."""
        if pinned is None:
            yield RootPinned(newest.version, Digest.of(self.read_metadata(f"{newest.version}.root.json")))
            return
        if newest.version < pinned.version:
            raise OtherRootError(
                f"root version {newest.version} is published, and the signer knows version {pinned.version}: the root "
                "is older than the one that it trusts",
                remedy=_BRING_ROOTS,
            )
        content = self.read_metadata(f"{pinned.version}.root.json")
        if Digest.of(content) != pinned.digest:
            raise OtherRootError(
                f"root version {pinned.version} as it is published is not the one that the signer trusts, which has "
                f"the fingerprint {pinned.digest}",
                remedy=_BRING_ROOTS,
            )
        before: Metadata[Any] = Metadata.from_bytes(content)
        for version in range(pinned.version + 1, newest.version + 1):
            content = self.read_metadata(f"{version}.root.json")
            after: Metadata[Any] = Metadata.from_bytes(content)
            self._check_signed(before.signed, after)
            yield RootPinned(version, Digest.of(content))
            before = after
        if before.signed != newest:
            raise OtherRootError(f"root version {newest.version} was exchanged while it was read", remedy=_BRING_ROOTS)

    @staticmethod
    def _check_signed(before: Root, after: Metadata[Any]) -> None:
        try:
            if not isinstance(after.signed, Root) or after.signed.version != before.version + 1:
                raise OtherRootError(
                    f"what should be root version {before.version + 1} is something else", remedy=_BRING_ROOTS
                )
            before.verify_delegate("root", after.signed_bytes, after.signatures)
        except RepositoryError as error:
            raise OtherRootError(
                f"root version {after.signed.version} is published, and the keys of version {before.version}, which "
                f"the signer trusts, have not signed it: {error}",
                remedy=_BRING_ROOTS,
            ) from error

    def _channel(self, state: LedgerState, document: Targets, role: DelegatedRole) -> Iterator[ChannelSeen | Released]:
        channel, keys = role.name, tuple(role.keyids)
        target = document.targets.get(release_target(channel))
        release = Release.from_json(self.read_target(target)) if target else None
        digest, number = (release.digest, release.number) if release else (None, 0)
        known = state.channels.get(channel)
        if known is None:
            if release is not None and state.channels:
                raise PutBackError(
                    f"{channel} has release {number} ({digest}), and the signer's ledger knows of none: it is that of "
                    "an earlier time"
                )
            if release is not None:
                yield ChannelSeen(channel, number, digest, keys)
        elif known.coming and known.coming.release == digest:
            yield Released(channel, known.coming.release)
        elif known.keys != keys:
            yield ChannelSeen(channel, number, digest, keys)
        elif known.release != digest:
            raise PutBackError(_difference(channel, number, digest, known))


def _unless_it_moves(look: Callable[[], _Found]) -> _Found:
    """Return the result of `look`; after a mismatch it is called again, since a release may be published just now."""
    for _ in range(_LOOKS):
        with suppress(PutBackError):
            return look()
    return look()


def _targets_of(known: TargetsSeen | None, head: Head) -> Iterator[TargetsSeen]:
    now = TargetsSeen(head.targets.version, tuple(head.root.roles["snapshot"].keyids))
    if known is not None and now.version < known.version and now.keys == known.keys:
        raise PutBackError(
            f"targets version {now.version} is published, and the signer knows version {known.version}: who may sign "
            "and build would be as it was before"
        )
    if now != known:
        yield now


def _difference(channel: str, number: int, digest: Digest | None, known: SignedChannelState) -> str:
    now = f"release {number} ({digest})" if digest else "no release"
    then = f"release {known.number} ({known.release})" if known.release else "none before"
    how = "it was put back to an earlier state" if number <= known.number else "that one was not signed by this signer"
    return f"{channel} has {now}, and the signer's ledger has {then}: {how}"


_BRING_ROOTS = (
    "Nothing is signed meanwhile. Bring metadata/*.root.json back from a mirror or the newest backup. If nobody has "
    "restored anything, somebody has changed what is published: see who can write there."
)
