"""What the farm at FARM_URL says of a package: what caused its newest job, and why it is held back."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from farm.cli.excuse_lines import excuse_blocks
from farm.cli.inspect.comparison_lines import input_in_words
from farm.cli.inspect.why_sections import Section
from farm.cli.remote import connect
from farm.core.comparison.inputs import InputChange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.api.wire import JobCauseWire, JobWire
    from farm.cli.inspect.why_sections import Question


def caused_at_farm(question: Question) -> Section | None:
    """Return what caused the newest build of the recipe at the farm; None where there is none, or no farm."""
    from farm.api.errors import FarmUnreachableError, RefusedRequestError

    try:
        with connect() as farm:
            found = [job for job in farm.jobs(name=question.short, limit=20).jobs if job.kind == "build"]
            if not found:
                return None
            cause = farm.job_cause(found[0].id)
    except FarmUnreachableError:
        return None  # the next section says where to ask
    except RefusedRequestError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        return None  # an older farm, which does not know
    form = {"job": found[0].model_dump(mode="json"), "cause": cause.model_dump(mode="json")}
    return Section(form, list(_cause(found[0], cause)))


def held_back(question: Question) -> Section:
    """Return the excuses about the package: of itself, and of what it holds back."""
    from farm.api.errors import FarmUnreachableError

    try:
        with connect() as farm:
            channel = question.channel.rpartition("/")[2]
            channels = [channel] if channel else [str(status["channel"]) for status in farm.channels()]
            every = (excuse for name in channels for excuse in farm.excuses(name))
            found = [excuse for excuse in every if _is_about(excuse, question.short)]
    except FarmUnreachableError as error:
        line = f"held back: not known, as no farm answers at {question.settings.url}; name the farm in FARM_URL"
        return Section({"why-not": error.message}, [line], knows=False)
    where = ", ".join(channels) or "any channel"
    if not found:
        return Section([], [f"held back: no (channels of the farm: {where})"], knows=False)
    return Section(found, ["held back:", *excuse_blocks(found, indent="  ")])


def _is_about(excuse: dict[str, Any], name: str) -> bool:
    return name in (excuse["package"], excuse["root"], *excuse["partners"])


def _cause(job: JobWire, cause: JobCauseWire) -> Iterator[str]:
    reasons = {
        "submission": f"by submission {job.submission}" if job.submission else "by a submission",
        "retry": "because it was tried again",
        "reproduction": "to see whether another worker builds the same",
        "dependency": "because a dependency was built anew",
    }
    reason = reasons.get(cause.kind, cause.kind)
    if cause.because:
        reason = f"because {cause.because.name} was built anew in job {cause.because.id}, by the policy {cause.policy}"
    yield f"at the farm: job {job.id} ({job.state}), {reason}"
    if cause.inputs is not None and cause.earlier:
        yield f"  against job {cause.earlier.id}: {'the same inputs' if not cause.inputs else ''}".rstrip()
    for change in cause.inputs or ():
        yield f"  {input_in_words(InputChange.from_dict(_form(change.model_dump(mode='json'))))}"


def _form(change: dict[str, Any]) -> dict[str, Any]:
    """Return a change without the empty members that its form leaves out."""
    values = {side: change[side] and {k: v for k, v in change[side].items() if v} for side in ("before", "after")}
    return change | values
