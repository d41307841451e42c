"""The gates of single packages also judge packages of other distributions, where they apply."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.declared import HostNeeds
from farm.core.package.descriptor import Descriptor
from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.advisories import AdvisoriesGate
from farm.core.policy.gates.approvals import ApprovalsGate
from farm.core.policy.gates.host import HostGate
from farm.core.policy.gates.licenses import LicensesGate
from farm.core.policy.gates.reproduced import ReproducedGate
from farm.core.policy.gates.set_gates import ProofGate
from farm.core.policy.gates.soak import SoakGate
from farm.server.advisories.advisory_intake import Hit, add_advisory, add_statements, released_with
from farm.server.channels import excuses, releases
from farm.server.channels.channel_checks import NotInQuestionError
from farm.server.curation.approvals import Approval, add_approval
from farm.server.curation.approving import approve, in_question
from farm.server.curation.curation import report, resolve
from farm.server.identities.access import Actor
from farm.server.pipeline.gates.policy_gates import Approvals, package_gate
from farm.server.pipeline.gates.reproduced import Reproduced
from farm.server.pipeline.gates.soak import Soak
from farm.trust.attestation.approval import ApprovalError, approval_statement
from farm.trust.attestation.dsse import sign_statement
from farm.trust.index.advisory_index import AdvisoryIndex, ListedAdvisory
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.core.advisories.osv_documents import openvex, osv
from tests.farms.importing import ImportingFarm
from tests.farms.releasing import EDGE
from tests.farms.small import recipe
from tests.foreign.neighbours import FIRST, announce, their_own_web, theirs
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.server.pipeline.gates.gate_result import PackageGate
    from farm.server.pipeline.pipeline import Pipeline
    from farm.server.tables.session import Database
    from tests.foreign.neighbours import Neighbours

SSL, SAY = f"{FIRST}/openssl", f"{FIRST}/say"
ANN = Actor("token:ann")
STABLE = ChannelPolicy("stable", (ProofGate(),), from_channel="edge")


@pytest.fixture
def taking(neighbours: Neighbours, database: Database, tmp_path: Path) -> ImportingFarm:
    """A farm whose package `web` needs `openssl` and `say` of the neighbour, which has been polled."""
    taking = ImportingFarm.beside(neighbours, database, tmp_path / "farm")
    taking.shape("web", "1.0", {}, requires=(SSL,))
    files = recipe("web", more=f"requires: [{SSL}]\n")
    taking.submit({path: content.replace(b"MIT", b"0BSD") for path, content in files.items()})
    taking.follow()
    return taking


def gated(taking: ImportingFarm, *gates: PackageGate) -> str:
    taking.pipeline = taking.channel(EDGE, gates=gates)
    return taking.decide()


def held(taking: ImportingFarm) -> dict[str, tuple[str, str]]:
    return {name: (excuse.gate, excuse.reason) for name, excuse in taking.excuses().items()}


def test_a_license_that_the_channel_denies_keeps_out_what_is_taken_and_what_needs_it(taking: ImportingFarm) -> None:
    assert gated(taking, package_gate(LicensesGate(deny=("MIT",)))) == "refused"
    gate, reason = held(taking)[SSL]
    assert (gate, reason) == ("licences", "it is licensed MIT, and the policy denies MIT")
    assert held(taking)["web"] == ("licences", f"it needs {SSL} 3.0-1, which waits: {reason}")
    assert gated(taking, package_gate(LicensesGate(deny=("AGPL-3.0-only",)))) == "idle"
    assert taking.excuses() == {}
    assert [package.name for package in taking.taken().packages] == ["openssl", "say"]


def test_what_is_taken_may_ask_no_more_of_the_host_than_the_channel_promises(
    taking: ImportingFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = HostNeeds(capabilities=("CAP_NET_ADMIN",))
    member = type(taking.application.packages).member

    def wanting(cache: Any, package: Any) -> Any:
        found = member(cache, package)
        return replace(found, descriptor=replace(found.descriptor, host=asking)) if package.name == SAY else found

    monkeypatch.setattr(type(taking.application.packages), "member", wanting)
    assert gated(taking, package_gate(HostGate())) == "refused"
    assert held(taking)[SAY][1] == "it needs CAP_NET_ADMIN of its host, more than the policy promises"


def test_an_own_advisory_may_name_a_package_that_is_taken(taking: ImportingFarm) -> None:
    with taking.application.writing() as unit:
        add_advisory(unit, ANN, osv(package=SAY, fixed="1.0-2"))
    assert gated(taking, package_gate(AdvisoriesGate("high"))) == "refused"
    gate, reason = held(taking)[SAY]
    assert (gate, reason) == ("advisories", "EXAMPLE-2026-1 (critical): A crafted document overflows the stack")
    assert taking.excuses()[SAY].remedy.startswith(
        f"Wait for {SAY} 1.0-2 or newer; it is tried automatically; or state"
    )
    with taking.application.writing() as unit:
        add_statements(unit, ANN, openvex(product=SAY))
    assert taking.decide() == "idle"
    assert taking.excuses() == {}


def test_who_adds_an_advisory_hears_which_channels_have_taken_it(taking: ImportingFarm) -> None:
    taking.decide()
    with taking.application.writing() as unit:
        advisory, _ = add_advisory(unit, ANN, osv(package=SAY, fixed="1.0-2"))
        assert released_with(unit, advisory) == [Hit("edge", SAY, "1.0-1")]
        mended, _ = add_advisory(unit, ANN, osv(package=SAY, fixed="1.0-1", id="EXAMPLE-2026-2"))
        assert released_with(unit, mended) == []


def test_an_advisory_cannot_name_whom_nobody_takes_of(taking: ImportingFarm) -> None:
    with taking.application.writing() as unit:
        with refuses("unknown-distribution", match=r"third\.example/x"):
            add_advisory(unit, ANN, osv(package="third.example/x"))
        with refuses("unknown-distribution", match=r"third\.example/x"):
            add_statements(unit, ANN, openvex(product="third.example/x"))


def test_what_its_own_distribution_says_about_a_package_counts(taking: ImportingFarm, neighbours: Neighbours) -> None:
    """Its list is verified as its releases are, and is read without a new release too."""
    gate = package_gate(AdvisoriesGate("high"))
    announce(neighbours.first, theirs("unused", fixed=""), theirs("say", fixed="1.0-2", id="EXAMPLE-2026-2"))
    assert taking.follow() == 1
    assert taking.follow() == 0
    assert gated(taking, gate) == "refused"
    assert held(taking)[SAY][1].startswith("EXAMPLE-2026-2 (critical)")
    # Its owner states that it has no effect.
    statement = openvex(product=f"{FIRST}/say", about="EXAMPLE-2026-2")
    announce(
        neighbours.first,
        theirs("unused", fixed=""),
        theirs("say", fixed="1.0-2", id="EXAMPLE-2026-2"),
        statements=statement,
    )
    assert taking.follow() == 1
    assert taking.decide() == "idle"
    assert taking.excuses() == {}


def test_what_is_stated_here_counts_against_what_is_said_there(taking: ImportingFarm, neighbours: Neighbours) -> None:
    announce(neighbours.first, theirs("say", fixed=""))
    taking.follow()
    assert gated(taking, package_gate(AdvisoriesGate("high"))) == "refused"
    with taking.application.writing() as unit:
        add_statements(unit, ANN, openvex(product=SAY))
    assert taking.decide() == "idle"


def test_another_says_nothing_about_packages_that_are_not_its_own(
    taking: ImportingFarm, neighbours: Neighbours
) -> None:
    announce(neighbours.first, their_own_web())
    taking.follow()
    assert gated(taking, package_gate(AdvisoriesGate("low"))) == "idle"
    assert taking.excuses() == {}
    assert taking.released().keys() == {"web"}
    assert taking.signer.signed == [1]  # at once, with what it needs


def test_a_list_that_contradicts_itself_keeps_the_update_away(
    taking: ImportingFarm, neighbours: Neighbours, caplog: pytest.LogCaptureFixture
) -> None:
    first = neighbours.first
    assert first.founded is not None
    document = theirs("say", fixed="")
    listed = ListedAdvisory("EXAMPLE-2026-1", first.keep(document), ("openssl",))
    content = AdvisoryIndex(FIRST, (listed,)).to_json()
    signers = read_signers(first.founded.online)
    Repository(first.public).publish_advisories({"osv.json": content}, signers, datetime.now(UTC))
    assert taking.follow() == 0
    assert "the list has another id or other packages for EXAMPLE-2026-1" in caplog.text


def test_it_soaks_on_the_channel_that_it_comes_from(taking: ImportingFarm, neighbours: Neighbours) -> None:
    assert taking.decide() == "idle"
    stable = taking.channel(STABLE, gates=[Soak(SoakGate(timedelta(hours=4)), "edge")])
    assert stable.advance().state == "refused"
    (excuse,) = [standing for standing in excuses_on(taking, "stable") if standing.package == SSL]
    assert (excuse.gate, excuse.until) == ("soak", taking.clock.now + timedelta(hours=4))
    taking.clock.passes(4 * 3600)
    assert until_still(stable) == "released"
    first = taking.taken("stable").release
    # Later packages soak from then on.
    neighbours.first.package("say", {"bin/say": "\x7fnewer"}, version="2.0")
    neighbours.first.publish()
    taking.follow()
    taking.decide()
    taking.clock.passes(3 * 3600)
    assert until_still(stable) == "refused"
    taking.clock.passes(3600)
    assert until_still(stable) == "released"
    assert taking.taken("stable").release == taking.taken().release != first


def test_that_it_is_taken_no_more_soaks_as_well(taking: ImportingFarm) -> None:
    assert taking.decide() == "idle"
    stable = taking.channel(STABLE, gates=[Soak(SoakGate(timedelta(hours=4)), "edge")])
    taking.clock.passes(4 * 3600)
    assert until_still(stable) == "released"
    taking.shape("web", "2.0", {})
    taking.submit(recipe("web", version="2.0"))
    taking.decide()
    taking.clock.passes(4 * 3600 - 60)
    assert until_still(stable) == "refused"
    (excuse,) = [standing for standing in excuses_on(taking, "stable") if standing.package == SSL]
    assert (excuse.gate, excuse.reason.partition(" since ")[0]) == ("soak", "edge has been without it")
    taking.clock.passes(60)
    assert until_still(stable) == "released"
    assert excuses_on(taking, "stable") == []


def until_still(pipeline: Pipeline) -> str:
    state = ""
    for _ in range(5):
        state = pipeline.advance().state
        if state in ("released", "refused"):
            return state
    return state


def excuses_on(taking: ImportingFarm, channel: str) -> list[Any]:
    with taking.application.reading() as unit:
        return [kept.excuse for kept in excuses.open_excuses(unit.session, channel)]


def test_trouble_with_it_can_be_reported_and_breaks_its_soak(taking: ImportingFarm) -> None:
    taking.decide()
    stable = taking.channel(STABLE, gates=[Soak(SoakGate(timedelta(hours=4)), "edge")])
    with taking.application.writing() as unit:
        made = report(unit, ANN, "edge", SSL, why="it forgets its certificates")
        with pytest.raises(NotInQuestionError):
            report(unit, ANN, "edge", f"{FIRST}/unused", why="it is not there")
    assert (made.name, made.version) == (SSL, "3.0-1")
    taking.clock.passes(4 * 3600)
    assert until_still(stable) == "refused"
    (excuse,) = [standing for standing in excuses_on(taking, "stable") if standing.package == SSL]
    assert "ann reported trouble with it on edge: it forgets its certificates" in excuse.reason
    with taking.application.writing() as unit:
        resolve(unit, ANN, made.id)
    assert until_still(stable) == "released"


def test_it_is_approved_by_its_full_name_and_its_digest(taking: ImportingFarm) -> None:
    key = CryptoSigner.generate_ed25519()
    people = {"alice": str(key.public_key.keyval["public"])}
    taking.application = replace(
        taking.application, inputs=replace(taking.application.inputs, curators={"curators": people})
    )
    policy = '{"gates": [{"count": 1, "gate": "approvals", "of": "curators"}]}'
    with taking.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", policy)
    assert gated(taking, Approvals(ApprovalsGate("curators", 1), people)) == "refused"
    assert held(taking)[SSL][0] == "approvals"
    assert taking.excuses()[SSL].remedy == f"Let alice sign: `farm approve edge {SSL}`."
    with taking.application.writing() as unit:
        waiting = in_question(unit, "edge")
        assert [pending.package.name for pending in waiting] == ["web", SSL, SAY]
        descriptors = [Descriptor.from_json(unit.blobs.read(pending.package.digest)) for pending in waiting]

        def signed(descriptor: Descriptor, distribution: str) -> bytes:
            said = approval_statement(descriptor, channel="edge", curator="alice", distribution=distribution)
            return sign_statement(said, key)

        for wrong, message in (("", "names no distribution"), (FIRST, f"is for {FIRST}")):
            with pytest.raises(ApprovalError, match=message) as refused:
                approve(unit, ANN, "edge", [signed(descriptors[1], wrong)])
            assert "farm approve" in refused.value.remedy
        # An approval that an earlier farm accepted for another distribution's package no longer counts: it is awaited.
        kept = Approval(
            channel="edge",
            package=descriptors[1].digest,
            curator="alice",
            envelope=signed(descriptors[1], "").decode(),
            at=unit.now,
        )
        add_approval(unit.session, kept)
        approve(unit, ANN, "edge", [signed(descriptors[0], "")])  # which is this distribution's own
        assert [pending.approved_by for pending in in_question(unit, "edge")] == [("alice",), (), ()]
        approve(unit, ANN, "edge", [signed(descriptor, unit.inputs.distribution) for descriptor in descriptors])
    assert taking.decide() == "idle"
    assert taking.excuses() == {}
    assert [package.name for package in taking.taken().packages] == ["openssl", "say"]


def test_nobody_here_is_asked_to_build_it_again(taking: ImportingFarm) -> None:
    assert gated(taking, Reproduced(ReproducedGate(1))) == "idle"
    assert [package.name for package in taking.taken().packages] == ["openssl", "say"]
