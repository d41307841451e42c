"""The files of channels while the farm runs: changes take effect soon, and a mistake stops only its own channel."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.core.policy.policies import Policies
from farm.server.application import FarmSettings, open_application
from farm.server.channels import releases
from farm.server.curation import signed_orders
from farm.server.curation.approving import asked
from farm.server.curation.signed_orders import SignedOrder
from farm.server.identities import identities
from farm.server.pipeline.candidates.status import channel_status
from farm.server.pipeline.channels import Channels
from farm.server.submissions.owners import Ownership, OwnershipTroubleError, ownership
from farm.trust.ceremony.ceremony import found_channels, found_repository, sign_policy
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import SignedPolicy, policy_of_files
from tests.farms.releasing import Signer
from tests.farms.small import TOOLCHAIN, SmallFarm, recipe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.server.tables.session import Database

ALICE, BOB = "0" * 64, "1" * 64
EDGE, STABLE = "gates: [proof]\n", "from: edge\ngates: [proof]\n"


@dataclass
class Running:
    """A farm whose control worker reads the files below `recipes`."""

    farm: SmallFarm
    recipes: Path
    public: Path
    keys: Path

    def write(self, path: str, text: str) -> None:
        file = self.recipes / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def start(self) -> Channels:
        signer = Signer(Repository(self.public), read_signers(self.keys / "online"))
        return Channels(self.farm.application, self.recipes, self.public, signer)

    def newest(self, channel: str) -> int:
        with self.farm.application.reading() as unit:
            found = channel_status(unit.session, channel, now=unit.now).newest
            return found.number if found else 0

    def trouble(self, channel: str) -> tuple[str, ...]:
        with self.farm.application.reading() as unit:
            return channel_status(unit.session, channel, now=unit.now).trouble

    def build(self, name: str, version: str = "1.0") -> None:
        self.farm.submit(recipe(name, version=version))
        self.farm.build_all_but_tests()


def advance(channels: Channels, turns: int = 3) -> list[str]:
    """Let some ticks of the clock pass; return which channels run."""
    for _ in range(turns):
        pipelines = channels.pipelines()
        for pipeline in pipelines:
            pipeline.advance()
    return [pipeline.channel for pipeline in pipelines]


@pytest.fixture
def running(database: Database, tmp_path: Path) -> Running:
    keys, public = tmp_path / "keys", tmp_path / "public"
    tester = CryptoSigner.generate_ed25519().public_key
    found_repository(public, keys, ["edge", "stable"], [], datetime.now(UTC), testers=[tester])
    made = Running(SmallFarm.open(database, tmp_path), tmp_path / "recipes", public, keys)
    made.write("channels/edge.yaml", EDGE)
    made.write("channels/stable.yaml", STABLE)
    return made


def test_a_typo_stops_its_own_channel_and_says_where_until_it_is_mended(running: Running) -> None:
    running.build("a")
    running.write("channels/stable.yaml", "from: edge\ngates: [proof, advisories: {block: hgih}]\n")
    channels = running.start()  # as after a restart
    assert advance(channels) == ["edge"]
    assert (running.newest("edge"), running.newest("stable")) == (1, 0)
    assert running.trouble("edge") == ()
    (line,) = running.trouble("stable")
    assert line == "channels/stable.yaml:2:36: block cannot be 'hgih'. Did you mean high?"

    running.write("channels/stable.yaml", STABLE)
    assert advance(channels, 4) == ["edge", "stable"]
    assert running.trouble("stable") == ()
    assert running.newest("stable") == 1


def test_a_channel_that_comes_to_wait_keeps_the_policy_that_it_had_for_whoever_looks(running: Running) -> None:
    channels = running.start()
    running.write("channels/stable.yaml", "from: egde\ngates: [proof]\n")
    assert advance(channels) == ["edge"]
    with running.farm.application.reading() as unit:
        assert json.loads(releases.policy_text(unit.session, "stable") or "")["from"] == "edge"
    assert "Did you mean edge?" in running.trouble("stable")[0]


def test_a_changed_policy_is_in_force_without_a_restart_and_leaves_a_line(running: Running) -> None:
    running.build("a")
    channels = running.start()
    advance(channels)
    kept = channels.pipelines()[1]
    running.write("curators.yaml", f"curators:\n  alice: {ALICE!r}\n")
    running.write("channels/edge.yaml", "gates: [proof, approvals]\n")
    advance(channels)
    running.build("b")
    advance(channels)
    assert running.newest("edge") == 1  # b waits for alice
    assert channels.pipelines()[1] is kept  # and stable was left alone
    with running.farm.application.reading() as unit:
        assert dict(asked(unit, "edge").keys) == {"alice": ALICE}
        trail = [event for _, event in identities.audit_trail(unit.session) if event.action == "policy"]
    assert [(event.actor, event.subject) for event in trail] == [("control", "channel edge")]

    running.write("curators.yaml", f"curators:\n  bob: {BOB!r}\n")
    advance(channels)
    with running.farm.application.reading() as unit:
        assert dict(asked(unit, "edge").keys) == {"bob": BOB}


def test_only_channels_that_ask_curators_wait_for_their_file(running: Running) -> None:
    running.write("channels/stable.yaml", "from: edge\ngates: [proof, approvals]\n")
    running.write("curators.yaml", "curators: {alice: x}\n")
    assert advance(running.start()) == ["edge"]
    assert running.trouble("stable")[0].startswith("curators.yaml:1:19: a key should be 64 lower-case")


def test_a_file_that_is_gone_or_no_file_is_its_channels_trouble(running: Running) -> None:
    channels = running.start()
    stable = running.recipes / "channels" / "stable.yaml"
    stable.unlink()
    assert advance(channels) == ["edge"]
    assert running.trouble("stable") == ("channels/stable.yaml: the file is gone. Put it back.",)
    stable.symlink_to("edge.yaml")
    assert advance(channels) == ["edge"]
    assert "not a regular file" in running.trouble("stable")[0]
    stable.unlink()
    stable.mkdir()
    assert advance(channels) == ["edge"]
    stable.rmdir()
    running.write("channels/stable.yaml", STABLE)
    assert advance(channels) == ["edge", "stable"]


def test_a_file_that_is_being_written_is_not_read_yet(running: Running) -> None:
    channels = running.start()
    advance(channels)
    running.write("channels/stable.yaml", "from: edge\nga")
    assert advance(channels, 1) == ["edge", "stable"]
    running.write("channels/stable.yaml", "from: edge\ngates: [proof, host]")
    assert advance(channels, 1) == ["edge", "stable"]
    running.write("channels/stable.yaml", STABLE)
    assert advance(channels) == ["edge", "stable"]
    assert running.trouble("stable") == ()


def test_a_new_channel_waits_until_a_role_signs_for_it(running: Running) -> None:
    channels = running.start()
    running.write("channels/lts.yaml", STABLE.replace("edge", "stable"))
    running.write("channels/nightly.yaml", EDGE)
    assert advance(channels) == ["edge", "stable"]
    assert "no role signs for this channel yet" in running.trouble("lts")[0]
    found_channels(Repository(running.public), running.keys, ["edge", "lts", "stable"], datetime.now(UTC))
    assert advance(channels) == ["edge", "lts", "stable"]
    assert running.trouble("lts") == ()
    assert running.trouble("nightly")


def sign(running: Running) -> None:
    """Have the files' current content signed."""
    paths = [path for path in running.recipes.rglob("*") if path.is_file()]
    files = {path.relative_to(running.recipes).as_posix(): path.read_bytes() for path in paths}
    said = sign_policy(Repository(running.public), running.keys, policy_of_files(files, ()), datetime.now(UTC))
    assert said[0] == "the policy of the recipes is signed:"


