"""The parts of `farm submit --preview`: where its recipes come from, and following it to its verdict."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from farm.cli.maintain.jobs import error_of_job
from farm.cli.output import say, say_lines, styled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from farm.api.farm_client import FarmClient
    from farm.api.submission_wire import SubmissionProgress, SubmissionRecordWire, SubmissionWire
    from farm.cli.output import Line
    from farm.cli.settings import Settings

_POLL_SECONDS = 0.5
_POLLS_UNTIL_SIGNED = 20
"""How often a preview is asked for that has a verdict, until it is signed and can be run."""


def read_previewed(
    farm: FarmClient, directories: Sequence[Path], *, patch: Path | None, ref: str | None
) -> tuple[dict[str, dict[str, bytes]], str]:
    """Return the recipes of a preview by name, and where they are from.

    They are in `directories`, as these are now or at a commit (`ref`), or are the farm's own with a `patch`.
    """
    from farm.build.recipe_directory import read_recipe_directories

    if patch is not None:
        from farm.build.recipe_patch import patched_recipes

        return patched_recipes(patch.read_bytes(), lambda name: _current(farm, name)), f"patch {patch.name}"
    if ref is not None:
        from farm.build.recipe_revision import commit_of_ref, read_recipe_at

        commit = commit_of_ref(directories[0], ref)
        recipes = {directory.resolve().name: read_recipe_at(directory, commit) for directory in directories}
        return recipes, f"commit {commit}" + (f" ({ref})" if not commit.startswith(ref) else "")
    return read_recipe_directories(directories), ""


def preview_lines(made: SubmissionWire, settings: Settings) -> Iterator[str]:
    """Yield what a submitter needs to know of a new preview."""
    for accepted in made.accepted:
        yield f"{accepted.name}: {'unchanged, ' if accepted.unchanged else ''}job {accepted.job.id}"
    until = f" until {made.preview.expires_at:%Y-%m-%d %H:%M} UTC" if made.preview else ""
    yield f"submission {made.id} is a preview{until}: {settings.submission_page(made.id)}"


def verdict_lines(farm: FarmClient, made: SubmissionRecordWire | SubmissionProgress) -> Iterator[Line]:
    """Yield what is known of a preview, for people; nothing of a submission that is none."""
    if (preview := made.preview) is None:
        return
    yield f"aims at {preview.channel}, ends {preview.expires_at:%Y-%m-%d %H:%M} UTC" + (
        f", from {preview.origin}" if preview.origin else ""
    )
    is_open = made.state == "preview"
    if preview.release and is_open:
        yield f"run it: farm run --preview {made.id} NAME…"
    if preview.outcome:
        yield outcome_line(preview.outcome, preview.why, preview.channel)
    verdict = preview.verdict
    if verdict is None:
        yield "no verdict yet" if is_open else "its preview ended before there was a verdict"
        return
    yield f"on release {verdict.base or 'none'} of {preview.channel}: {verdict.state}, {verdict.summary}"
    for change in verdict.changes:
        yield f"  {change.package}: {change.before or 'new'} → {change.after or 'removed'}"
    for finding in verdict.findings:
        about = f" ({finding.package})" if finding.package else ""
        yield f"  {'noted' if finding.passed else 'refused'} by {finding.gate}{about}: {finding.message}"
        if finding.job and not finding.passed:
            yield from error_of_job(farm, finding.job)
    if verdict.unknown:
        yield f"  decided only on release: {', '.join(verdict.unknown)}"
    if verdict.stale:
        yield (
            f"  {', '.join(verdict.stale)} changed in the farm since: make it anew with "
            f"`farm submit --preview --replace {made.id}`"
        )


def outcome_line(outcome: str, why: str, channel: str = "CHANNEL") -> str:
    """Return what has come of an accepted submission, and how to see what a channel has of it."""
    from farm.api.submission_wire import OUTCOMES

    more = f": {why}" if why else f"; what comes of it: farm channel show {channel}"
    return f"it was accepted: {OUTCOMES.get(outcome, outcome)}{more}"


def follow_preview(farm: FarmClient, number: int) -> int:
    """Show how far a preview is until its verdict is known; return 1 unless it passes."""
    shown, patience = "", _POLLS_UNTIL_SIGNED
    while True:
        progress = farm.submission(number)
        if progress.state != "preview":
            say(f"submission {number} is {progress.state or 'taken'}", err=True)
            return 1
        verdict = progress.preview.verdict if progress.preview else None
        if verdict and verdict.state in ("passes", "fails") and progress.preview:
            if verdict.changes and not progress.preview.release and patience > 0:
                patience -= 1
                time.sleep(_POLL_SECONDS)
                continue
            say(styled(verdict.state, fg="green" if verdict.state == "passes" else "red") + f": {verdict.summary}")
            say_lines(verdict_lines(farm, progress))
            return int(verdict.state != "passes")
        now = f"{verdict.state}: {verdict.summary}" if verdict else "building"
        if now != shown:
            shown = now
            say(now, err=True)
        time.sleep(_POLL_SECONDS)


def _current(farm: FarmClient, name: str) -> Mapping[str, bytes]:
    from farm.api.errors import RefusedRequestError

    try:
        return farm.recipe_files(name)
    except RefusedRequestError as error:
        if error.code == "not-found":
            return {}
        raise
