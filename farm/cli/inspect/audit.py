"""`farm audit`: the advisories that affect a root, images, running containers or a channel."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import channel_option
from farm.cli.output import Line, say, say_json, say_lines, table
from farm.cli.progress import TerminalProgress
from farm.cli.settings import Settings
from farm.cli.subscriber import last_verified_form, opened_read_only
from farm.core.names.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.client.findings.report import Audit, Exposed

FOUND, NOT_KNOWN, NOT_COVERED = 3, 1, 4
FORMATS = ("table", "json", "sarif", "cyclonedx", "spdx")


@click.command()
@click.argument("images", nargs=-1)
@click.option("--root", type=click.Path(path_type=Path), help="A directory that farm has installed into.")
@click.option("--running", is_flag=True, help="Audit the running containers and runs of farm.")
@channel_option
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
def audit(images: tuple[str, ...], root: Path | None, running: bool, channel: str, form: str) -> int:
    """Show the signed advisories that affect IMAGES, a root, or what is running.

    Without these, audits the newest release of a channel. Code that is linked into other packages counts. Shows since
    when a package is affected, the release that fixes it and the command to get it; and the data: whose list, its age,
    and how many of the packages were reviewed for vulnerabilities. IMAGES are named as for `farm image inspect`.

    Exits with status 3 when an advisory was found; with 1 when the answer is not known: for a local build, on which
    nobody publishes advisories, for an image with layers that are not of its packages, or a container with something
    mounted over them; with 4 when nothing was found and no data covers some package; with 0 when nothing was found and
    all packages were reviewed. Advisories that do not affect a package, by a statement of the distribution, are not
    findings.

    \b
    Examples:
      farm audit --root /srv/tools
      farm audit api:1 --format sarif > api.sarif
      farm audit --running
      farm audit --channel dist.example.org/edge --format json
    """
    if sum((bool(images), bool(root), running, bool(channel))) > 1:
        raise click.UsageError("Name images, or one of --root, --running and --channel: each has its channel.")
    from farm.client.audit.audit import AuditRequest, AuditVerdict, audit, verdict

    settings = Settings.from_environment()
    request = AuditRequest(images, root and root.absolute(), running, channel, settings.docker)
    with opened_read_only(settings) as host:
        found = audit(host, request, TerminalProgress())
    _print(found, form, last_verified_form(host))
    statuses = {
        AuditVerdict.FOUND: FOUND,
        AuditVerdict.NOT_KNOWN: NOT_KNOWN,
        AuditVerdict.NOT_COVERED: NOT_COVERED,
        AuditVerdict.CLEAN: 0,
    }
    return statuses[verdict(host, found)]


def _print(found: Sequence[Audit], form: str, last_verified: dict[str, Any]) -> None:
    from farm import __version__
    from farm.client.findings.formats.cyclonedx import cyclonedx
    from farm.client.findings.formats.sarif import sarif
    from farm.client.findings.formats.spdx import spdx

    now = datetime.now(UTC).isoformat(timespec="seconds")
    documents: dict[str, Any] = {
        "json": lambda: {"subjects": [audited.to_dict() for audited in found]} | last_verified,
        "sarif": lambda: sarif(found, __version__),
        "cyclonedx": lambda: cyclonedx(found, __version__, now),
        "spdx": lambda: json.loads(spdx(found, now)),
    }
    if form in documents:
        say_json(documents[form]())
        return
    for number, audited in enumerate(found):
        say_lines([*([""] if number else []), *_table(audited)])
    if not found:
        say("nothing that farm started is running")


def _table(found: Audit) -> list[Line]:
    harmless = f"; {len(found.harmless)} more stated as not affecting it" if found.harmless else ""
    number = len(found.exposed)
    count = f"{number} advisories apply" if number > 1 else "1 advisory applies" if number else _nothing_found(found)
    packages = counted(found.packages, "package")
    not_covered = (
        f"; {len(found.not_covered)} not covered by advisories" if found.not_covered and not found.is_blind else ""
    )
    lines: list[Line] = [f"{found.subject}: {packages}, {count}{harmless}{not_covered}"]
    if found.exposed:
        headings = ("PACKAGE", "VERSION", "ADVISORY", "SEVERITY", "SINCE", "FIXED IN", "SUMMARY")
        lines += ["", *table([_row(exposure) for exposure in found.exposed], headings)]
        lines += ["", *_what_to_do(found)]
    return [*lines, *_not_known(found), *_data(found)]


def _nothing_found(found: Audit) -> str:
    """Return the line that no advisory applies, or that nobody has reviewed the packages."""
    asked = {name for source in found.data for name, _ in source.packages}
    if not found.uncovered:
        return "no advisory applies"
    if asked == set(found.uncovered):
        return "not reviewed for vulnerabilities"
    return f"no advisory applies to the {len(asked) - len(found.uncovered)} that were reviewed"


def _data(found: Audit) -> Iterator[str]:
    now = datetime.now(UTC)
    yield from (source.sentence(now) for source in found.data)
    if found.uncovered:
        yield f"Not reviewed: {', '.join(_short(found, name) for name in found.uncovered)}. Ask their publisher."


def _short(found: Audit, name: str) -> str:
    """Return a package's shortest unambiguous name: usually all are of one distribution."""
    owners = {source.distribution for source in found.data}
    return name.rpartition("/")[2] if len(owners) == 1 else name


def _row(exposed: Exposed) -> tuple[str, ...]:
    finding = exposed.finding
    since = f"release {exposed.since.number}, {exposed.since.released_at[:10]}" if exposed.since else "?"
    fixed = finding.fixed or "no version yet"
    if exposed.fixed_in:
        build = "another build" if exposed.carries else finding.fixed or "another version"
        fixed = f"{build}, release {exposed.fixed_in.number}"
    name, version = finding.package, exposed.package.full_version
    if exposed.carries:
        name = exposed.package.name.short
        version += f" (carries {exposed.carries.library.short} {exposed.carries.full_version} statically)"
    elif exposed.package.override:
        version += " (override)"
    return name, version, finding.advisory.id, finding.severity, since, fixed, finding.advisory.summary


def _what_to_do(found: Audit) -> Iterator[str]:
    for command in sorted({exposure.command for exposure in found.exposed if exposure.command}):
        again = "" if command.startswith("farm ") else ", and start it again: a run takes the newest release"
        yield f"To fix it: {command}{again}"
    if waiting := sorted({exposure.package.name.short for exposure in found.exposed if exposure.fixed_in is None}):
        yield f"No release fixes {', '.join(waiting)} yet."


def _not_known(found: Audit) -> Iterator[str]:
    if found.is_blind:
        yield f"Its packages were not recorded on this host: {', '.join(found.not_covered)}."
        yield "Audit it as the user who started it."
    elif found.not_covered:
        yield f"No advisories are published about these local builds: {', '.join(found.not_covered)}."
    if found.unattributed:
        yield f"The {found.kind} does not match its own description, so its content is not fully known:"
        yield from (f"  {content}" for content in found.unattributed)
    if found.untraced:
        yield f"The code linked into these is not fully known: {', '.join(found.untraced)}."
