"""`farm policy check`, and the policy during installs and image builds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.client.distribution import SmallDistribution
from tests.client.layouts import add_layer
from tests.core.advisories.osv_documents import osv
from tests.foreign.neighbours import announce, review
from tests.foreign.test_commands import farm

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n"})
    distribution.package("say", {"bin/say": "\x7fnot elf"})
    distribution.package("alone", {"share/alone/file": "alone\n"})
    distribution.publish()
    return distribution


@pytest.fixture
def policy(distribution: SmallDistribution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a policy that every command of the host obeys, once it is written."""
    monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FARM_HOST", str(tmp_path / "shared"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    assert distribution.founded is not None
    farm("subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint)
    return tmp_path / "state" / "policy.yaml"


def test_a_root_is_judged_with_a_verdict_for_programs(policy: Path, tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    farm("install", "--root", root, "greet")
    policy.write_text("channels: [dist.example.org/edge]\nminimum-attestations: 1\noverrides: forbidden\n")
    assert f"{root}: 2 packages, all allowed by {policy}" in farm("policy", "check", root)
    policy.write_text("minimum-attestations: 2\n")
    verdict = json.loads(farm("policy", "check", root, "--json", status=3, printed=True))
    assert verdict["allowed"] is False
    assert [package["name"] for package in verdict["packages"]] == ["dist.example.org/greet", "dist.example.org/say"]
    assert [(objection["rule"], objection["packages"]) for objection in verdict["objections"]] == [
        ("minimum-attestations", ["dist.example.org/greet", "dist.example.org/say"])
    ]
    assert verdict["policy"]["file"] == str(policy)
    assert verdict["releases"] == ["dist.example.org/edge@1"]
    assert "minimum-attestations: each package" in farm("policy", "check", root, status=3, printed=True)


def test_an_image_is_judged_by_advisories(policy: Path, distribution: SmallDistribution, tmp_path: Path) -> None:
    layout = str(tmp_path / "oci")
    farm("image", "build", "greet", "--no-load", "--output", layout)
    announce(distribution)
    policy.write_text("maximum-severity: high\n")
    farm("policy", "check", layout)
    announce(distribution, osv(package="say", fixed="2.0"))
    said = farm("policy", "check", layout, status=3, printed=True)
    assert "nothing worse than high is accepted, and say 1.0-1 has EXAMPLE-2026-1 (critical)" in said
    assert "write in the policy maximum-severity: critical." in said


def test_layers_that_nobody_vouches_for_are_not_passed(
    policy: Path, distribution: SmallDistribution, tmp_path: Path
) -> None:
    """A policy and an audit cover what the image's label names, so the image must hold nothing else."""
    layout = tmp_path / "oci"
    farm("image", "build", "greet", "--no-load", "--output", str(layout))
    announce(distribution)
    policy.write_text("maximum-severity: high\n")
    farm("policy", "check", str(layout))
    farm("audit", str(layout), status=4)
    add_layer(layout, b"mine", created_by="COPY jq /usr/bin/jq2")
    verdict = json.loads(farm("policy", "check", str(layout), "--json", status=3, printed=True))
    assert (verdict["allowed"], [objection["rule"] for objection in verdict["objections"]]) == (False, ["layers"])
    assert "added COPY jq /usr/bin/jq2" in verdict["message"]
    assert "The image does not match its own description" in farm("audit", str(layout), status=1, printed=True)
    (subject,) = json.loads(farm("audit", str(layout), "--format", "json", status=1, printed=True))["subjects"]
    assert len(subject["unvouched"]) == 1


def test_installing_upgrading_and_building_obey_it(policy: Path, tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    farm("install", "--root", root, "alone")
    policy.write_text("channels: [other.example/stable]\n")
    for words in (
        ("install", "--root", root, "greet"),
        ("upgrade", "--root", root),
        ("image", "build", "greet", "--no-load", "--output", str(tmp_path / "oci")),
    ):
        said = farm(*words, status=1)
        assert "only packages of other.example/stable are accepted" in said
        assert "add the channel to the policy" in said
    assert not (tmp_path / "oci").exists()
    assert not (tmp_path / "root/usr/bin/greet").exists()


def test_where_nobody_publishes_advisories_who_limited_them_is_told_how_to_go_on(policy: Path, tmp_path: Path) -> None:
    root = str(tmp_path / "root")
    farm("install", "--root", root, "alone")
    audited = farm("audit", "--root", root, status=4, printed=True)
    assert "dist.example.org publishes no advisories.\nNot reviewed: alone." in audited
    by_command = farm("install", "--root", root, "greet", "--max-severity", "high", status=1)
    assert "To go on without, leave --max-severity and FARM_MAX_SEVERITY out." in by_command
    policy.write_text("maximum-severity: high\n")
    way_on = "To go on without, leave maximum-severity and reviewed-within out of the policy."
    for words in (("upgrade", "--root", root), ("policy", "check", root)):
        assert way_on in farm(*words, status=1)


def test_a_policy_may_ask_that_somebody_looked_at_each_package_lately(
    policy: Path, distribution: SmallDistribution, tmp_path: Path
) -> None:
    root = str(tmp_path / "root")
    announce(distribution)
    farm("install", "--root", root, "greet", "--max-severity", "high")
    policy.write_text("reviewed-within: 30d\n")
    for words in (("upgrade", "--root", root), ("run", "greet")):
        refused = farm(*words, status=1)
        assert "each package must have been reviewed for vulnerabilities in the last 30d" in refused
        assert "dist.example.org/greet (never), dist.example.org/say (never)" in refused
    review(distribution, "greet", at=datetime.now(UTC) - timedelta(days=40))
    verdict = json.loads(farm("policy", "check", root, "--json", status=3, printed=True))
    (violation,) = verdict["objections"]
    assert violation["rule"] == "reviewed-within"
    assert violation["packages"] == ["dist.example.org/greet", "dist.example.org/say"]
    assert "dist.example.org/greet (on 2" in violation["message"]
    review(distribution, "greet", "say", at=datetime.now(UTC) - timedelta(days=20))
    farm("policy", "check", root)
    farm("upgrade", "--root", root)


def test_without_a_policy_there_is_no_verdict(policy: Path, tmp_path: Path) -> None:
    farm("install", "--root", str(tmp_path / "root"), "alone")
    assert not policy.exists()
    assert "There is no policy: name one with --policy" in farm("policy", "check", str(tmp_path / "root"), status=2)
    assert "No such file" in farm("policy", "check", "x", "--policy", str(tmp_path / "none.yaml"), status=1)
