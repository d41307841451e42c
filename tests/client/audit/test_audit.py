"""Known vulnerabilities of roots, images and running programs, including code linked into other packages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from farm.client.audit.audit import Auditor, audit_channel, audit_root
from farm.client.audit.subjects import image_subject, running_subject
from farm.client.image.known_image import open_image
from farm.client.run.processes import Running, bubblewrap_runs, starts
from farm.client.run.record import append_run, run_form
from farm.core.sets.members.set_record import SetRecord
from tests.client.distribution import SmallDistribution
from tests.client.images import build, subscribe
from tests.client.installing import install
from tests.core.advisories.osv_documents import DISTRIBUTION, openvex, osv
from tests.foreign.neighbours import announce

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.findings.report import Audit
    from farm.client.repository.host import Host


@pytest.fixture
def linked(tmp_path: Path) -> SmallDistribution:
    """`parse`, into which `pack` was linked, and `tool`, which has no code of it."""
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("pack", {"lib/pack.a": "pack 1\n"}, version="1.3", revision=2)
    distribution.package("parse", {"bin/parse": "\x7fparse with pack 1"}, linked=("pack",))
    distribution.package("tool", {"bin/tool": "\x7ftool"})
    distribution.publish()
    return distribution


@pytest.fixture
def follower(linked: SmallDistribution, host: Host) -> Host:
    subscribe(host, linked)
    return host


def mended(distribution: SmallDistribution) -> None:
    distribution.package("pack", {"lib/pack.a": "pack 2\n"}, version="1.3", revision=3)
    distribution.publish()


def labels_of(found: Audit) -> list[str]:
    return [exposed.label for exposed in found.exposed]


def image_audit(host: Host, name: str) -> Audit:
    known = open_image(name, host, None)
    return Auditor(host).audit(image_subject(name, known), known.provenances)


def test_a_package_that_carries_the_code_is_named_though_the_library_is_not_there(
    linked: SmallDistribution, follower: Host, tmp_path: Path
) -> None:
    install(follower, tmp_path / "root", "parse", "tool")
    announce(linked, osv(package="pack", fixed="1.3-3"))
    found = audit_root(follower, tmp_path / "root")
    assert labels_of(found) == ["parse 1.0-1 carries pack 1.3-2 statically"]
    (exposed,) = found.exposed
    assert (exposed.finding.package, exposed.fixed_in, exposed.command) == ("pack", None, "")

    # The library alone does not fix it; the rebuilt package does.
    mended(linked)
    assert audit_root(follower, tmp_path / "root").exposed[0].fixed_in is None
    linked.package("parse", {"bin/parse": "\x7fparse with pack 2"}, revision=2, linked=("pack",))
    linked.publish()
    (exposed,) = audit_root(follower, tmp_path / "root").exposed
    assert exposed.fixed_in is not None
    assert exposed.fixed_in.number == 3
    assert exposed.since is not None
    assert exposed.since.number == 1
    assert exposed.command == f"farm upgrade --root {tmp_path / 'root'}"


def test_of_a_whole_channel_both_are_named(linked: SmallDistribution, follower: Host) -> None:
    announce(linked, osv(package="pack", fixed="1.3-3"))
    assert sorted(labels_of(audit_channel(follower, ""))) == ["pack 1.3-2", "parse 1.0-1 carries pack 1.3-2 statically"]
    mended(linked)
    assert labels_of(audit_channel(follower, "")) == ["parse 1.0-1 carries pack 1.3-2 statically"]


def test_code_of_a_mended_revision_is_no_finding(linked: SmallDistribution, follower: Host, tmp_path: Path) -> None:
    install(follower, tmp_path / "root", "parse")
    announce(linked, osv(package="pack", fixed="1.3-2"))
    assert audit_root(follower, tmp_path / "root").exposed == ()


def test_where_nobody_watched_it_is_said_and_no_finding(
    linked: SmallDistribution, follower: Host, tmp_path: Path
) -> None:
    linked.package("parse", {"bin/parse": "\x7fparse unseen"}, linked=("pack",), untraced=True)
    linked.publish()
    install(follower, tmp_path / "root", "parse", "tool")
    announce(linked, osv(package="pack", fixed="1.3-3"))
    found = audit_root(follower, tmp_path / "root")
    assert (found.exposed, found.untraced) == ((), ("parse 1.0-1+b2",))


def test_an_image_is_audited_and_its_command_changes_one_package(linked: SmallDistribution, follower: Host) -> None:
    build(follower, "parse", "tool", name="api:1")
    announce(linked, osv(package="tool", fixed="2.0"), osv(id="EXAMPLE-2026-2", package="pack", fixed="1.3-3"))
    found = image_audit(follower, "api:1")
    assert sorted(labels_of(found)) == ["parse 1.0-1 carries pack 1.3-2 statically", "tool 1.0-1"]
    linked.package("tool", {"bin/tool": "\x7ftool 2"}, version="2.0")
    linked.publish()
    commands = {exposed.package.name.short: exposed.command for exposed in image_audit(follower, "api:1").exposed}
    assert commands == {"parse": "", "tool": "farm image update api:1 tool"}


def test_the_first_release_that_is_mended_is_named_not_the_newest(
    linked: SmallDistribution, follower: Host, tmp_path: Path
) -> None:
    install(follower, tmp_path / "root", "tool")
    announce(linked, osv(package="tool", fixed="2.0"))
    for version in ("1.5", "2.0", "3.0"):
        linked.package("tool", {"bin/tool": f"\x7ftool {version}"}, version=version)
        linked.publish()
    (exposed,) = audit_root(follower, tmp_path / "root").exposed
    assert exposed.fixed_in is not None
    assert (exposed.since and exposed.since.number, exposed.fixed_in.number) == (1, 3)


def test_what_does_no_harm_is_fixed_only_by_a_release_that_holds_the_fix(
    linked: SmallDistribution, follower: Host, tmp_path: Path
) -> None:
    """A newer build that is equally harmless is not a fix."""
    install(follower, tmp_path / "root", "tool")
    announce(linked, osv(package="tool", fixed="2.0"), statements=openvex(product=f"{DISTRIBUTION}/tool"))
    (harmless,) = audit_channel(follower, "").harmless
    assert (harmless.finding.fixed, harmless.fixed_in, harmless.command) == ("2.0", None, "")
    linked.package("tool", {"bin/tool": "\x7ftool 1.5"}, version="1.5")
    linked.publish()
    found = audit_root(follower, tmp_path / "root")
    (harmless,) = found.harmless
    assert (found.exposed, harmless.fixed_in, harmless.command) == ((), None, "")
    linked.package("tool", {"bin/tool": "\x7ftool 2"}, version="2.0")
    linked.publish()
    (harmless,) = audit_root(follower, tmp_path / "root").harmless
    assert harmless.fixed_in is not None
    assert harmless.fixed_in.number == 3


def test_a_run_of_bubblewrap_counts_while_its_process_is_there(
    follower: Host, tmp_path: Path, linked: SmallDistribution
) -> None:
    record = install(follower, tmp_path / "root", "tool").set
    started = run_form(record, follower.state / "links" / "none")
    append_run(str(follower.state), "2026-01-01T00:00:00Z", started, "tool", "bubblewrap")
    log = follower.state / "runs.jsonl"
    gone = json.loads(log.read_text())
    gone["process"]["started"] += 1
    log.write_text(log.read_text() + json.dumps(gone) + "\n" + '{"cut off')
    (alive,) = bubblewrap_runs(starts([follower.state, tmp_path / "nobody"]))
    assert alive.record == record
    announce(linked, osv(package="tool", fixed=""))
    assert labels_of(Auditor(follower).audit(running_subject(alive))) == ["tool 1.0-1"]


def test_local_builds_are_told_not_passed(follower: Host, linked: SmallDistribution) -> None:
    announce(linked)
    build(follower, "tool", name="api:1")
    image = open_image("api:1", follower, None)
    (placed,) = image.record.packages
    form = json.loads(image.record.to_json())
    form["releases"], form["packages"][0]["channel"] = [], ""
    local = SetRecord.from_json(json.dumps(form).encode())
    found = Auditor(follower).audit(running_subject(Running("container", "web", "x", local, (), str)))
    assert found.not_covered == (f"dist.example.org/tool {placed.full_version}",)
    assert not found.is_blind
