"""No advisory means something only where somebody has looked: the data that an audit used, and its coverage."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from farm.cli.inspect.audit import audit as command
from farm.client.audit.audit import audit_channel, audit_root
from farm.client.findings.formats.cyclonedx import cyclonedx
from farm.client.findings.formats.sarif import sarif
from farm.client.findings.formats.spdx import spdx
from farm.client.findings.policy_in_force import PolicyInForce
from farm.client.repository.advisory_sources import AdvisorySource, merged
from farm.client.repository.host import Host
from farm.client.repository.read_only_host import ReadOnlyHost
from farm.client.root.lock_file import lock_packages
from farm.core.names.digest import Digest
from tests.client.distribution import SmallDistribution
from tests.client.images import subscribe
from tests.client.installing import install, install_locked
from tests.core.advisories.osv_documents import DISTRIBUTION, osv
from tests.foreign.neighbours import announce, review

if TYPE_CHECKING:
    from pathlib import Path


NOW = "2026-01-02T03:04:05+00:00"
THEN = datetime(2025, 11, 20, tzinfo=UTC)


def full(*names: str) -> tuple[str, ...]:
    return tuple(f"{DISTRIBUTION}/{name}" for name in names)


@pytest.fixture
def follower(distribution: SmallDistribution, host: Host) -> Host:
    subscribe(host, distribution)
    return host


def test_an_empty_list_covers_nothing_until_somebody_says_to_have_looked(
    distribution: SmallDistribution, follower: Host
) -> None:
    announce(distribution)
    found = audit_channel(follower, "")
    (data,) = found.data
    assert (data.distribution, data.advisories, len(data.packages)) == (DISTRIBUTION, 0, 3)
    assert found.uncovered == full("alone", "greet", "say")
    assert data.signed is not None
    assert datetime.now(UTC) - data.signed < timedelta(hours=1)

    review(distribution, "say", at=THEN)
    review(distribution, "alone", "say", at=THEN + timedelta(days=1))
    found = audit_channel(follower, "")
    assert found.uncovered == full("greet")
    assert found.data[0].oldest == THEN + timedelta(days=1)
    assert found.to_dict()["judged-by"] == [found.data[0].to_dict()]
    assert found.data[0].to_dict()["covered"] == 2
    # An advisory about a package shows that this one was found, not that others were looked for.
    announce(distribution, osv(package="greet", fixed="0.1"))
    assert audit_channel(follower, "").uncovered == full("greet")


def test_a_library_whose_code_a_package_carries_has_to_be_looked_at_too(tmp_path: Path, host: Host) -> None:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("pack", {"lib/pack.a": "pack 1\n"})
    distribution.package("parse", {"bin/parse": "\x7fparse with pack"}, linked=("pack",))
    distribution.publish()
    announce(distribution)
    subscribe(host, distribution)
    review(distribution, "parse")
    install(host, tmp_path / "root", "parse")
    assert audit_root(host, tmp_path / "root").uncovered == full("pack")
    review(distribution, "pack", "parse")
    assert audit_root(host, tmp_path / "root").uncovered == ()


def test_a_record_of_looking_of_another_distribution_covers_nothing(
    distribution: SmallDistribution, follower: Host
) -> None:
    announce(distribution)
    bent = distribution.domain
    try:
        distribution.domain = "elsewhere.example.org"
        with pytest.raises(Exception, match=r"no list of advisories of elsewhere.example.org"):
            review(distribution, "say")
    finally:
        distribution.domain = bent
    assert audit_channel(follower, "").uncovered == full("alone", "greet", "say")


def test_what_a_lock_file_brought_can_be_audited_without_the_repository(
    distribution: SmallDistribution, follower: Host, tmp_path: Path
) -> None:
    announce(distribution, osv(package="say", fixed="2.0"))
    review(distribution, "say")
    record = lock_packages(follower.catalogue(), ["say"])
    install_locked(follower, tmp_path / "root", record)
    distribution.public.rename(tmp_path / "away")
    found = audit_root(ReadOnlyHost(follower.state, follower.shared), tmp_path / "root")
    assert [exposed.finding.advisory.id for exposed in found.exposed] == ["EXAMPLE-2026-1"]
    assert found.uncovered == ()


def test_every_form_says_by_what_was_judged_and_what_no_data_covers(
    distribution: SmallDistribution, follower: Host
) -> None:
    announce(distribution)
    review(distribution, "say", at=THEN)
    found = [audit_channel(follower, "")]
    judged_by = (
        f"Checked against the advisories of {DISTRIBUTION}: 0 advisories, signed on {found[0].data[0].signed:%Y-%m-%d}"
        "; 1 of 3 packages reviewed for vulnerabilities, the oldest review on 2025-11-20."
    )
    doubt = f"no review for vulnerabilities is recorded for {', '.join(full('alone', 'greet'))}"
    (run,) = sarif(found, "1.0")["runs"]
    assert [(result["ruleId"], result["level"]) for result in run["results"]] == [("not-covered", "warning")]
    assert run["results"][0]["message"]["text"].endswith(doubt)
    assert run["properties"]["judged-by"][0]["data"][0]["covered"] == 1
    bill = cyclonedx(found, "1.0", NOW)
    assert bill["components"][0]["properties"] == [{"name": "farm:judged-by", "value": judged_by}]
    assert [annotation["text"].endswith(doubt) for annotation in bill["annotations"]] == [True]
    assert "compositions" not in bill
    (subject, *_) = json.loads(spdx(found, NOW))["packages"]
    assert subject["annotations"][0]["comment"] == judged_by
    assert subject["annotations"][1]["comment"].endswith(doubt)


def test_who_limits_advisories_is_told_of_what_they_do_not_cover(
    distribution: SmallDistribution, tmp_path: Path
) -> None:
    heard: list[str] = []
    host = Host(tmp_path / "state", tmp_path / "shared", heard.append)
    subscribe(host, distribution)
    announce(distribution)
    review(distribution, "say")
    catalogue = host.catalogue()
    PolicyInForce(max_severity="critical").check(host, catalogue, catalogue.verified(["greet"]))
    assert heard == []
    PolicyInForce(max_severity="high").check(host, catalogue, catalogue.verified(["greet"]))
    (warning,) = heard
    assert "no review for vulnerabilities is recorded for 1 of 2 packages (dist.example.org/greet)" in warning


def test_one_list_that_two_channels_were_judged_by_is_told_once() -> None:
    one, other = Digest.of(b"one"), Digest.of(b"other")
    first = AdvisorySource(DISTRIBUTION, ((f"{DISTRIBUTION}/a", THEN),), 3, one)
    second = AdvisorySource(DISTRIBUTION, ((f"{DISTRIBUTION}/b", None),), 3, one)
    third = AdvisorySource("other.example", (("other.example/a", None),), 0, other)
    both, alone = merged([third, first, second])
    assert (dict(both.packages), alone) == ({f"{DISTRIBUTION}/a": THEN, f"{DISTRIBUTION}/b": None}, third)


def test_how_old_it_is_is_told_in_days() -> None:
    data = AdvisorySource(DISTRIBUTION, ((f"{DISTRIBUTION}/a", THEN),), 1, Digest.of(b"list"), THEN + timedelta(days=1))
    assert data.sentence(THEN + timedelta(days=2, hours=1)) == (
        f"Checked against the advisories of {DISTRIBUTION}: 1 advisory, signed on 2025-11-21 (1 day ago); "
        "1 of 1 packages reviewed for vulnerabilities, the oldest review on 2025-11-20 (2 days ago)."
    )
    assert "ago)" not in data.sentence()


def test_the_help_says_what_each_status_is() -> None:
    assert command.help is not None
    for status in ("status 3", "with 1", "with 4", "with 0"):
        assert status in command.help
