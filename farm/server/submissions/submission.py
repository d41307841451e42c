"""Submits recipes: checks them together, makes them current, and adds their jobs. All or nothing.

A submission that still needs an owner's signature is stored, and changes nothing else: see `pending_submissions`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.server.jobs import jobs, waiting
from farm.server.jobs.settling import settle_all_marked
from farm.server.submissions import submissions
from farm.server.submissions.intake_progress import IntakeStep, Stage, unreported
from farm.server.submissions.owners import keep_signature, unsigned
from farm.server.submissions.recipe_intake import read_new
from farm.server.submissions.taking import make_all_current
from farm.server.tables.states import SubmissionState

if TYPE_CHECKING:
    from collections.abc import Callable

    from farm.core.lint.finding import LintFinding
    from farm.server.submissions.intake_progress import Report
    from farm.server.submissions.owners import Unsigned
    from farm.server.submissions.recipe_intake import RecipeFiles
    from farm.server.submissions.taking import Accepted
    from farm.server.transaction.unit_of_work import Application, UnitOfWork

    Recording = Callable[[UnitOfWork, int], None]

_SECONDS_FOR_OTHERS = 0.5
"""How long a submitter waits for the builds of others that wait for these recipes."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The result of a submission: its number, its trace, and the result for each recipe, in build order.

    While it `waits_for` owners, `accepted` is empty. `signed_by` is the signer, if that signature counts. `warnings`
    are about how the recipes are written.
    """

    id: int
    trace: str
    accepted: tuple[Accepted, ...]
    waits_for: tuple[Unsigned, ...] = ()
    signed_by: str = ""
    warnings: tuple[LintFinding, ...] = ()


def submit(
    application: Application,
    submitted: RecipeFiles,
    *,
    submitted_by: str,
    trace: str,
    envelope: bytes | None = None,
    record: Recording | None = None,
    report: Report = unreported,
) -> Submission:
    """Accept recipes, each as the files of its directory by name, all together or none.

    Where recipes have owners, the submission waits until an owner has signed each of them; `envelope` holds the
    submitter's signature. `record` writes what belongs to the submission, in its transaction, and `report` is called
    with each step. Raises one `RecipeError` with the problems of all recipes, or then with the revisions that have to
    be raised, `FarmError` (`submitted-files`, `unowned-recipe`), `MissingDependencyError`, `DependencyCycleError`,
    `DuplicatePackageError`, `SubmissionStatementError` or `OwnershipTroubleError`; nothing has changed then.
    """
    read = read_new(application, submitted, report=report)
    report(IntakeStep(Stage.ADDING, 0, len(read.recipes)))
    with application.planning() as unit:
        graph = read.graph(unit)
        number = submissions.add_submission(unit.session, submitted_by=submitted_by, trace=trace, now=unit.now)
        submissions.add_submitted(unit.session, number, read.submitted())
        if record is not None:
            record(unit, number)
        wanted = {name: recipe.digest for name, recipe in read.recipes.items()}
        signed_by = keep_signature(unit, envelope, number, wanted) if envelope is not None else ""
        if waits_for := unsigned(unit, number, wanted):
            submissions.set_state(unit.session, number, SubmissionState.WAITING, now=unit.now)
            return Submission(number, trace, (), waits_for, signed_by, read.warnings)
        accepted = make_all_current(unit, graph, read, number=number, trace=trace)
    return settled(application, Submission(number, trace, accepted, (), signed_by, read.warnings), report=report)


def settled(application: Application, taken: Submission, *, report: Report = unreported) -> Submission:
    """Settle the jobs of an accepted submission, a part at a time, and return it with their states of now.

    Where this is interrupted, or meets trouble, control goes on.
    """
    with application.reading() as unit:
        total = waiting.count_marked(unit.session, taken.id)

    def planned(done: int) -> None:
        report(IntakeStep(Stage.PLANNING, min(done, total), total))

    settle_all_marked(application, submission=taken.id, report=planned)
    settle_all_marked(application, seconds=_SECONDS_FOR_OTHERS)
    with application.reading() as unit:
        now = jobs.find_jobs(unit.session, (accepted.job.id for accepted in taken.accepted))
    return replace(taken, accepted=tuple(replace(one, job=now[one.job.id]) for one in taken.accepted))
