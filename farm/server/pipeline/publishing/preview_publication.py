"""Publishes previews: their blobs, and the signed statement by which whoever asks for one can run it.

A preview is no release: no row of a channel names it, and it follows none. Its index is that of the channel's newest
release with the preview's packages in place of the channel's.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from farm.core.names.preview_name import preview_name
from farm.core.sets.members.member import is_imported
from farm.core.sets.proof.closure import needs_of, needs_touched
from farm.server.pipeline.publishing.record_release import release_entries
from farm.server.pipeline.publishing.sources import sources_of
from farm.server.pipeline.repository.next_release import make_release
from farm.server.pipeline.repository.signer_client import SignerRefusedError
from farm.server.previews import previews
from farm.server.submissions import submissions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from farm.core.names.digest import Digest
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.trial import TrialSet
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.pipeline.members.members import MemberCache
    from farm.server.pipeline.repository.public_store import PublicStore
    from farm.server.pipeline.repository.signer_client import PreviewSigner
    from farm.server.previews.previews import Preview
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.trust.index.release_index import Release

_LOG = logging.getLogger("farm.server.pipeline")


@dataclass(frozen=True, slots=True)
class PreviewPublication:
    """Publishes the previews that aim at one channel."""

    application: Application
    public: PublicStore
    signer: PreviewSigner
    _refused: set[Digest] = field(default_factory=set)

    def prepare(
        self,
        unit: UnitOfWork,
        preview: Preview,
        changes: Mapping[str, Member | None],
        *,
        base: ReleaseRecord | None,
        trial: TrialSet,
        cache: MemberCache,
    ) -> Release | None:
        """Bring the blobs of a preview, whose set is proven, and return its release; None if nobody signs previews."""
        if not self.public.builders().previews:
            return None
        previous = self.public.release(base.digest) if base else None
        trial.place(changes)
        needs = needs_of(trial, {name for name in needs_touched(trial, changes) if not is_imported(name)})
        records = {name: cache.record(unit, trial.members[name].descriptor.digest) for name in needs}
        trial.place({})
        put = release_entries(unit, records, needs, {}, self.public)
        release, index = make_release(
            previous,
            put,
            [name for name, member in changes.items() if member is None and not is_imported(name)],
            distribution=unit.inputs.distribution,
            channel=preview_name(preview.number),
            now=_asked_at(unit, preview),  # so that the release is the same if it is prepared again
            read=self.public.read,
            imports=previous.imports if previous else (),
        )
        release = replace(release, number=1, previous=None)
        self.public.bring_blobs(digest for record in records.values() for digest in sources_of(unit, record, None))
        self.public.bring(put, index, release)
        return release

    def publish(self, preview: Preview, release: Release) -> None:
        """Have a prepared preview signed, and record it. A refusal is logged once. Raises `SignerUnreachableError`.

        If the preview has ended while it was signed, its statement is removed again.
        """
        if release.package_set in self._refused:
            return
        try:
            self.signer.sign_preview(release, base=preview.channel, until=preview.expires_at)
        except SignerRefusedError as error:
            self._refused.add(release.package_set)
            _LOG.error("preview %d is not signed: %s. %s", preview.number, error.message, error.remedy)
            return
        with self.application.planning() as unit:
            still_open = previews.is_open(unit.session, preview.number)
            if still_open:
                previews.set_release(unit.session, preview.number, release.digest)
        if not still_open:
            self.signer.remove_preview(preview.number)


def _asked_at(unit: UnitOfWork, preview: Preview) -> datetime:
    record = submissions.submission(unit.session, preview.number)
    return record.submitted_at if record else unit.now


@dataclass(frozen=True, slots=True)
class PublicPreviews:
    """Removes what was published of previews, also of those that were signed or brought and never recorded."""

    signer: PreviewSigner
    public: PublicStore

    def withdraw(self, number: int) -> None:
        """Have the statement about a preview removed. Raises `SignerUnreachableError`, `SignerRefusedError`."""
        self.signer.remove_preview(number)

    def remove(self, archives: Collection[Digest]) -> None:
        """Remove those of these archives that are published."""
        self.public.remove(archives)
