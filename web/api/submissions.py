"""Routes of maintainers: submit recipes, see how far a submission is."""

from __future__ import annotations

import base64
import binascii
import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from farm.api import wire
from farm.control.submission import submit
from farm.database import jobs
from farm.database.records import Token
from farm.database.states import Role
from farm.errors import FarmError
from web.api.forms import job_form, job_forms
from web.auth import OfficeHere, note, require
from web.problems import NotFoundError

router = APIRouter(prefix="/api/v1", tags=["submissions"])

Maintainer = Annotated[Token, Depends(require(Role.MAINTAINER))]


class UndecodableFileError(FarmError):
    """A submitted file is not base64."""

    code = "undecodable-file"


@router.post("/submissions", status_code=201)
def create(
    request: Request, office: OfficeHere, token: Maintainer, body: wire.SubmissionRequest
) -> wire.SubmissionWire:
    """Take recipes, all together or none: 422 tells every problem of every file."""
    recipes = {name: _decoded(name, files) for name, files in body.recipes.items()}
    taken = submit(office, recipes, submitted_by=f"token:{token.name}", trace=uuid.uuid4().hex)
    note(request, office, actor=f"token:{token.name}", subject=f"submission {taken.id}", trace=taken.trace)
    return wire.SubmissionWire(
        id=taken.id,
        trace=taken.trace,
        accepted=tuple(
            wire.AcceptedWire(
                name=each.revision.name,
                recipe=each.revision.digest,
                job=job_form(each.job),
                unchanged=each.unchanged,
            )
            for each in taken.accepted
        ),
    )


@router.get("/submissions/{number}")
def progress(office: OfficeHere, number: wire.Number) -> wire.SubmissionProgress:
    """Return the jobs that a submission made."""
    with office.reading() as desk:
        found = jobs.list_jobs(desk.session, submission=number, limit=2000)
        forms = job_forms(desk.session, found)
    if not found:
        raise NotFoundError(f"there is no submission {number} that made jobs")
    return wire.SubmissionProgress(id=number, jobs=tuple(reversed(forms)))


def _decoded(recipe: str, files: dict[str, str]) -> dict[str, bytes]:
    decoded = {}
    for name, text in files.items():
        try:
            decoded[name] = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise UndecodableFileError(f"the file {name[:100]!r} of {recipe} is not base64: {error}") from error
    return decoded