def unsigned(running: Running, channel: str) -> tuple[str, ...]:
    with running.farm.application.reading() as unit:
        return channel_status(unit.session, channel, now=unit.now).unsigned


def gates_in_force(running: Running, channel: str) -> list[str]:
    with running.farm.application.reading() as unit:
        return [gate["gate"] for gate in json.loads(releases.policy_text(unit.session, channel))["gates"]]


def test_a_file_can_ask_for_more_than_is_signed_and_never_for_less(running: Running) -> None:
    running.write("channels/edge.yaml", "gates: [proof, hardening]\n")
    sign(running)
    channels = running.start()
    assert gates_in_force(running, "edge") == ["proof", "hardening"]
    running.write("channels/edge.yaml", "gates: [proof, hardening, tests]\n")
    advance(channels)
    assert gates_in_force(running, "edge") == ["proof", "hardening", "tests"]
    running.write("channels/edge.yaml", "gates: [proof, tests]\n")
    assert "edge" in advance(channels)  # it continues
    assert gates_in_force(running, "edge") == ["proof", "hardening"]
    (line,) = unsigned(running, "edge")
    assert line == "channels/edge.yaml asks for less than what is signed: the gate hardening is missing"
    assert running.trouble("edge") == ()
    # Once that is signed it counts, without a change of the file.
    sign(running)
    advance(channels)
    assert gates_in_force(running, "edge") == ["proof", "tests"]
    assert unsigned(running, "edge") == ()


