"""Figures, states and options on the pages equal those in the code: otherwise they go stale when the code changes."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import get_args

import click
import pytest

from farm.cli.operate.keys import keys as keys_command
from farm.client.findings.report import UnverifiedKind
from farm.core.fileset.rules import ArchiveLimits
from farm.core.subscriber.policy_file import KEYS as POLICY_KEYS
from farm.server.tables.states import JobState, Role
from farm.server.transaction.planning_inputs import LeasePolicy
from farm.trust.blob_limits import LARGEST
from farm.trust.metadata.roles import lifetime
from farm.trust.verification.client_metadata import LARGEST_DOCUMENT
from web.registry.budget import Bounds
from web.registry.image_cache import CacheLimits
from web.settings import WebSettings

DOCS = Path(__file__).parents[2] / "docs"
OPERATE, SUBSCRIBE, SUBMISSIONS = (
    (DOCS / f"{name}.md").read_text() for name in ("operate", "subscribe", "submissions")
)
_SCALES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "s": 1}


def cells(text: str, heading: str) -> list[list[str]]:
    """The rows of the table whose first line starts with this text."""
    lines = text[text.index(heading) :].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def figure(text: str) -> float:
    """A number as pages write it: `20,000`, `16 KiB`, `10 s`."""
    number, _, unit = text.partition(" ")
    return float(number.replace(",", "")) * _SCALES.get(unit, 1)


def test_the_bounds_of_callers_are_those_of_the_web_process() -> None:
    bounds: dict[str, float] = {}
    for _, names, figures in cells(OPERATE, "| bound | name |"):
        bounds |= zip(re.findall(r"`(\w+)`", names), map(figure, figures.split("; ")), strict=True)
    usual = WebSettings()
    assert bounds == {
        field.name: getattr(usual, field.name) for field in fields(usual) if field.name != "follow_seconds"
    }


@pytest.mark.parametrize("role", ["root", "targets", "a channel", "advisories", "snapshot", "timestamp"])
def test_metadata_lives_as_long_as_is_said(role: str) -> None:
    (row,) = [cell for cell in cells(OPERATE, "| role | signs | keys |") if cell[0] == role]
    number, unit = row[3].split()
    assert timedelta(**{unit: int(number)}) == lifetime(role)


def test_leases_last_as_long_as_is_said() -> None:
    (row,) = [cell for cell in cells(OPERATE, "| key | what it is | default |") if "lease_seconds" in cell[0]]
    terms = LeasePolicy()
    assert row[2] == f"{terms.lease.total_seconds():.0f}, {terms.grace.total_seconds():.0f}"


def test_blobs_may_be_as_large_as_is_said() -> None:
    sizes = dict(cells(SUBSCRIBE, "| kind of blob | the most |"))
    limits = ArchiveLimits()
    assert figure(sizes["archive of a package, as it is fetched"]) == LARGEST["archive"]
    held = sizes["what it holds: entries; one file; all files; all names and targets of links"]
    assert [figure(bound) for bound in held.split("; ")] == [
        limits.entries, limits.file_bytes, limits.total_bytes, limits.name_bytes,
    ]  # fmt: skip
    assert [figure(size) for size in sizes["SBOM; provenance; descriptor"].split("; ")] == [
        LARGEST[kind] for kind in ("sbom", "provenance", "descriptor")
    ]
    document = sizes["signed metadata, the head of a release, the list of advisories; one advisory"]
    assert figure(document.partition(";")[0]) == LARGEST_DOCUMENT


def test_the_registry_is_bounded_as_is_said() -> None:
    rows = cells(OPERATE.replace(" (of IPv6 one /64)", ""), "| bound, for each web")
    said = {name: [figure(number) for number in re.findall(r"\d[\d,]*(?: [KMG]iB)?", text)] for name, text in rows}
    bounds, room = Bounds(), CacheLimits()
    assert said["images made in a minute"] == [bounds.a_minute, bounds.one_a_minute]
    assert said["made at a time; waiting for that"] == [
        bounds.at_a_time, bounds.waiting, bounds.one_waits, bounds.deadline,
    ]  # fmt: skip
    assert said["packages in a name; their bytes"][1] == bounds.content
    assert said["images kept; bytes that are not links"] == [room.images, room.bytes]
    assert said["space of the disk that is left to others"][0] == room.spare


def test_every_state_of_a_job_is_named() -> None:
    sentence = SUBMISSIONS[SUBMISSIONS.index("A job is `waiting`") :].partition("\n\n")[0]
    assert [state for state in JobState if f"`{state}`" not in sentence] == []


def test_every_role_of_a_token_is_named() -> None:
    assert {cell[0].strip("`") for cell in cells(OPERATE, "| role | may |")} == {str(role) for role in Role}


def test_every_key_of_a_policy_is_named() -> None:
    assert {cell[0].strip("`") for cell in cells(SUBSCRIBE, "| key | what it says | without it |")} == set(POLICY_KEYS)


def test_every_doubt_of_an_audit_is_named() -> None:
    assert [arg for arg in get_args(UnverifiedKind) if f"`{arg}`" not in SUBSCRIBE] == []


def test_the_verbs_of_keys_take_json_but_for_those_that_print_one_thing() -> None:
    lacking = [
        name
        for name, verb in keys_command.commands.items()
        for command in (verb.commands.values() if isinstance(verb, click.Group) else [verb])
        if not any("--json" in option.opts for option in command.params)
    ]
    assert lacking == ["export"]
    assert "takes `--json`, but `export`" in " ".join(OPERATE.split())
