"""`farm submission`: show submissions and previews, accept them, or withdraw them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from farm.cli.groups import VerbGroup
from farm.cli.maintain.preview import outcome_line, verdict_lines
from farm.cli.maintain.signed_recipes import digests_of, distribution_in, sign_digests, waiting_lines, whom
from farm.cli.maintain.submission_following import WAITS, follow
from farm.cli.options import json_option
from farm.cli.output import say, say_json, say_lines, styled, table, tell_result, tell_table
from farm.cli.personal_key import confirm_signing, find_own_key, own_key_options
from farm.cli.remote import clock, connect, number_type
from farm.cli.settings import Settings
from farm.cli.sign_order import sign_withdrawal, tell_signed
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from farm.api.farm_client import FarmClient
    from farm.api.submission_wire import RecipeCommitWire, SubmissionContents, SubmissionRecordWire, SubmissionWire
    from farm.cli.output import Line
    from farm.cli.personal_key import OwnKey
    from farm.core.names.digest import Digest


_LONGEST_CLAIM = 100
_STATES = ("taken", "waiting", "preview", "withdrawn", "expired")


@click.group(cls=VerbGroup)
def submission() -> None:
    """Show submissions and previews, accept them as an owner of their recipes, or withdraw them.

    \b
    Examples:
      farm submission list --waiting
      farm submission show 12
      farm submission accept 12
    """


@submission.command("list")
@click.option("--waiting", is_flag=True, help="List only submissions that wait for an owner.")
@click.option("--state", type=click.Choice(_STATES), help="List only submissions in this state.")
@click.option(
    "--limit", default=30, show_default=True, type=click.IntRange(1, 200), help="The most submissions to list."
)
@json_option
def list_submissions(waiting: bool, state: str | None, limit: int, as_json: bool) -> None:
    """List the submissions to the farm at FARM_URL, newest first.

    \b
    Example:
      farm submission list --state preview
    """
    with connect() as farm:
        page = farm.submissions(state="waiting" if waiting else state, limit=limit, outcomes=True)
    rows = [
        (
            str(record.id),
            record.state,
            f"{record.submitted_at:%Y-%m-%d %H:%M}",
            record.submitted_by,
            ", ".join(recipe.name for recipe in record.recipes),
            "; ".join(f"{unsigned.recipe}: {whom(unsigned)}" for unsigned in record.waits_for),
            record.preview.verdict.state if record.preview and record.preview.verdict else "",
            record.outcome or (record.preview.outcome if record.preview else ""),
        )
        for record in page.submissions
    ]
    headings = ("SUBMISSION", "STATE", "SINCE (UTC)", "BY", "RECIPES", "WAITS FOR", "VERDICT", "OUTCOME")
    tell_table(rows, headings, page.model_dump(mode="json"), nothing="no submissions", as_json=as_json)


@submission.command("show")
@click.argument("number", type=number_type)
@json_option
def show(number: int, as_json: bool) -> None:
    """Show submission NUMBER, its signatures, its verdict as a preview, and its differences from your own tree.

    Your own tree is FARM_RECIPES. A recipe that it does not have is shown in full.

    \b
    Example:
      farm submission show 12
    """
    settings = Settings.from_environment()
    with connect() as farm:
        found = farm.submission_contents(number, outcomes=True)
        if as_json:
            say_json(found.model_dump(mode="json"))
            return
        say_lines(_sheet(found.submission))
        if found.submission.outcome and not found.submission.preview:
            say(outcome_line(found.submission.outcome, found.submission.why))
        if found.submission.preview:
            say_lines(verdict_lines(farm, found.submission))
            say(f"page: {settings.submission_page(number)}")
        say_lines(_differences(found, settings))


@submission.command("accept")
@click.argument("number", type=number_type)
@own_key_options
@click.option("--yes", is_flag=True, help="Sign without asking; not against the verdict on a preview.")
@click.option("--despite-verdict", "despite", metavar="REASON", help="With --yes also a preview that does not pass.")
@click.option("--wait", is_flag=True, help="Wait until all builds have ended.")
@click.option(
    "--release", "channel", metavar="CHANNEL", help="Wait until CHANNEL has released or refused the packages."
)
@click.option("--json", "as_json", is_flag=True, help="Print the submission as JSON, and do not wait.")
def accept(
    *,
    number: int,
    key: Path | None,
    name: str | None,
    yes: bool,
    despite: str | None,
    wait: bool,
    channel: str | None,
    as_json: bool,
) -> int:
    """Accept submission NUMBER, signing it as an owner, after showing its differences from your own tree.

    A preview is accepted in the same way, and its builds are taken as they are; where its recipes have no owners, your
    token is enough. Your own tree is FARM_RECIPES. The signature covers the digests of the files that are shown,
    computed here, of the whole submission: it is accepted as a whole, with the last signature that is missing.

    What is accepted although its preview does not pass becomes the farm's recipe, and channels hold it back. With
    --wait and --release it exits as `farm submit` does: with status 3 while the submission waits for another owner.

    \b
    Examples:
      farm submission accept 12 --release edge
      farm submission accept 12 --yes --despite-verdict "the next submission mends its dependents"
    """
    settings = Settings.from_environment()
    own = find_own_key(settings, key, name)
    with connect() as farm:
        found = farm.submission_contents(number)
        if found.submission.state not in ("waiting", "preview"):
            raise FarmError(f"submission {number} is {found.submission.state}: nothing of it waits to be accepted")
        say_lines(verdict_lines(farm, found.submission), err=True)
        consent = _Consent(_doubt(found.submission), yes=yes, despite=(despite or "").strip())
        consent.check(number)
        if found.submission.state == "preview" and not found.submission.waits_for:
            lines, taken = _accept_unowned(farm, found, settings, consent)
        elif own is not None:
            lines, taken = _accept_signed(farm, found, settings, consent, own)
        else:
            raise click.UsageError(
                "There is no key to sign with: make one with `farm keys me`, or name one with --key."
            )
        tell_result(lines, taken.model_dump(mode="json"), as_json=as_json)
        if as_json:
            return 0
        if taken.waits_for:
            return WAITS if wait or channel else 0
        return follow(farm, taken, wait=wait, channel=channel)


@dataclass(frozen=True, slots=True)
class _Consent:
    """What somebody has said in advance; `doubt` is what the verdict on a preview has against it, or empty."""

    doubt: str
    yes: bool
    despite: str

    def check(self, number: int) -> None:
        """Show the doubt; refuse where nobody is asked and nobody has said why it is accepted."""
        if not self.doubt:
            return
        say(styled(f"preview {number} {self.doubt}", fg="red", bold=True), err=True)
        if self.yes and not self.despite:
            raise FarmError(
                f"submission {number} is not accepted with --yes alone: its preview {self.doubt}",
                remedy=f"Wait for its verdict (`farm watch --submission {number} --exit-when-done`), replace it with a "
                f"better one (`farm submit --preview --replace {number}`), or say why: --despite-verdict REASON.",
                code="preview-does-not-pass",
            )

    def ask(self, question: str, number: int) -> None:
        """Ask, unless the answer is known."""
        if not self.yes:
            although = f", although its preview {self.doubt}" if self.doubt else ""
            confirm_signing(f"{question}{although}?", f"submission {number}")


def _doubt(record: SubmissionRecordWire) -> str:
    """Return what is known against accepting a preview; empty for one that passes, and for other submissions."""
    if record.state != "preview":
        return ""
    verdict = record.preview.verdict if record.preview else None
    if verdict is None:
        return "has no verdict yet"
    if verdict.state == "passes":
        return ""
    return f"fails: {verdict.summary}" if verdict.state == "fails" else f"has no verdict yet: {verdict.summary}"


def _accept_signed(
    farm: FarmClient, found: SubmissionContents, settings: Settings, consent: _Consent, own: OwnKey
) -> tuple[list[str], SubmissionWire]:
    """Sign a submission as an owner, and so accept it if no other signature is missing."""
    number = found.submission.id
    say_lines(_sheet(found.submission), err=True)
    digests = _checked(found, settings)
    mine = [unsigned.recipe for unsigned in found.submission.waits_for if own.name in unsigned.owners]
    if not mine:
        waits = "; ".join(f"{whom(unsigned)} ({unsigned.recipe})" for unsigned in found.submission.waits_for)
        raise FarmError(
            f"submission {number} waits for no signature of {own.name}",
            remedy=f"It waits for {waits}." if waits else "",
        )
    say_lines(_differences(found, settings), err=True)
    others = ", ".join(sorted(digests.keys() - mine))
    beside = f", together with {others}," if others else ""
    consent.ask(f"Sign {', '.join(mine)}{beside} for {found.distribution} as {own.name}", number)
    taken = farm.accept(number, sign_digests(digests, found.distribution, own), why=consent.despite)
    after = waiting_lines(taken) if taken.waits_for else _accepted_lines(found, taken)
    return [f"{own.name} has signed {', '.join(mine)}", *after], taken


def _accept_unowned(
    farm: FarmClient, found: SubmissionContents, settings: Settings, consent: _Consent
) -> tuple[list[str], SubmissionWire]:
    """Accept a preview whose recipes need no signature."""
    _checked(found, settings)
    say_lines(_differences(found, settings), err=True)
    consent.ask(f"Accept the preview of {', '.join(sorted(found.recipes))}", found.submission.id)
    taken = farm.accept(found.submission.id, None, why=consent.despite)
    return _accepted_lines(found, taken), taken


def _accepted_lines(found: SubmissionContents, taken: SubmissionWire) -> list[str]:
    """Return what became of each recipe; of a preview, whether its build was taken."""
    was_preview = found.submission.preview is not None
    lines = []
    for accepted in taken.accepted:
        job = accepted.job
        if accepted.unchanged:
            lines.append(f"{accepted.name}: unchanged, job {job.id}")
        elif was_preview and job.answered_by is not None:
            lines.append(f"{accepted.name}: job {job.id}, with the build of the preview (job {job.answered_by})")
        elif was_preview and job.state == "ready":
            lines.append(
                f"{accepted.name}: job {job.id}, built anew: the preview did not build it with what is there now"
            )
        else:
            lines.append(f"{accepted.name}: job {job.id}")
    return lines


@submission.command("withdraw")
@click.argument("number", type=number_type)
@own_key_options
@click.option("--why", default="", help="The reason, for the audit trail.")
@json_option
def withdraw(*, number: int, key: Path | None, name: str | None, why: str, as_json: bool) -> int:
    """Withdraw submission NUMBER, which waits for an owner or is a preview.

    Its submitter and curators need only a token; an owner of one of its recipes signs with their own key. The signer
    accepts signatures on it until a person who may give orders has withdrawn them with their key.

    \b
    Example:
      farm submission withdraw 12 --why "replaced by submission 13"
    """
    settings = Settings.from_environment()
    own = find_own_key(settings, key, name)
    with connect() as farm:
        envelope = order = None
        found = farm.submission_contents(number)
        given = _signatures(found)
        if own is not None:
            owned = any(own.name in unsigned.owners for unsigned in found.submission.waits_for)
            digests = _checked(found, settings)
            envelope = sign_digests(digests, found.distribution, own, withdrawn=True) if owned else None
            order = sign_withdrawal(own, found.distribution, given, why)
        answer = farm.withdraw_submission(number, envelope=envelope, order=order, why=why)
        status = tell_signed(farm, {"signed": answer.signed} if answer.signed else {})
    if given and not answer.signed:
        say(
            "where policy is signed, the signatures on it stay valid with the signer: somebody who may give orders has "
            "to run this again, with the key of `farm keys me`",
            err=True,
        )
    tell_result([f"submission {number} is withdrawn"], answer.model_dump(mode="json"), as_json=as_json)
    return status


def _checked(found: SubmissionContents, settings: Settings) -> Mapping[str, Digest]:
    """Return the digests of the files that the farm sent, which must match its own list. Raises on a mismatch."""
    digests = digests_of({name: _files(recipe.files) for name, recipe in found.recipes.items()})
    listed = {recipe.name: recipe.recipe for recipe in found.submission.recipes}
    if digests != listed:
        raise FarmError(
            f"the farm sent other files of submission {found.submission.id} than those it lists",
            remedy="Sign nothing; tell the operators of the farm.",
            code="altered-submission",
        )
    own = distribution_in(settings.recipes)
    if own and own != found.distribution:
        raise FarmError(
            f"the farm is that of {found.distribution}, but the recipes here are those of {own}",
            remedy="Name the tree of that distribution in FARM_RECIPES, or sign nothing.",
            code="altered-submission",
        )
    return digests


def _signatures(found: SubmissionContents) -> list[bytes]:
    """Return the signed envelopes of this submission; each must be about its recipes."""
    from farm.core.names.canonical_json import canonical_json
    from farm.trust.attestation.submission_statement import shown_submission

    listed = {recipe.name: recipe.recipe for recipe in found.submission.recipes}
    given = [canonical_json(signature) for signature in found.signatures]
    for envelope in given:
        said = shown_submission(envelope).said
        if said.distribution != found.distribution or not said.recipes.items() <= listed.items():
            raise FarmError(
                f"the farm sent signatures with submission {found.submission.id} that are on something else",
                remedy="Sign nothing; tell the operators of the farm.",
                code="altered-submission",
            )
    return given


def _files(encoded: Mapping[str, str]) -> dict[str, bytes]:
    try:
        return {name: base64.b64decode(text, validate=True) for name, text in encoded.items()}
    except ValueError as error:
        raise FarmError(
            f"a file of the submission arrived damaged: {error}",
            remedy="Sign nothing; check that FARM_URL is the farm's.",
            code="altered-submission",
        ) from error


def _sheet(record: SubmissionRecordWire) -> list[Line]:
    waiting = {unsigned.recipe: whom(unsigned) for unsigned in record.waits_for}
    rows = [
        (recipe.name, ", ".join(recipe.signed_by) or "-", waiting.get(recipe.name, "-"), recipe.recipe)
        for recipe in record.recipes
    ]
    since = clock(record.submitted_at.isoformat())
    return [
        f"submission {record.id} of {record.submitted_by}, {since}: {record.state}",
        *table(rows, ("RECIPE", "SIGNED BY", "WAITS FOR", "DIGEST")),
        *(line for recipe in record.recipes if recipe.commit for line in _commit_lines(recipe.name, recipe.commit)),
    ]


def _commit_lines(name: str, commit: RecipeCommitWire) -> Iterator[str]:
    """Yield first what was verified, on its own line: a name in a commit may imitate anything, also a signature."""
    signed = f"signed by {commit.signer}" if commit.signer else f"signature {commit.signature}"
    yield f"{name}: {signed}, when it was read{f', {commit.key}' if commit.key else ''}"
    author = _claimed(commit.author, commit.author_email)
    committer = _claimed(commit.committer, commit.committer_email)
    by = author if author == committer else f"{author}, committer {committer}"
    yield f"{name}: commit {commit.commit} of {commit.url}, author {by}"


def _claimed(name: str, email: str) -> str:
    """Return what a commit says of a person, as text that cannot be taken for anything else."""
    text = f"{name} <{email}>"
    return json.dumps(text if len(text) <= _LONGEST_CLAIM else f"{text[: _LONGEST_CLAIM - 1]}…", ensure_ascii=False)


def _differences(found: SubmissionContents, settings: Settings) -> Iterator[str]:
    from farm.cli.maintain.submission_differences import differences

    submitted = {name: _files(recipe.files) for name, recipe in found.recipes.items()}
    known = {name: _files(recipe.current) for name, recipe in found.recipes.items()}
    return differences(submitted, settings.recipes, known)