def test_a_channel_of_which_nothing_is_signed_waits_and_says_what_to_sign(running: Running) -> None:
    (running.recipes / "channels" / "stable.yaml").unlink()
    sign(running)
    running.write("channels/stable.yaml", STABLE)
    channels = running.start()
    assert advance(channels) == ["edge"]
    (line,) = running.trouble("stable")
    assert "no policy is signed for this channel yet" in line
    assert "farm keys draft targets --policy" in line
    sign(running)
    assert advance(channels) == ["edge", "stable"]


def test_a_curator_whose_key_is_not_signed_does_not_count(running: Running) -> None:
    asking = "gates: [proof, approvals: {count: 1}]\n"
    running.write("curators.yaml", f"curators: {{alice: {ALICE!r}}}\n")
    running.write("channels/edge.yaml", asking)
    sign(running)
    running.write("curators.yaml", f"curators: {{alice: {ALICE!r}, bob: {BOB!r}}}\n")
    channels = running.start()
    advance(channels)
    with running.farm.application.reading() as unit:
        assert asked(unit, "edge").keys == {"alice": ALICE}
    (line,) = unsigned(running, "edge")
    assert line.endswith("bob is in the group curators with a key that is not signed")


def test_without_a_signed_policy_files_count_as_they_always_did(running: Running) -> None:
    channels = running.start()
    running.write("channels/edge.yaml", "gates: [proof, hardening]\n")
    advance(channels)
    running.write("channels/edge.yaml", EDGE)
    advance(channels)
    assert gates_in_force(running, "edge") == ["proof"]
    assert unsigned(running, "edge") == ()


def test_while_what_is_signed_cannot_be_read_channels_wait_and_go_on_by_themselves(running: Running) -> None:
    running.write("channels/edge.yaml", "gates: [proof, hardening]\n")
    sign(running)
    running.write("channels/edge.yaml", EDGE)
    (document,) = (
        path for path in (running.public / "targets").glob("*.builders.json") if b"policy" in path.read_bytes()
    )
    content = document.read_bytes()
    document.write_bytes(content[:-1])
    channels = running.start()
    assert advance(channels) == []
    for channel in ("edge", "stable"):
        assert running.trouble(channel) == ("the signed policy cannot be read: see the log of the control process",)
    with pytest.raises(OwnershipTroubleError, match="the signed policy cannot be read"):
        running.farm.submit(recipe("b"))
    document.write_bytes(content)  # no watched file has changed
    assert advance(channels) == ["edge", "stable"]
    assert gates_in_force(running, "edge") == ["proof", "hardening"]
    assert running.trouble("edge") == ()
    running.farm.submit(recipe("b"))


