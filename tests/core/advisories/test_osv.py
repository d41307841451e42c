"""Reading advisories and statements from people and the network."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from farm.core.advisories.matching import Bound, Statement
from farm.core.advisories.openvex import read_openvex, write_openvex
from farm.core.advisories.osv import LARGEST_ADVISORY, InvalidAdvisoryError, read_osv
from farm.core.names.version import Version
from tests.core.advisories.osv_documents import CRITICAL, DISTRIBUTION, openvex, osv


def entry(**members: Any) -> dict[str, Any]:
    return {"package": {"ecosystem": DISTRIBUTION, "name": "jq"}, "versions": ["1.7"]} | members


def test_an_advisory_is_read() -> None:
    found = read_osv(osv(), DISTRIBUTION)

    assert (found.id, found.aliases, found.packages, found.severity) == (
        "EXAMPLE-2026-1",
        ("CVE-2026-1",),
        ("jq",),
        "critical",
    )
    assert found.modified == datetime(2024, 11, 20, 10, tzinfo=UTC)
    assert found.published == datetime(2024, 11, 19, 10, tzinfo=UTC)
    assert found.withdrawn is None
    assert found.affected[0].holds_for(Version("1.7.1"), 1)
    assert not found.affected[0].holds_for(Version("1.7.1"), 2)


def test_entries_of_other_ecosystems_are_others_affair() -> None:
    others = [{"package": {"ecosystem": "Debian:12", "name": "libjq"}, "ranges": [{"type": "GIT", "events": [{}]}]}]
    assert read_osv(osv(affected=[*others, entry()]), DISTRIBUTION).packages == ("jq",)


def test_the_severity_nearest_to_the_package_counts() -> None:
    low = [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"}]
    assert read_osv(osv(affected=[entry(severity=low)]), DISTRIBUTION).severity == "low"
    word = {"severity": "MODERATE"}
    assert read_osv(osv(severity=None, database_specific=word), DISTRIBUTION).severity == "medium"
    several = [*low, {"type": "CVSS_V3", "score": CRITICAL}]
    assert read_osv(osv(severity=several), DISTRIBUTION).severity == "critical"


def test_what_could_move_a_terminal_is_inert() -> None:
    assert read_osv(osv(summary="a\u001b[2Jb\u202ec\n"), DISTRIBUTION).summary == "a [2Jb c"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"id": None}, "id is missing"),
        ({"id": "../evil"}, "id should be written as ^[A-Za-z0-9]"),
        ({"modified": "yesterday"}, "modified should be a time: write it as 2026-11-20T10:00:00Z"),
        ({"modified": "2024-11-20T10:00:00"}, "modified names no time zone"),
        ({"modified": 1_732_096_800}, "modified should be a time"),
        ({"summary": "\ud800"}, "summary should be text"),
        ({"summary": "x" * 1001}, "summary is too long: 1000 characters are the most"),
        ({"aliases": ["CVE-1"] * 101}, "aliases has too many: 100 are the most"),
        (
            {"id": 1, "aliases": [2], "affected": [3]},
            "id should be text; aliases.0 should be text; affected.0 should be an",
        ),
        ({"affected": []}, "affects no package of dist.example.org"),
        ({"affected": [{"package": {"ecosystem": "Debian", "name": "jq"}, "versions": ["1"]}]}, "it speaks of Debian"),
        ({"affected": [entry(versions=[])]}, "it names no versions of jq"),
        ({"affected": [entry(versions=["one"])]}, "'one' is not a version"),
        ({"affected": [entry(versions=["1:7.2-1"])]}, "is not a version"),
        ({"affected": [entry(ranges=[{"type": "SEMVER", "events": [{"introduced": "0"}]}])]}, "is of type 'SEMVER'"),
        ({"affected": [entry(ranges=[{"type": "ECOSYSTEM", "events": [{"fixed": "1"}]}])]}, "no event introduced"),
        (
            {"affected": [entry(ranges=[{"type": "ECOSYSTEM", "events": [{"introduced": "0", "fixed": "1"}]}])]},
            "should be one of introduced, fixed and last_affected",
        ),
        (
            {"affected": [entry(ranges=[{"type": "ECOSYSTEM", "events": []}])]},
            "affected.0.ranges.0.events needs at least 1, and has 0",
        ),
        ({"affected": [entry(package={"ecosystem": DISTRIBUTION, "name": "J Q"})]}, "is not a package name"),
        ({"severity": None}, "does not say how severe it is"),
        ({"severity": [{"type": "CVSS_V3", "score": "very"}]}, "'very' is not a valid CVSS_V3 vector"),
        ({"severity": None, "database_specific": {"severity": "TERRIBLE"}}, "'TERRIBLE' is not a severity"),
        ({"summary": "x" * LARGEST_ADVISORY}, "is the most"),
    ],
)
def test_what_is_no_advisory_is_refused_with_the_reason(members: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidAdvisoryError) as caught:
        read_osv(osv(**members), DISTRIBUTION, file="a.json")
    assert words in str(caught.value)
    assert not {"Tuple", "Input", "validation"} & set(str(caught.value).split())
    assert caught.value.place is not None


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000, b'{"id": '])
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidAdvisoryError):
        read_osv(content, DISTRIBUTION)
    with pytest.raises(InvalidAdvisoryError):
        read_openvex(content, DISTRIBUTION)


@pytest.mark.parametrize(
    ("product", "version"),
    [
        ("dist.example.org/jq", None),
        ("dist.example.org/jq@1.7.1-1", Bound(Version("1.7.1"), 1)),
        ("pkg:generic/dist.example.org/jq@1.7.1-1", Bound(Version("1.7.1"), 1)),
        ("pkg:generic/dist.example.org/jq@1.7.1?arch=amd64", Bound(Version("1.7.1"))),
        ("jq", None),
    ],
)
def test_products_are_named_in_full_or_by_package_url(product: str, version: Bound | None) -> None:
    (found,) = read_openvex(openvex(product=product), DISTRIBUTION)

    assert (found.package, found.version, found.status) == ("jq", version, "not_affected")
    assert found.justification == "vulnerable_code_not_in_execute_path"
    assert found.at == datetime(2024, 11, 21, 10, tzinfo=UTC)


def test_packages_of_other_distributions_are_named_in_full() -> None:
    affected = [entry(package={"ecosystem": DISTRIBUTION, "name": name}) for name in ("other.example/jq", "jq")]
    assert read_osv(osv(affected=affected), DISTRIBUTION).packages == ("jq", "other.example/jq")
    (found,) = read_openvex(openvex(product="other.example/jq@1.7"), DISTRIBUTION)
    assert (found.package, found.version) == ("other.example/jq", Bound(Version("1.7")))
    assert read_openvex(write_openvex((found,), DISTRIBUTION, at=found.at), DISTRIBUTION) == (found,)


def test_statements_are_written_as_they_are_read() -> None:
    at = datetime(2024, 11, 22, tzinfo=UTC)
    statements = (
        *read_openvex(openvex(), DISTRIBUTION),
        Statement("CVE-1", ("CVE-2",), "jq", Bound.parse("1.7-2"), "fixed", "", at),
        Statement("CVE-3", (), "bash", None, "not_affected", "built without it", at),
    )
    assert read_openvex(write_openvex(statements, DISTRIBUTION, at=at), DISTRIBUTION) == statements


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (openvex(justification=None), "does not say why"),
        (openvex(justification="because"), "justification should be"),
        (openvex("fixed"), "names no version that is fixed"),
        (openvex("safe"), "status should be 'not_affected'"),
        (openvex(product="pkg:deb/debian/jq@1"), "is not a package name"),
        (openvex(products=[]), "document: statements.0.products needs at least 1, and has 0"),
        (openvex().replace(b"openvex.dev", b"example.org"), "@context"),
    ],
)
def test_what_states_nothing_here_is_refused(document: bytes, words: str) -> None:
    with pytest.raises(InvalidAdvisoryError) as caught:
        read_openvex(document, DISTRIBUTION)
    assert words in str(caught.value)
    assert "; statements needs" not in str(caught.value)
