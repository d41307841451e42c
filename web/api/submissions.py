"""Routes of maintainers and owners: submit recipes, follow a submission, decide about one that waits."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from farm.api import submission_wire, wire
from farm.core.names.wording import counted
from farm.errors import FarmError
from farm.server.git.recipe_commits import commits_of
from farm.server.jobs import jobs
from farm.server.recipes import recipes
from farm.server.submissions import pending_submissions, submissions
from farm.server.submissions.intake_progress import unreported
from farm.server.submissions.pending_submissions import envelopes_of, find_submission, view_submissions
from farm.server.submissions.previewing import submit_preview
from farm.server.submissions.submission import submit
from farm.server.tables.states import Role, SubmissionState
from web.api.jobs import job_forms
from web.api.signed_requests import signed_order_kept
from web.auth import ApplicationHere, Maintainer, MaintainerOrCurator, MaintainerOrCuratorActor, actor_of, note
from web.problems import NotFoundError
from web.work_stream import stream_work

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.core.lint.finding import LintFinding
    from farm.server.git.recipe_commits import RecipeCommit
    from farm.server.submissions.intake_progress import Report
    from farm.server.submissions.owners import Unsigned
    from farm.server.submissions.pending_submissions import SubmissionView
    from farm.server.submissions.submission import Submission
    from farm.server.tables.records import Token
    from farm.server.transaction.unit_of_work import Application

router = APIRouter(prefix="/api/v1", tags=["submissions"])


@router.post("/submissions", status_code=201, response_model=submission_wire.SubmissionWire)
def create(
    request: Request,
    application: ApplicationHere,
    token: Maintainer,
    body: submission_wire.SubmissionRequest,
    *,
    warnings: bool = False,
    progress: bool = False,
) -> submission_wire.SubmissionWire | StreamingResponse:
    """Submit recipes, all or none: 422 lists every problem of every file. They may have to wait for owners.

    `warnings` asks for those about how the recipes are written, which older clients do not know. With `preview`
    they are built and tested apart, and change nothing until they are accepted. With `progress`, the answer is 200 and
    a stream of JSON lines: `SubmissionStep`, and at the end `SubmissionEnd` with the answer and its status.
    """
    _check_many(len(body.recipes))
    create_it = partial(_create, request, application, token, body, warnings=warnings)
    return stream_work(request, create_it, status=201) if progress else create_it(unreported)


def _check_many(many: int) -> None:
    most = submission_wire.MOST_RECIPES
    if many > most:
        raise FarmError(
            f"a submission may have {counted(most, 'recipe')}, and this one has {many:,}",
            remedy="Submit them in parts: first those that the others need.",
            code="too-many-recipes",
        )


def _create(
    request: Request,
    application: Application,
    token: Token,
    body: submission_wire.SubmissionRequest,
    report: Report,
    *,
    warnings: bool,
) -> submission_wire.SubmissionWire:
    recipes = {name: _decoded(name, files) for name, files in body.recipes.items()}
    if body.preview is not None:
        return _preview(request, application, token, recipes, body.preview, report=report, warnings=warnings)
    taken = submit(
        application,
        recipes,
        submitted_by=token.actor,
        trace=uuid.uuid4().hex,
        envelope=_envelope(body.envelope),
        report=report,
    )
    details = [f"signed by {taken.signed_by}"] if taken.signed_by else []
    details += ["waits for owners"] if taken.waits_for else []
    subject, detail = f"submission {taken.id}", "; ".join(details)
    note(request, application, actor=token.actor, subject=subject, trace=taken.trace, detail=detail)
    return _taken(taken, taken.warnings if warnings else ())


@router.get("/submissions")
def listed(
    application: ApplicationHere,
    state: submission_wire.SubmissionStateText | None = None,
    before: wire.Number | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    *,
    outcomes: bool = False,
) -> submission_wire.SubmissionPage:
    """Return submissions, newest first; with `outcomes`, which older clients do not know, what has come of each."""
    with application.reading() as unit:
        wanted = SubmissionState(state) if state else None
        found = submissions.list_submissions(unit.session, state=wanted, before=before, limit=limit + 1)
        views = view_submissions(unit, found[:limit])
        commits = commits_of(unit.session, (view.record.id for view in views))
    next_before = found[limit - 1].id if len(found) > limit else None
    records = tuple(_record(view, commits.get(view.record.id, {}), outcome=outcomes) for view in views)
    return submission_wire.SubmissionPage(submissions=records, next_before=next_before)


@router.get("/submissions/{number}")
def progress(
    application: ApplicationHere, number: wire.Number, before: wire.Number | None = None
) -> submission_wire.SubmissionProgress:
    """Return the newest jobs of a submission, those older than the job `before` if that is given."""
    with application.reading() as unit:
        found = jobs.list_jobs(unit.session, submission=number, before=before, limit=submission_wire.MOST_JOBS)
        forms = job_forms(unit.session, found)
        record = submissions.submission(unit.session, number)
        if record is None or (record.state is SubmissionState.TAKEN and not found and before is None):
            raise NotFoundError(f"there is no submission {number} that made jobs")
        (view,) = view_submissions(unit, [record])
    return submission_wire.SubmissionProgress(
        id=number,
        jobs=tuple(reversed(forms)),
        next_before=found[-1].id if len(found) == submission_wire.MOST_JOBS else None,
        state="" if record.state is SubmissionState.TAKEN else record.state.value,
        preview=_preview_form(view),
    )


@router.get("/recipes/{name}/files")
def recipe_files(
    application: ApplicationHere,
    token: MaintainerOrCurator,  # noqa: ARG001
    name: submission_wire.RecipeName,
) -> submission_wire.RecipeFilesWire:
    """Return the files of a recipe as the farm has it now, for a patch to be applied to them."""
    with application.reading() as unit:
        head = recipes.head(unit.session, name)
        if head is None:
            raise NotFoundError(f"there is no recipe {name}")
        current = recipes.revision(unit.session, head.current)
    return submission_wire.RecipeFilesWire(
        name=name, recipe=current.digest, files=_encoded(application.recipes.files(current.files))
    )


@router.get("/submissions/{number}/recipes")
def contents(
    application: ApplicationHere,
    token: MaintainerOrCurator,  # noqa: ARG001
    number: wire.Number,
    *,
    outcomes: bool = False,
) -> submission_wire.SubmissionContents:
    """Return a submission with its files, for the people who may sign it, and the files of the current recipes.

    With `outcomes`, which older clients do not know, what has come of it if it was accepted.
    """
    with application.reading() as unit:
        view = find_submission(unit, number)
        heads = recipes.heads(unit.session, [recipe.name for recipe in view.recipes])
        current = {name: recipes.revision(unit.session, head.current).files for name, head in heads.items()}
        envelopes = envelopes_of(unit, number)
        commits = commits_of(unit.session, [number]).get(number, {})
    return submission_wire.SubmissionContents(
        distribution=application.inputs.distribution,
        submission=_record(view, commits, outcome=outcomes),
        recipes={
            recipe.name: submission_wire.SubmittedFilesWire(
                files=_encoded(application.recipes.files(recipe.files)),
                current=_encoded(application.recipes.files(current[recipe.name]) if recipe.name in current else {}),
            )
            for recipe in view.recipes
        },
        signatures=tuple(map(json.loads, envelopes)),
    )


@router.post("/submissions/{number}/accept")
def accept(
    application: ApplicationHere,
    actor: MaintainerOrCuratorActor,
    number: wire.Number,
    body: submission_wire.AcceptRequest,
) -> submission_wire.SubmissionWire:
    """Accept an owner's signature on a submission; the last missing one accepts it.

    A preview is accepted likewise: the farm takes its builds as they are. Without owners it needs no signature.
    """
    envelope = _envelope(body.envelope or None)
    return _taken(pending_submissions.accept(application, actor, number, envelope, why=body.why))


@router.post("/submissions/{number}/withdraw")
def withdraw(
    request: Request,
    application: ApplicationHere,
    token: MaintainerOrCurator,
    number: wire.Number,
    body: submission_wire.SubmissionWithdrawalRequest,
) -> submission_wire.SubmissionProgress:
    """Withdraw a submission that waits, or a preview."""
    with application.planning() as unit:
        pending_submissions.withdraw(
            unit,
            actor_of(request, token),
            number,
            curates=token.role.allows(Role.CURATOR),
            envelope=_envelope(body.envelope),
            order=_envelope(body.order),
            why=body.why,
        )
        kept = signed_order_kept(unit, _envelope(body.order))
    return submission_wire.SubmissionProgress(id=number, jobs=(), state="withdrawn", signed=kept)


def _taken(taken: Submission, warnings: tuple[LintFinding, ...] = ()) -> submission_wire.SubmissionWire:
    return submission_wire.SubmissionWire(
        id=taken.id,
        trace=taken.trace,
        accepted=tuple(
            submission_wire.AcceptedWire(
                name=accepted.revision.name,
                recipe=accepted.revision.digest,
                job=wire.JobWire.model_validate(accepted.job),
                unchanged=accepted.unchanged,
            )
            for accepted in taken.accepted
        ),
        waits_for=_unsigned(taken.waits_for),
        signed_by=taken.signed_by,
        warnings=tuple(submission_wire.FindingWire.model_validate(finding.to_dict()) for finding in warnings),
    )


def _record(
    view: SubmissionView, commits: Mapping[str, RecipeCommit], *, outcome: bool
) -> submission_wire.SubmissionRecordWire:
    return submission_wire.SubmissionRecordWire(
        id=view.record.id,
        state=view.record.state.value,
        submitted_by=view.record.submitted_by,
        submitted_at=view.record.submitted_at,
        recipes=tuple(
            submission_wire.SubmittedRecipeWire(
                name=recipe.name,
                recipe=recipe.digest,
                signed_by=view.signed_by[recipe.name],
                commit=_commit(commits.get(recipe.name)),
            )
            for recipe in view.recipes
        ),
        waits_for=_unsigned(view.waits_for),
        preview=_preview_form(view),
        **(_come_of(view) if outcome else {}),
    )


def _come_of(view: SubmissionView) -> dict[str, str]:
    """Return what has come of an accepted submission, by the names of the members that say so."""
    progress = view.progress if view.record.state is SubmissionState.TAKEN else None
    return {"outcome": progress.state, "why": progress.detail} if progress else {}


def _commit(commit: RecipeCommit | None) -> submission_wire.RecipeCommitWire | None:
    if commit is None:
        return None
    members = submission_wire.RecipeCommitWire.model_fields
    return submission_wire.RecipeCommitWire(**{name: getattr(commit, name) for name in members})


def _preview(
    request: Request,
    application: Application,
    token: Token,
    recipes: Mapping[str, Mapping[str, bytes]],
    asked: submission_wire.PreviewRequest,
    *,
    report: Report,
    warnings: bool,
) -> submission_wire.SubmissionWire:
    actor = token.actor
    made = submit_preview(
        application,
        recipes,
        submitted_by=actor,
        trace=uuid.uuid4().hex,
        origin=asked.origin,
        replaces=asked.replaces,
        report=report,
    )
    note(request, application, actor=actor, subject=f"submission {made.id}", trace=made.trace, detail="a preview")
    with application.reading() as unit:
        view = find_submission(unit, made.id)
    return _taken(made, made.warnings if warnings else ()).model_copy(update={"preview": _preview_form(view)})


def _preview_form(view: SubmissionView) -> submission_wire.PreviewWire | None:
    if view.preview is None:
        return None
    form = submission_wire.PreviewWire.model_validate(view.preview)
    verdict = form.verdict if view.verdict else None
    if view.stale and verdict:  # newer than the verdict
        verdict = verdict.model_copy(update={"stale": view.stale})
    return form.model_copy(update={"verdict": verdict, **_come_of(view)})


def _unsigned(waits_for: Iterable[Unsigned]) -> tuple[submission_wire.UnsignedWire, ...]:
    return tuple(map(submission_wire.UnsignedWire.model_validate, waits_for))


def _envelope(form: dict[str, Any] | None) -> bytes | None:
    return json.dumps(form).encode() if form is not None else None


def _encoded(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(content).decode("ascii") for name, content in files.items()}


def _decoded(recipe: str, files: dict[str, str]) -> dict[str, bytes]:
    decoded = {}
    for name, text in files.items():
        try:
            decoded[name] = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            message = f"the file {name[:100]!r} of {recipe} is not base64: {error}"
            raise FarmError(message, code="undecodable-file") from error
    return decoded
