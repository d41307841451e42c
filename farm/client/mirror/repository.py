"""One repository on its way into a mirror: verify the newest state, fetch its blobs, then show it to readers.

A reader who polls sees the previous or the new state, whenever this process is killed: blobs are written first, then
signed documents, then the timestamp; unneeded files are removed last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from farm.client.mirror.contents import Contents, Portion, needed, needed_advisories, needed_heads
from farm.client.mirror.summaries import bring_summaries, keep_summaries
from farm.client.repository.readers import open_reader
from farm.core.names.digest import Digest
from farm.store.flush import flush_file_system
from farm.store.partial import sweep_partial
from farm.trust.index.advisory_index import AdvisoryIndex
from farm.trust.index.release_index import Release
from farm.trust.layout import ADVISORY_LIST, METADATA
from farm.trust.verification.announced_root import roots_before
from farm.trust.verification.published_files import PublishedFiles, PublishedMeanwhileError, published_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from farm.client.mirror.contents import FetchResult
    from farm.client.mirror.directory import MirrorDirectory, MirrorRecord
    from farm.client.repository.download import Downloads
    from farm.client.repository.mirrored_metadata import MirroredMetadata
    from farm.client.repository.progress import Progress

_TRIES = 5
"""How often verification is repeated when the owner publishes meanwhile."""


class MirroredRepository:
    """A repository and its mirror directory, whose lock is held. Call `verify`, `bring`, `show`, `sweep`."""

    def __init__(
        self,
        place: MirrorDirectory,
        record: MirrorRecord,
        state: Path,
        metadata: MirroredMetadata,
        *,
        brought: FetchResult,
        check: bool,
    ) -> None:
        """`state` is where `metadata` keeps what it has verified."""
        self.place = place
        self.record = record
        self.newest: dict[str, Release] = {}
        self.files: PublishedFiles | None = None
        self._state = state
        self._metadata = metadata
        self._brought = brought
        self._check = check
        self._advisories: bytes | None = None

    def verify(self) -> PublishedFiles:
        """Fetch and verify the newest metadata of all channels and the advisories, all of one state.

        Raises what `ChannelMetadata` raises, `PublishedMeanwhileError`.
        """
        for left in reversed(range(_TRIES)):
            self.newest = {channel: self._metadata.newest(channel)[0] for channel in self.record.channels}
            self._advisories = self._metadata.advisories().get(ADVISORY_LIST)
            try:
                self.files = published_files(self._state, self.record.channels)
            except PublishedMeanwhileError:
                if not left:
                    raise
            else:
                break
        assert self.files is not None  # noqa: S101  (the last attempt raises)
        first = min(self.files.roots)
        if not all((self.place.path / METADATA / f"{version}.root.json").exists() for version in range(1, first)):
            where = self._metadata.place
            older = roots_before(open_reader(where), where, self.files.roots[first])
            self.files = replace(self.files, roots={**older, **self.files.roots})
        return self.files

    def contents(self, downloads: Downloads) -> Contents:
        """Return what fetches blobs into the mirror."""
        return Contents(downloads, self._brought, sources=self.record.sources, check=self._check)

    def bring(self, portions: Sequence[Portion], contents: Contents, progress: Progress) -> None:
        """Fetch all blobs of these portions, and the advisories, and record that they are complete.

        Complete portions are not read again. Raises `DownloadError`, `InvalidReleaseError`, `OSError`.
        """
        self.place.store.sweep()
        held = set() if self._check else set(self.record.held)
        lacking = [portion for portion in portions if portion.key not in held]
        plan = [(portion, contents.lines(portion, self._base(portion, held))) for portion in lacking]
        with progress.fetch(sum(line.archive_size for _, lines in plan for line in lines)) as arrived:
            self._brought.archive = arrived
            for portion, lines in plan:
                contents.bring(portion, lines)
        advisories = Digest.of(self._advisories) if self._advisories is not None else ""
        if self._advisories is not None and (self._check or advisories != self.record.advisories):
            contents.bring_advisories(AdvisoryIndex.from_json(self._advisories))
        assert self.files is not None  # noqa: S101  (the order of the calls)
        whole = [portion.release for portion in portions if portion.names is None]
        bring_summaries(self.place.path, open_reader(self._metadata.place), whole, self.files.delegating)
        now = tuple(sorted({*self.record.held, *(portion.key for portion in portions)}))
        if lacking or advisories != self.record.advisories:
            flush_file_system(self.place.path)
            self._note(replace(self.record, held=now, advisories=advisories))

    def show(self) -> None:
        """Show readers what was verified."""
        assert self.files is not None  # noqa: S101  (the order of the calls)
        self.record = self.place.switch(self.files, self.record)

    def sweep(self, wanted: Sequence[Portion], before: Sequence[Portion]) -> None:
        """Remove all but `wanted`, and the blobs of the state `before`, which clients may still read."""
        kept = list({portion.key: portion for portion in (*wanted, *before)}.values())
        held, promised = sorted({portion.key for portion in kept}), sorted({portion.key for portion in wanted})
        goes = bool(set(self.record.held) - set(held))
        if goes or not self.record.is_swept:
            self._note(replace(self.record, held=tuple(held), promised=tuple(promised), is_swept=False))
            self._remove_others(kept)
        self._note(replace(self.record, promised=tuple(promised), is_swept=True))

    def _remove_others(self, kept: Sequence[Portion]) -> None:
        store, sources = self.place.store, self.record.sources
        needs = needed(store, kept, sources=sources)
        needs |= {digest for release in self.newest.values() for digest in needed_heads(store, release)}
        needs |= {portion.release.digest for portion in kept}
        keep_summaries(self.place.path, {portion.release.digest for portion in kept})
        if self._advisories is not None:
            needs |= set(needed_advisories(AdvisoryIndex.from_json(self._advisories)))
        for digest in store.iter():
            if digest not in needs:
                store.delete(digest)
        sweep_partial(store)

    def _base(self, portion: Portion, held: set[str]) -> Portion | None:
        """Return the newest complete release of the same channel before this one."""
        if portion.names is not None:
            return None
        release = portion.release
        there = [Release.from_json(self.place.store.read(Digest(digest))) for digest in held]
        older = [other for other in there if other.channel == release.channel and other.number < release.number]
        return Portion(max(older, key=lambda other: other.number)) if older else None

    def _note(self, record: MirrorRecord) -> None:
        if record != self.record:
            self.place.write(record)
            self.record = record
