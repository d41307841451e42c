"""Row 23: a critical advisory about a package of a channel or a root: reported, refused by policy, fixed by command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from farm.client.audit.audit import audit_channel, audit_root
from farm.core.advisories.osv import read_osv
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.signing.sign import publish_advisories
from farm.store.blobs import BlobStore
from farm.trust.index.advisory_index import AdvisoryIndex, InvalidAdvisoryIndexError, ListedAdvisory
from farm.trust.layout import ADVISORIES, ADVISORY_LIST
from tests.checker.checked_signing import ChecksHere, pinned
from tests.core.advisories.osv_documents import DISTRIBUTION, openvex, osv
from tests.foreign.neighbours import review

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.threats.simulator import Simulator, Subscriber


def announce(simulator: Simulator, *documents: bytes, vex: bytes = b"") -> None:
    """Publish these advisories and statements through the signer's own check."""
    publish(simulator, listed(simulator, documents, vex))


def publish(simulator: Simulator, index: AdvisoryIndex) -> None:
    repository = pinned(simulator.public)
    publish_advisories(repository, simulator.online, ChecksHere(repository), index.to_json())


def listed(simulator: Simulator, documents: Sequence[bytes], vex: bytes = b"") -> AdvisoryIndex:
    def keep(content: bytes) -> BlobRef:
        return BlobRef(BlobStore(simulator.public / "blobs").put_bytes(content), len(content))

    found = [(read_osv(osv_document, DISTRIBUTION), keep(osv_document)) for osv_document in documents]
    lines = (ListedAdvisory(advisory.id, blob, advisory.packages) for advisory, blob in found)
    return AdvisoryIndex(DISTRIBUTION, tuple(sorted(lines)), keep(vex) if vex else None)