def test_a_signed_policy_that_cannot_be_followed_is_as_one_that_cannot_be_read(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.write("channels/edge.yaml", "gates: [proof, nothing]\n")
    with monkeypatch.context() as patch:
        patch.setattr(SignedPolicy, "policies", Policies({}, {}))  # a key holder who does not check
        sign(running)
    running.write("channels/edge.yaml", EDGE)
    assert advance(running.start()) == []
    assert "cannot be read" in running.trouble("edge")[0]


def test_who_owns_what_acts_soon_and_a_mistake_stops_submissions_and_no_channel(running: Running) -> None:
    channels = running.start()
    running.build("a")  # as long as nobody owns anything
    running.write("curators.yaml", f"curators:\n  alice: {ALICE!r}\n")
    running.write("OWNERS", "* @curators\n")
    advance(channels)
    assert [unsigned_recipe.owners for unsigned_recipe in running.farm.submit(recipe("b")).waits_for] == [("alice",)]

    running.write("OWNERS", "* @curator\n")
    assert advance(channels) == ["edge", "stable"]
    with pytest.raises(OwnershipTroubleError, match=r"OWNERS:1:3: there is no group '@curator'"):
        running.farm.submit(recipe("b"))
    (running.recipes / "OWNERS").unlink()
    advance(channels)
    with pytest.raises(OwnershipTroubleError, match="the file is gone"):
        running.farm.submit(recipe("b"))

    running.write("OWNERS", "* bob\n")
    running.write("curators.yaml", f"curators:\n  alice: {ALICE!r}\n  bob: {BOB!r}\n")
    assert advance(channels) == ["edge", "stable"]
    assert [unsigned_recipe.owners for unsigned_recipe in running.farm.submit(recipe("b")).waits_for] == [("bob",)]
    with running.farm.application.reading() as unit:
        trail = [event for _, event in identities.audit_trail(unit.session) if event.action == "owners"]
    assert [(event.actor, event.subject) for event in trail] == [("control", "the file OWNERS")] * 2


def test_owners_can_become_fewer_and_not_others_than_are_signed(running: Running) -> None:
    running.write("curators.yaml", f"curators:\n  alice: {ALICE!r}\n  bob: {BOB!r}\n")
    running.write("OWNERS", "* @curators\n")
    sign(running)
    channels = running.start()

    def owners() -> list[tuple[str, ...]]:
        advance(channels)
        return [unsigned_recipe.owners for unsigned_recipe in running.farm.submit(recipe("b")).waits_for]

    assert owners() == [("alice", "bob")]
    running.write("OWNERS", "* bob\n")
    assert owners() == [("bob",)]
    for more in ("* bob\nb* alice\n", "* bob mallory\n"):
        mallory = "2" * 64
        running.write("curators.yaml", f"curators: {{alice: {ALICE!r}, bob: {BOB!r}, mallory: {mallory!r}}}\n")
        running.write("OWNERS", more)
        assert owners() == [("alice", "bob")]
        (message,) = unsigned(running, "edge")
        assert message.startswith("OWNERS has other lines or people than are signed: what is signed counts.")
    sign(running)
    assert owners() == [("bob", "mallory")]
    assert unsigned(running, "edge") == ()


def test_signed_owners_count_where_the_file_is_gone(running: Running) -> None:
    running.write("curators.yaml", f"curators:\n  alice: {ALICE!r}\n")
    running.write("OWNERS", "* @curators\n")
    sign(running)
    (running.recipes / "OWNERS").unlink()
    advance(running.start())
    assert [unsigned_recipe.owners for unsigned_recipe in running.farm.submit(recipe("b")).waits_for] == [("alice",)]


def test_before_the_files_were_read_for_the_first_time_nothing_is_taken_unsigned(tmp_path: Path) -> None:
    """The web process may start before the control worker does."""
    files = {
        "distribution.yaml": b"domain: dist.example.org\n",
        "curators.yaml": f"curators:\n  alice: {ALICE!r}\n".encode(),
        "OWNERS": b"* @curators\n",
    }
    for written in (files, files | {"OWNERS": b"* alice\n"}):  # later the control worker reads them
        assert first_owners(tmp_path, written).owners == "* @curators\n"


def first_owners(place: Path, files: Mapping[str, bytes], repository: Path | None = None) -> Ownership:
    """The owners as soon as a farm is open, before control has read the files."""
    settings = FarmSettings(
        database=f"sqlite:///{place / 'farm.db'}",
        broker="",
        blobs=place / "blobs",
        logs=place / "logs",
        recipes=place,
        repository=repository,
        toolchains=(TOOLCHAIN.to_dict(),),
    )
    application = open_application(settings, files)
    with application.reading() as unit:
        said = ownership(unit.session)
    application.database.close()
    assert said is not None
    return said


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("written", [{}, {"OWNERS": b"* mallory\n"}], ids=["without the file", "with others"])
def test_the_first_owners_are_those_that_are_signed(running: Running, written: dict[str, bytes]) -> None:
    running.write("curators.yaml", f"curators:\n  alice: {ALICE!r}\n")
    running.write("OWNERS", "* @curators\n")
    sign(running)
    people = f"curators: {{alice: {ALICE!r}, mallory: {'2' * 64!r}}}\n".encode()
    files = {"distribution.yaml": b"domain: dist.example.org\n", "curators.yaml": people} | written
    said = first_owners(running.recipes, files, running.public)
    assert (said.owners, said.curators) == ("* @curators\n", {"curators": {"alice": ALICE}})


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_while_what_is_signed_cannot_be_read_nobody_submits_at_first(running: Running) -> None:
    for document in (running.public / "targets").glob("*.builders.json"):
        document.write_bytes(b"{}")
    files = {"distribution.yaml": b"domain: dist.example.org\n", "OWNERS": b""}
    said = first_owners(running.recipes, files, running.public)
    assert said.owners is None
    assert said.troubles[0].startswith("the signed policy cannot be read: cannot read the target builders.json")


def test_what_the_signer_refused_is_brought_again_when_others_may_order(running: Running) -> None:
    """It may have been refused because a key was not signed yet."""
    channels = running.start()
    advance(channels)
    with running.farm.application.writing() as unit:
        for name, at in (("young", unit.now), ("old", unit.now - timedelta(days=91))):
            digest = Digest.of(name.encode())
            order = SignedOrder(digest=digest, channel="edge", act="freeze", curator="bob", envelope="{}", at=at)
            signed_orders.keep(unit.session, order)
            signed_orders.record_delivery(unit.session, digest, now=at, refused="no allowed key has signed it")
        assert not signed_orders.undelivered(unit.session, 9)
    advance(channels)
    sign(running)
    advance(channels)
    with running.farm.application.reading() as unit:
        assert [signed_order.digest for signed_order in signed_orders.undelivered(unit.session, 9)] == [
            Digest.of(b"young")
        ]
