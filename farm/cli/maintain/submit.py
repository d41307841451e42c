"""`farm submit`: send recipes to a farm, and follow their builds and release."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.maintain.preview import follow_preview, preview_lines, read_previewed
from farm.cli.maintain.signed_recipes import digests_of, distribution_of, sign_digests, waiting_lines
from farm.cli.maintain.submission_following import WAITS, follow
from farm.cli.maintain.submission_progress import submitting
from farm.cli.output import say, say_json, say_lines
from farm.cli.personal_key import find_own_key, own_key_options
from farm.cli.remote import connect, number_type
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.api.submission_wire import AcceptedWire, FindingWire, SubmissionWire
    from farm.cli.personal_key import OwnKey
    from farm.core.lint.finding import LintFinding


@click.command()
@click.argument("directories", nargs=-1, type=click.Path(path_type=Path, file_okay=False))
@click.option("--wait", is_flag=True, help="Wait until all builds have ended; with --preview, for its verdict.")
@click.option(
    "--release", "channel", metavar="CHANNEL", help="Wait until CHANNEL has released or refused the packages."
)
@click.option("--preview", is_flag=True, help="Only build and test them, with their dependents: nothing is released.")
@click.option("--ref", metavar="COMMIT", help="With --preview: the directories as git has them at COMMIT.")
@click.option(
    "--patch",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="With --preview: the farm's own recipes with this patch, in place of directories.",
)
@click.option("--replace", metavar="NUMBER", type=number_type, help="With --preview: withdraw your preview NUMBER.")
@own_key_options
@click.option("--json", "as_json", is_flag=True, help="Print the accepted submission as JSON, and do not wait.")
def submit(
    *,
    directories: tuple[Path, ...],
    wait: bool,
    channel: str | None,
    preview: bool,
    ref: str | None,
    patch: Path | None,
    replace: int | None,
    key: Path | None,
    name: str | None,
    as_json: bool,
) -> int:
    """Submit the recipes in DIRECTORIES to a farm, all together or none.

    The farm is at FARM_URL; FARM_TOKEN has the token. The recipes are signed with your own key if you have one (`farm
    keys me`). Where recipes have owners, those that no owner has signed wait for one.

    With --preview they are built and tested apart from the farm's own, with everything that depends on them, and change
    nothing until somebody accepts them with `farm submission accept`; then the same builds are taken.

    Exits with status 1 when a build fails, when the verdict on a preview is against it, when the channel refuses or
    holds back a submitted package, when their new tests fail on the released packages, when the channel is frozen, or
    when its file has errors. With --wait or --release, exits with status 3 when the submission waits for an owner.

    \b
    Examples:
      farm submit recipes/packages/jq recipes/packages/oniguruma --release edge
      farm submit --preview --ref my-branch recipes/packages/jq --wait
    """
    settings = Settings.from_environment()
    _check_options(directories, preview=preview, others={"--ref": ref, "--patch": patch, "--replace": replace})
    if preview:
        if channel or key:
            raise click.UsageError("A preview is neither released nor signed: leave out --release and --key.")
        return _submit_preview(
            settings, directories, ref=ref, patch=patch, replaces=replace, wait=wait, as_json=as_json
        )

    return _submit(settings, directories, key=key, name=name, wait=wait, channel=channel, as_json=as_json)


def _submit(
    settings: Settings,
    directories: tuple[Path, ...],
    *,
    key: Path | None,
    name: str | None,
    wait: bool,
    channel: str | None,
    as_json: bool,
) -> int:
    from farm.build.recipe_directory import read_recipe_directories

    recipes = read_recipe_directories(directories)
    own = find_own_key(settings, key, name)
    envelope = sign_digests(digests_of(recipes), distribution_of(settings, directories), own) if own else None
    with connect() as farm:
        with submitting() as report:
            taken = farm.submit(recipes, envelope=envelope, warnings=True, report=report)
        if as_json:
            say_json(taken.model_dump(mode="json"))
            return 0
        _say_warnings(taken)
        if own:
            say(_signed(own, taken), err=True)
        if taken.waits_for:
            say_lines(waiting_lines(taken))
            say(f"submission {taken.id}: {settings.submission_page(taken.id)}", err=True)
            return WAITS if wait or channel else 0
        for accepted in taken.accepted:
            say(f"{accepted.name}: {_result(accepted)}")
        say(f"submission {taken.id}: {settings.submission_page(taken.id)}", err=wait or bool(channel))
        return follow(farm, taken, wait=wait, channel=channel)


def _check_options(directories: tuple[Path, ...], *, preview: bool, others: Mapping[str, object]) -> None:
    given = [name for name, value in others.items() if value is not None]
    if given and not preview:
        raise click.UsageError(f"{', '.join(given)} is for --preview.")
    if "--patch" in given and (directories or "--ref" in given):
        raise click.UsageError("A patch is applied to the farm's own recipes: leave out DIRECTORIES and --ref.")
    if not directories and "--patch" not in given:
        raise click.UsageError("Missing argument 'DIRECTORIES...'.")
    if "--ref" not in given and (missing := next((path for path in directories if not path.is_dir()), None)):
        raise click.BadParameter(f"Directory '{missing}' does not exist.", param_hint="'[DIRECTORIES]...'")


def _submit_preview(
    settings: Settings,
    directories: tuple[Path, ...],
    *,
    ref: str | None,
    patch: Path | None,
    replaces: int | None,
    wait: bool,
    as_json: bool,
) -> int:
    from farm.api.submission_wire import LONGEST_ORIGIN, PreviewRequest

    with connect() as farm:
        recipes, origin = read_previewed(farm, directories, patch=patch, ref=ref)
        asked = PreviewRequest(origin=origin[:LONGEST_ORIGIN], replaces=replaces)
        with submitting() as report:
            made = farm.submit(recipes, preview=asked, warnings=True, report=report)
        if as_json:
            say_json(made.model_dump(mode="json"))
            return 0
        _say_warnings(made)
        say_lines(preview_lines(made, settings))
        return follow_preview(farm, made.id) if wait else 0


def _signed(own: OwnKey, taken: SubmissionWire) -> str:
    if taken.signed_by:
        return f"signed as {taken.signed_by}"
    return f"signed as {own.name} with {own.path}; the farm does not know this key: taken as unsigned"


def _say_warnings(taken: SubmissionWire) -> None:
    for warning in taken.warnings:
        say(_finding(warning).in_a_line(), err=True)


def _finding(warning: FindingWire) -> LintFinding:
    from farm.core.files.problems import Problem
    from farm.core.lint.finding import LintFinding, Severity
    from farm.errors import Place

    place = Place(warning.file, warning.line, warning.column)
    problem = Problem(place, warning.message, warning.remedy)
    return LintFinding(warning.code, warning.name, Severity(warning.severity), problem, warning.check)


def _result(accepted: AcceptedWire) -> str:
    job = accepted.job
    if accepted.unchanged or job.answered_by is None:
        return f"{'unchanged, ' if accepted.unchanged else ''}job {job.id}"
    return f"job {job.id}, built already by job {job.answered_by}: its tests run on that build"