def farm(subscriber: Subscriber, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `farm` itself as this subscriber."""
    places = {"FARM_STATE": str(subscriber.folder / "state"), "FARM_HOST": str(subscriber.folder / "shared")}
    code = "from farm.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | places | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_audit_says_which_package_since_when_and_the_command_that_mends_it(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    subscriber.install("greet")
    announce(simulator, osv(package="say", fixed="2.0"))

    # Nothing is fixed yet: the audit can only inform.
    ended = farm(subscriber, "audit", "--root", str(subscriber.root))
    assert ended.returncode == 3, ended.stderr
    assert "2 packages, 1 advisory applies" in ended.stdout
    (row,) = [line.split() for line in ended.stdout.splitlines() if line.startswith("say ")]
    assert row[:6] == ["say", "1.0-1", "EXAMPLE-2026-1", "critical", "release", "1,"]
    assert "No release fixes say yet." in ended.stdout

    newest = simulator.release("2.0")
    found = document(farm(subscriber, "audit", "--root", str(subscriber.root), "--format", "json"))
    (finding,) = found["subjects"][0]["findings"]
    assert (finding["package"], finding["severity"], finding["fixed-version"]) == ("say", "critical", "2.0")
    assert finding["since"] == {"release": 1, "at": simulator.releases[0].released_at}
    assert finding["fixed-in-release"] == newest.number
    command = finding["command"]
    assert command == f"farm upgrade --root {subscriber.root}"

    mended = farm(subscriber, *command.split()[1:])
    assert mended.returncode == 0, mended.stderr
    review(simulator.distribution, "greet", "say")
    ended = farm(subscriber, "audit", "--root", str(subscriber.root))
    assert (ended.returncode, ended.stdout.count("\n")) == (0, 2)
    assert "2 packages, no advisory applies\n" in ended.stdout
    assert "2 of 2 packages reviewed for vulnerabilities" in ended.stdout


def document(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert ended.returncode == 3, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_a_channel_is_audited_without_a_root(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    announce(simulator, osv(package="alone", fixed="3.0"), osv(id="EXAMPLE-2026-2", package="say", fixed="1.0-1"))

    ended = farm(subscriber, "audit", "--channel", f"{DISTRIBUTION}/edge")
    assert ended.returncode == 3
    assert "release 1 of dist.example.org/edge: 3 packages, 1 advisory applies" in ended.stdout

    # `alone` is added, and still affected: since the release with this version.
    simulator.release("2.0")
    found = audit_channel(subscriber.host, "")
    (exposed,) = found.exposed
    assert (exposed.finding.package, exposed.since, exposed.fixed_in) == ("alone", simulator.releases[1], None)


def test_since_when_is_the_release_that_brought_the_package_not_the_newest(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    announce(simulator, osv(package="greet", fixed="9.0"))
    subscriber.install("greet")
    simulator.release("2.0")
    simulator.release("3.0")

    (exposed,) = audit_root(subscriber.host, subscriber.root).exposed
    assert exposed.since == simulator.releases[0]


@pytest.mark.parametrize("how", ["option", "variable"])
def test_policy_refuses_to_install_and_to_run_it_and_says_what_to_do(simulator: Simulator, how: str) -> None:
    subscriber = simulator.subscriber()
    announce(simulator, osv(package="say", fixed="2.0"))
    option = ("--max-severity", "high") if how == "option" else ()
    variables = {} if how == "option" else {"FARM_MAX_SEVERITY": "high"}
    into = ("--root", str(subscriber.root))

    # `greet` needs `say`.
    for words in (("install", *option, *into, "greet"), ("run", *option, "greet")):
        ended = farm(subscriber, *words, **variables)
        assert ended.returncode == 1
        assert "say 1.0-1 has EXAMPLE-2026-1 (critical): A crafted document overflows the stack" in ended.stderr
        assert "Wait for say 2.0, or leave the package out; to accept it, --max-severity critical." in ended.stderr
    assert not (subscriber.root / "usr").exists()

    assert farm(subscriber, "install", *option, *into, "alone", **variables).returncode == 0
    assert farm(subscriber, "install", "--max-severity", "critical", *into, "greet", **variables).returncode == 0
    # What is installed counts together with what is added.
    again = farm(subscriber, "install", *option, *into, "alone", **variables)
    assert again.returncode == 1

    simulator.release("2.0")
    assert farm(subscriber, "install", *option, *into, "greet", **variables).returncode == 0


def test_what_is_stated_to_do_no_harm_is_no_finding_but_told(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    subscriber.install("greet")
    announce(simulator, osv(package="say", fixed=""), vex=openvex(product=f"{DISTRIBUTION}/say"))
    review(simulator.distribution, "greet", "say")

    ended = farm(subscriber, "audit", "--root", str(subscriber.root))
    assert ended.returncode == 0
    assert "no advisory applies; 1 more stated as not affecting it" in ended.stdout
    assert farm(subscriber, "install", "--max-severity", "none", "--root", str(subscriber.root), "say").returncode == 0


def test_where_nothing_is_published_nothing_is_claimed(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    (data,) = audit_channel(subscriber.host, "").data
    assert (data.advisories, len(data.uncovered)) == (None, 3)
    ended = farm(subscriber, "audit")
    assert ended.returncode == 4, ended.stderr
    assert "not reviewed for vulnerabilities" in ended.stdout
    assert "dist.example.org publishes no advisories." in ended.stdout
    ended = farm(subscriber, "install", "--max-severity", "high", "--root", str(subscriber.root), "alone")
    assert ended.returncode == 1
    assert "publishes no advisories" in ended.stderr
    ended = farm(subscriber, "install", "--root", str(subscriber.root), "alone", FARM_MAX_SEVERITY="terrible")
    assert ended.returncode == 2


def test_a_mirror_cannot_leave_an_advisory_out_or_change_it(simulator: Simulator) -> None:
    """The mirror serves the earlier list, a list of its own, or a changed advisory: each is refused."""
    announce(simulator)
    older = simulator.mirror("older")
    subscriber = simulator.subscriber()
    bad = osv(package="say", fixed="2.0")
    announce(simulator, bad)
    assert len(audit_channel(subscriber.host, "").exposed) == 1

    simulator.lead_to(older)
    with pytest.raises(FarmError, match="version"):
        audit_channel(subscriber.host, "")
    simulator.lead_back()

    mirror = simulator.mirror("mirror")
    for place in (mirror.root / "targets" / ADVISORIES).glob(f"*.{ADVISORY_LIST}"):
        place.write_bytes(listed(simulator, ()).to_json())
    simulator.lead_to(mirror)
    stranger = simulator.subscriber("stranger")
    with pytest.raises(FarmError, match="refused"):
        audit_channel(stranger.host, "")
    simulator.lead_back()


def test_the_list_of_another_distribution_says_nothing_about_this_one(simulator: Simulator) -> None:
    """Otherwise a holder of the advisories key could publish a list in which nothing is known of these packages."""
    subscriber = simulator.subscriber()
    foreign = AdvisoryIndex("elsewhere.example.org", ())
    with pytest.raises(InvalidAdvisoryIndexError, match=r"is of elsewhere.example.org, not of dist"):
        publish(simulator, foreign)
    simulator.repository.publish_advisories({ADVISORY_LIST: foreign.to_json()}, simulator.online, datetime.now(UTC))
    with pytest.raises(InvalidAdvisoryIndexError, match=r"is of elsewhere.example.org, not of dist") as caught:
        audit_channel(subscriber.host, "")
    assert caught.value.remedy


def test_the_signer_refuses_a_list_that_leaves_one_out_or_lies_about_one(simulator: Simulator) -> None:
    document = osv(package="say", fixed="2.0")
    announce(simulator, document)
    (line,) = listed(simulator, [document]).advisories
    lying = AdvisoryIndex(DISTRIBUTION, (replace(line, packages=("alone",)),))
    for index in (listed(simulator, ()), lying):
        with pytest.raises(InvalidAdvisoryIndexError):
            publish(simulator, index)
