"""Submissions that wait for owners of their recipes, and previews: shown, accepted, or withdrawn.

A waiting submission is only rows and blobs: it makes no recipe current, and has no job. A preview has jobs of its own.
Both are accepted in the same way, by the signatures of owners where recipes have owners.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.policy.curators import unambiguous_keys
from farm.errors import FarmError
from farm.server.channels.channel_checks import AlreadyError, reason_of
from farm.server.curation.order_intake import RequestedOrder, may_order, take_signed
from farm.server.events.changes import progress_of
from farm.server.identities.access import audit
from farm.server.previews import previews
from farm.server.submissions import submissions
from farm.server.submissions.owners import Ownership, keep_signature, lacking, owners_as_known, ownership, unsigned
from farm.server.submissions.previewing import close_accepted, end_preview, stale_recipes
from farm.server.submissions.recipe_intake import read_stored
from farm.server.submissions.submission import Submission, settled
from farm.server.submissions.taking import make_all_current
from farm.server.tables.preview_verdict import VerdictState
from farm.server.tables.states import SubmissionState
from farm.store.errors import CorruptBlobError, MissingBlobError
from farm.trust.attestation.curator_order import EVERY_CHANNEL, Act
from farm.trust.attestation.submission_statement import read_submission, to_withdraw

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.core.names.digest import Digest
    from farm.server.events.changes import TrackedState
    from farm.server.identities.access import Actor
    from farm.server.previews.previews import Preview
    from farm.server.submissions.owners import Unsigned
    from farm.server.submissions.submissions import SubmissionRecord, SubmittedRecipe
    from farm.server.tables.preview_verdict import PreviewVerdict
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

_OPEN = (SubmissionState.WAITING, SubmissionState.PREVIEW)


@dataclass(frozen=True, slots=True)
class SubmissionView:
    """A submission and its recipes, the signers of each recipe, and what it waits for.

    `preview` is set if it asked for one, and `stale` are the recipes that have changed in the farm since then.
    `progress` is what has come of it.
    """

    record: SubmissionRecord
    recipes: tuple[SubmittedRecipe, ...]
    signed_by: Mapping[str, tuple[str, ...]]
    waits_for: tuple[Unsigned, ...] = ()
    preview: Preview | None = None
    stale: tuple[str, ...] = ()
    progress: TrackedState | None = None

    @property
    def verdict(self) -> PreviewVerdict | None:
        """The verdict on its preview. Where that ended before it was decided there is none: nobody goes on with it."""
        verdict = self.preview.verdict if self.preview else None
        is_open = self.record.state is SubmissionState.PREVIEW
        return verdict if verdict and (is_open or verdict.decided) else None


def find_submission(unit: UnitOfWork, number: int) -> SubmissionView:
    """Return a submission. Raises `FarmError` (`not-found`)."""
    record = submissions.submission(unit.session, number)
    if record is None:
        raise FarmError(f"there is no submission {number}", remedy="See `farm submission list`.", code="not-found")
    (view,) = view_submissions(unit, [record])
    return view


def view_submissions(unit: UnitOfWork, records: Sequence[SubmissionRecord]) -> list[SubmissionView]:
    """Return submissions for display."""
    owners = owners_as_known(unit)
    found = submissions.submitted(unit.session, (submission.id for submission in records))
    given = submissions.signatures_with(unit.session, found)
    asked = previews.previews(unit.session, found)
    come_of = progress_of(unit.session, found)
    views = []
    for record in records:
        wanted = _digests(found[record.id])
        signed = {
            name: tuple(sorted(signature.person for signature in given.get(record.id, {}).get(digest, ())))
            for name, digest in wanted.items()
        }
        waits_for = lacking(unit, owners, record.id, wanted) if record.state in _OPEN and owners is not None else ()
        stale = stale_recipes(unit, record.id) if record.state is SubmissionState.PREVIEW else ()
        preview = asked.get(record.id)
        progress = come_of.get(record.id)
        views.append(SubmissionView(record, tuple(found[record.id]), signed, waits_for, preview, stale, progress))
    return views


def accept(
    application: Application, actor: Actor, number: int, envelope: bytes | None = None, *, why: str = ""
) -> Submission:
    """Take an owner's signature on recipes of a submission; with the last missing one, accept the submission.

    A preview is accepted likewise, and its builds are taken as they are: those whose plans are still the same. Where
    recipes have no owners, it needs no signature. Everything is checked again against the current state. The verdict
    decides nothing: unless it is `passes`, the audit trail has it, and the reason (`why`).
    Raises `FarmError` (`not-found`), `AlreadyError`, `FarmError` (`not-an-owner`, `stale-preview`), and what `submit`
    raises; nothing has changed then.
    """
    with application.planning() as unit:
        record = _waiting(unit, number)
        is_preview = record.state is SubmissionState.PREVIEW
        if is_preview:
            _check_fresh(unit, number)
        kept = submissions.submitted(unit.session, [number])[number]
        person, waits_for = _sign(unit, number, _digests(kept), envelope)
        details = (f"signed by {person}" if person else "", _verdict_line(unit, number), reason_of(why) if why else "")
        audit(unit, actor, "accept", f"submission {number}", "; ".join(filter(None, details)))
        if waits_for:
            return Submission(number, record.trace, (), waits_for, person)
        read = read_stored(application, kept)
        graph = read.graph(unit)
        submissions.set_state(unit.session, number, SubmissionState.TAKEN, now=unit.now)
        if is_preview:
            close_accepted(unit, number)
        accepted = make_all_current(unit, graph, read, number=number, trace=record.trace)
    return settled(application, Submission(number, record.trace, accepted, (), person))


def _verdict_line(unit: UnitOfWork, number: int) -> str:
    """Return in a line what is known of a preview that is accepted although it does not pass; empty for others."""
    preview = previews.preview(unit.session, number)
    verdict = preview.verdict if preview else None
    if preview is None or (verdict and verdict.state is VerdictState.PASSES):
        return ""
    return f"preview {verdict.state}: {verdict.summary}" if verdict else "preview without a verdict"


def _sign(
    unit: UnitOfWork, number: int, wanted: Mapping[str, Digest], envelope: bytes | None
) -> tuple[str, tuple[Unsigned, ...]]:
    """Keep a signature on a waiting submission; return who signed, if that counts, and what is not signed yet.

    Raises `FarmError` (`not-an-owner`) where owners are needed and this signature is of none of them.
    """
    lacked = {missing.recipe for missing in unsigned(unit, number, wanted)}
    person = keep_signature(unit, envelope, number, wanted) if envelope is not None else ""
    waits_for = unsigned(unit, number, wanted)
    if lacked and lacked == {missing.recipe for missing in waits_for}:
        who = f"{person} owns no recipe" if person else "no known person has newly signed a recipe"
        raise FarmError(
            f"{who} that submission {number} waits for",
            remedy=f"It waits for {_whom(waits_for)}.",
            code="not-an-owner",
        )
    return person, waits_for


def envelopes_of(unit: UnitOfWork, number: int) -> list[bytes]:
    """Return the readable envelopes with signatures on recipes of a submission."""
    given = submissions.signatures_with(unit.session, [number]).get(number, {})
    kept = []
    for digest in sorted({signature.envelope for some in given.values() for signature in some}):
        with suppress(MissingBlobError, CorruptBlobError):
            kept.append(unit.blobs.read(digest))
    return kept


def withdraw(
    unit: UnitOfWork,
    actor: Actor,
    number: int,
    *,
    curates: bool,
    envelope: bytes | None = None,
    order: bytes | None = None,
    why: str = "",
) -> SubmissionRecord:
    """Withdraw a submission that waits, or a preview. Needs a planning transaction.

    Its submitter, a curator (`curates`), or an owner of one of its recipes may. An owner signs the withdrawal in
    `envelope`. With a signed `order`, by a person who may give one, the signer ignores all signatures on the
    submission; for this, a submission may be withdrawn here again. Raises `FarmError` (`not-found`), `AlreadyError`,
    `FarmError` (`not-an-owner`), and as `take_signed`.
    """
    if order is not None and not may_order(unit, order):
        order = None
    record = _waiting(unit, number, or_withdrawn=order is not None)
    person = _who_refuses(unit, number, envelope) if envelope is not None else ""
    if not (curates or person or actor.name == record.submitted_by):
        raise FarmError(
            f"submission {number} is neither yours nor of a recipe that you own",
            remedy=f"Let {record.submitted_by} withdraw it, a curator, or an owner with --key.",
            code="not-an-owner",
        )
    if order is not None:
        packages = to_withdraw(envelopes_of(unit, number))
        act = Act.WITHDRAW_SUBMISSION
        take_signed(unit, RequestedOrder(act=act, channel=EVERY_CHANNEL, packages=packages, reason=why), order)
    if record.state is SubmissionState.PREVIEW:
        end_preview(unit, number, SubmissionState.WITHDRAWN, by=actor.name)
    submissions.set_state(unit.session, number, SubmissionState.WITHDRAWN, now=unit.now)
    detail = "; ".join(filter(None, [f"signed by {person}" if person else "", reason_of(why) if why else ""]))
    audit(unit, actor, "withdraw-submission", f"submission {number}", detail)
    return record


def _who_refuses(unit: UnitOfWork, number: int, envelope: bytes) -> str:
    """Return the owner who has signed the withdrawal of a submission; raises `FarmError` for anything else."""
    said = read_submission(envelope, unambiguous_keys((ownership(unit.session) or Ownership()).curators)).said
    owners, wanted = owners_as_known(unit), _digests(submissions.submitted(unit.session, [number])[number])
    about = said.withdrawn and said.distribution == unit.inputs.distribution and dict(said.recipes) == wanted
    owns = owners is not None and any(said.submitter in owners.owners_of(name) for name in wanted)
    if not (about and owns):
        raise FarmError(
            f"{said.submitter} has not signed the withdrawal of submission {number}, or owns none of its recipes",
            code="not-an-owner",
        )
    return said.submitter


def _check_fresh(unit: UnitOfWork, number: int) -> None:
    """Refuse a preview whose submitted recipes have changed in the farm since: accepting it would undo that."""
    submitted = {recipe.name for recipe in submissions.submitted(unit.session, [number])[number]}
    stale = submitted.intersection(stale_recipes(unit, number))
    if stale:
        raise FarmError(
            f"{', '.join(sorted(stale))[:500]} {'has' if len(stale) == 1 else 'have'} changed in the farm since "
            f"submission {number} was made",
            remedy=f"Make the change on the present recipe, then `farm submit --preview --replace {number}`.",
            code="stale-preview",
        )


def _waiting(unit: UnitOfWork, number: int, *, or_withdrawn: bool = False) -> SubmissionRecord:
    record = submissions.submission(unit.session, number)
    if record is None:
        raise FarmError(f"there is no submission {number}", remedy="See `farm submission list`.", code="not-found")
    if record.state not in _OPEN and not (or_withdrawn and record.state is SubmissionState.WITHDRAWN):
        raise AlreadyError(f"submission {number} is not waiting: it is {record.state}")
    return record


def _digests(recipes: Sequence[SubmittedRecipe]) -> dict[str, Digest]:
    return {recipe.name: recipe.digest for recipe in recipes}


def _whom(waits_for: Sequence[Unsigned]) -> str:
    return "; ".join(f"{' or '.join(missing.owners)} ({missing.recipe})" for missing in waits_for)[:500]
