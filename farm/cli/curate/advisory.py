"""`farm advisory`: the security advisories of a distribution."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.groups import VerbGroup
from farm.cli.options import json_option
from farm.cli.output import Line, say, say_json, say_lines, styled, table, tell_result, tell_table
from farm.cli.remote import connect
from farm.cli.sign_order import sign_claims, tell_signed
from farm.core.names.utc import utc_text
from farm.core.names.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from farm.api.curator_client import CuratorClient
    from farm.trust.attestation.advisory_statement import Claim

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NOT_FOUND = 404
_unknown_option = click.option(
    "--allow-unknown",
    is_flag=True,
    help="Accept packages that this farm has never built, and advisories that it does not have yet.",
)


@click.group(cls=VerbGroup)
def advisory() -> None:
    """Show and add the security advisories of the farm at FARM_URL."""


@advisory.command("add")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@_unknown_option
@json_option
def add(files: tuple[Path, ...], allow_unknown: bool, as_json: bool) -> int:
    """Add advisories from FILES, each a JSON document in the OSV format.

    Needs the token of a curator. Where policy is signed, this signs the advisories with your own key (`farm keys me`);
    unsigned ones are not published.

    Adding a file again changes nothing. A newer `modified` replaces the advisory, `withdrawn` withdraws it. An advisory
    on a package that no recipe has ever built is refused.

    \b
    Example:
      farm advisory add EXAMPLE-2026-1.json
    """
    from farm.core.advisories.osv import read_json_object

    # All files are read before the first is sent: a broken one leaves nothing half done.
    documents = [read_json_object(path.read_bytes(), "the advisory", str(path)) for path in files]
    answers = []
    with connect() as farm:
        for document in documents:
            signed = _sign_advisory(farm, document)
            answers.append(answer := farm.add_advisory(document, allow_unknown=allow_unknown, envelope=signed))
            if not as_json:
                say_lines(_added(answer))
        status = tell_signed(farm, *answers)
    if as_json:
        say_json(answers)
    return status


def _sign_advisory(farm: CuratorClient, document: Mapping[str, Any]) -> bytes | None:
    """Return the signed order; None without a key, or where the farm has this very document already."""
    from farm.api.errors import RefusedRequestError
    from farm.trust.attestation.advisory_statement import advisory_claim

    def claims(_distribution: str) -> Iterator[Claim]:
        try:
            known = farm.advisory(str(document.get("id")))
        except RefusedRequestError as error:
            if error.status != _NOT_FOUND:
                raise
            known = {}
        if known.get("document") != document or known.get("unsigned"):
            yield advisory_claim(document)

    return sign_claims(farm, claims)


def _added(answer: dict[str, Any]) -> list[str]:
    what = f"{answer['id']}: {answer['outcome']}, {answer['severity']}, {', '.join(answer['packages'])}"
    return [what, *map(_released, answer["released"])]


def _released(hit: dict[str, Any]) -> str:
    return f"  affects {hit['package']} {hit['version']}, which is in {hit['channel']}"


@advisory.command("vex")
@click.argument("file", type=_FILE)
@_unknown_option
@json_option
def vex(file: Path, allow_unknown: bool, as_json: bool) -> int:
    """State with FILE, an OpenVEX document, whether advisories affect packages of this distribution.

    Needs the token of a curator. The newest statement about a vulnerability in a package counts. `not_affected`, and
    `fixed` for the version that it names, let the package pass the gate `advisories` and `farm audit`. Statements about
    packages and advisories that this farm does not know are refused.

    \b
    Example:
      farm advisory vex not-affected.json
    """
    from farm.core.advisories.osv import read_json_object

    content = file.read_bytes()
    document = read_json_object(content, "the document", str(file))
    with connect() as farm:
        signed = sign_claims(farm, lambda distribution: _stated(content, distribution, file))
        answer = farm.state(document, allow_unknown=allow_unknown, envelope=signed)
        status = tell_signed(farm, answer)
    if as_json:
        say_json(answer)
        return status
    for statement in answer["statements"]:
        version = f" {statement['version']}" if statement["version"] else ""
        say(f"{statement['vulnerability']}: {statement['status']} in {statement['package']}{version}")
    say(counted(answer["new"], "new statement") if answer["new"] else "nothing new")
    return status


def _stated(content: bytes, distribution: str, file: Path) -> Iterator[Claim]:
    from farm.core.advisories.openvex import read_openvex
    from farm.trust.attestation.advisory_statement import statement_claim

    for statement in read_openvex(content, distribution, file=str(file)):
        yield statement_claim(statement, distribution)


@advisory.command("reviewed")
@click.argument("packages", nargs=-1)
@click.option(
    "--source",
    default="",
    metavar="URL",
    help="Where you looked: the tracker, feed or page that lists vulnerabilities.",
)
@click.option("--at", default="", metavar="TIME", help="When, as 2026-11-20T10:00:00Z.  [default: now]")
@json_option
def reviewed(packages: tuple[str, ...], source: str, at: str, as_json: bool) -> int:
    """State that PACKAGES were reviewed for vulnerabilities, or list the reviews.

    Needs the token of a curator. Record a review only after adding, as advisories, all vulnerabilities that the source
    lists for them. Reviews are published, signed with your own key where policy is signed. For a package without one,
    `farm audit` reports that no data covers it.

    \b
    Examples:
      farm advisory reviewed zlib --source https://security-tracker.debian.org/tracker/source-package/zlib
      farm advisory reviewed
    """
    if bool(packages) != bool(source):
        raise click.UsageError("Give packages and a --source; or neither, to list the reviews.")
    if at and not packages:
        raise click.UsageError("--at needs PACKAGES: it is the time of their review.")
    with connect() as farm:
        answer = _review(farm, packages, source, at) if packages else farm.reviews()
        status = tell_signed(farm, answer)
    rows = [(review["package"], review["at"], review["source"]) for review in answer["reviews"]]
    lines = table(rows, ("PACKAGE", "REVIEWED", "SOURCE")) if rows else ["no reviews"]
    if packages:
        lines.append(counted(answer["new"], "new review"))
    tell_result(lines, answer, as_json=as_json)
    return status


def _review(farm: CuratorClient, packages: tuple[str, ...], source: str, at: str) -> dict[str, Any]:
    """Send a review, signed where there is a key: a signed one needs its time."""
    said = at or utc_text(datetime.now(UTC))
    signed = sign_claims(farm, lambda distribution: _reviews(packages, source, said, distribution))
    return farm.review(packages, source, said if signed else at, envelope=signed)


def _reviews(packages: Iterable[str], source: str, at: str, distribution: str) -> Iterator[Claim]:
    from farm.core.advisories.reviews import Review
    from farm.core.names.package_name import PackageName
    from farm.trust.attestation.advisory_statement import review_claim

    try:
        when = datetime.fromisoformat(at)
    except ValueError:
        return  # the farm refuses the time, and says how to write one
    for package in packages:
        yield review_claim(Review(PackageName.parse(package, within=distribution).inside(distribution), source, when))


@advisory.command("list")
@click.option("--package", default="", help="List only advisories on this package.")
@json_option
def list_advisories(package: str, as_json: bool) -> None:
    """List the advisories by ID.

    \b
    Example:
      farm advisory list --package jq
    """
    with connect() as farm:
        found = list(farm.advisories(package))
    rows = [(form["id"], _state(form), " ".join(form["packages"]), form["summary"]) for form in found]
    tell_table(rows, ("ADVISORY", "SEVERITY", "PACKAGES", "SUMMARY"), found, nothing="no advisories", as_json=as_json)


def _state(form: Mapping[str, Any]) -> str:
    said = "withdrawn" if form["withdrawn"] else str(form["severity"])
    return f"{said}, unsigned" if form.get("unsigned") else said


@advisory.command("show")
@click.argument("number", metavar="ID")
@json_option
def show(number: str, as_json: bool) -> None:
    """Show the advisory ID, and the affected packages in the newest releases.

    \b
    Example:
      farm advisory show EXAMPLE-2026-1
    """
    with connect() as farm:
        found = farm.advisory(number)
    state = f"withdrawn {found['withdrawn']}" if found["withdrawn"] else found["severity"]
    lines: list[Line] = [styled(found["id"], bold=True) + f" ({state}): {found['summary']}"]
    if found.get("unsigned"):
        lines.append("  not published: not signed. `farm advisory add` of the same file signs it with your own key")
    lines += [f"  packages: {', '.join(found['packages'])}", *map(_released, found["released"])]
    tell_result(lines, found, as_json=as_json)
