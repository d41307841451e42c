"""Which packages an advisory affects: ranges and versions, in the version order of this project."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from farm.core.advisories.matching import (
    Advisory,
    AdvisoryFinding,
    Affected,
    Bound,
    Event,
    EventKind,
    Statement,
    Status,
    find,
)
from farm.core.advisories.severity import (
    Severity,
    at_least,
    severity_of_vector,
    severity_of_word,
    worst,
)
from farm.core.names.version import Version
from farm.errors import FarmError

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def affected(*events: str, versions: tuple[str, ...] = (), severity: Severity = "high") -> Affected:
    """`introduced 1.0`, `fixed 1.7.1-2`: the events of one range."""
    read: list[Event] = []
    for event in events:
        word, _, bound = event.partition(" ")
        kind: EventKind = "introduced" if word == "introduced" else "fixed" if word == "fixed" else "last_affected"
        read.append(Event(kind, Bound.parse(bound)))
    return Affected("jq", (tuple(read),) if read else (), tuple(map(Bound.parse, versions)), severity)


def advisory(*entries: Affected, name: str = "EXAMPLE-1", withdrawn: datetime | None = None) -> Advisory:
    return Advisory(name, ("CVE-2026-1",), "It breaks", NOW, NOW, withdrawn, entries)


def statement(status: Status, *, version: str = "", days: int = 0, about: str = "EXAMPLE-1") -> Statement:
    bound = Bound.parse(version) if version else None
    return Statement(about, (), "jq", bound, status, "component_not_present", NOW + timedelta(days=days))


def holds(found: Affected, version: str) -> bool:
    upstream, _, revision = version.rpartition("-")
    return found.holds_for(Version(upstream), int(revision))


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        (("introduced 0", "fixed 1.7.1-2"), ("0.1-1", "1.7.1-1"), ("1.7.1-2", "1.7.1-10", "1.10-1")),
        (("introduced 0", "fixed 1.7.2"), ("1.7.1-9", "1.7.2~rc1-1"), ("1.7.2-1", "1.8-1")),
        (("introduced 1.6", "last_affected 1.7"), ("1.6-1", "1.7-1", "1.7-99"), ("1.5-9", "1.7.1-1", "1.7a-1")),
        (("introduced 1.6", "last_affected 1.7-2"), ("1.7-2",), ("1.7-3", "1.8-1")),
        (("fixed 1.5", "introduced 0", "introduced 1.7", "fixed 1.8"), ("1.4-1", "1.7-1"), ("1.6-1", "1.8-1")),
        (("introduced 1.6-2",), ("1.6-2", "9-1"), ("1.6-1", "1.5-3")),
        # Both at one version: it counts as affected, to be on the safe side.
        (("introduced 1.0", "fixed 1.00"), ("1.0-1",), ("0.9-1",)),
    ],
)
def test_a_range_holds_from_where_it_was_introduced_to_where_it_was_fixed(
    events: tuple[str, ...], inside: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    found = affected(*events)
    assert [version for version in inside if not holds(found, version)] == []
    assert [version for version in outside if holds(found, version)] == []


def test_single_versions_hold_with_all_their_revisions_or_with_one() -> None:
    found = affected(versions=("1.6", "1.7-2"))

    assert [holds(found, version) for version in ("1.6-1", "1.6-7", "1.7-2", "1.7-1")] == [True, True, True, False]


def test_the_fix_is_the_next_one_after_the_version() -> None:
    found = affected("introduced 0", "fixed 1.5-2", "introduced 1.7", "fixed 1.8")

    assert found.fixed_for(Version("1.4"), 1) == "1.5-2"
    assert found.fixed_for(Version("1.7"), 3) == "1.8"
    assert affected("introduced 0").fixed_for(Version("1.4"), 1) == ""


def test_what_is_found_says_how_bad_it_is_and_where_it_is_fixed() -> None:
    known = advisory(affected("introduced 0", "fixed 1.7.1-2", severity="medium"))
    (found,) = find([known], [], [("jq", Version("1.7.1"), 1), ("bash", Version("5.2"), 1)])

    assert found == AdvisoryFinding(known, "jq", Version("1.7.1"), 1, "medium", "1.7.1-2", None)
    assert found.stands


def test_nothing_is_found_for_other_packages_fixed_versions_and_withdrawn_advisories() -> None:
    known = advisory(affected("introduced 0", "fixed 1.7.1-2"))

    assert find([known], [], [("bash", Version("1.0"), 1)]) == []
    assert find([known], [], [("jq", Version("1.7.1"), 2)]) == []
    assert find([advisory(affected("introduced 0"), withdrawn=NOW)], [], [("jq", Version("1.0"), 1)]) == []


def test_the_worst_comes_first() -> None:
    severities: dict[str, Severity] = {"A": "low", "B": "critical", "C": "critical"}
    known = [advisory(affected("introduced 0", severity=severity), name=name) for name, severity in severities.items()]
    assert [finding.advisory.id for finding in find(known, [], [("jq", Version("1"), 1)])] == ["B", "C", "A"]


@pytest.mark.parametrize(
    ("statements", "stands"),
    [
        ([], True),
        ([statement("not_affected")], False),
        ([statement("fixed", version="1.7.1-1")], False),
        ([statement("fixed", version="1.7.1-2")], True),
        ([statement("affected")], True),
        ([statement("under_investigation")], True),
        ([statement("not_affected", about="CVE-2026-1")], False),
        ([statement("not_affected", about="CVE-2026-2")], True),
        ([statement("not_affected"), statement("affected", days=1)], True),
        ([statement("affected", days=1), statement("not_affected", days=2)], False),
        ([statement("not_affected", days=1), statement("affected", version="1.7.1-2", days=2)], False),
    ],
)
def test_the_newest_statement_about_the_version_counts(statements: list[Statement], stands: bool) -> None:
    known = advisory(affected("introduced 0"))
    (found,) = find([known], statements, [("jq", Version("1.7.1"), 1)])

    assert found.stands is stands


def test_severities_come_from_vectors_and_words() -> None:
    assert severity_of_vector("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H") == "critical"
    assert severity_of_vector("CVSS_V3", "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N") == "low"
    assert severity_of_vector("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N") == "none"
    vector = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
    assert severity_of_vector("CVSS_V4", vector) == "critical"
    assert severity_of_vector("CVSS_V2", "AV:N/AC:L/Au:N/C:P/I:P/A:P") == "high"
    assert severity_of_word("MODERATE") == "medium"
    assert worst(("low", "high", "none")) == "high"
    assert worst(()) == "none"
    assert at_least("critical", "high")
    assert not at_least("medium", "high")


@pytest.mark.parametrize(
    ("kind", "vector"), [("CVSS_V3", "nonsense"), ("CVSS_V9", "AV:N"), ("CVSS_V3", "CVSS:3.1/" + "AV:N/" * 10_000)]
)
def test_other_vectors_are_refused(kind: str, vector: str) -> None:
    with pytest.raises(FarmError) as caught:
        severity_of_vector(kind, vector)
    assert caught.value.code == "invalid-severity"
