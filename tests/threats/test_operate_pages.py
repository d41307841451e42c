"""The procedures of docs/operate.md about keys and restoring, carried out exactly as on the page.

Each test runs the command blocks of some sections in order, in a directory of its own. Between them subscribers update:
earlier ones, ones that joined in between, and new ones. So page and farm stay in agreement.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.readers import DirectoryReader
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.signing.consistency import PinnedRepository, PutBackError
from farm.signing.ledger import Ledger
from farm.trust.index.release_index import Release
from farm.trust.keys.key_files import load_public_key
from farm.trust.keys.signers import read_signers, signed
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import policy_in_force
from farm.trust.untrusted_metadata import UntrustedMetadataError
from farm.trust.verification.client_metadata import ChannelMetadata
from tests.threats.simulator import EVER, Mirror, successor
from tests.trust.commands import CommandRunner

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path(__file__).parents[2] / "docs" / "operate.md"
FOUNDED = ("Found a repository with several people",)


def sections() -> dict[str, str]:
    """The page's text by heading."""
    parts = re.split(r"(?m)^#{2,3} (.*)$", PAGE.read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands(section: str) -> list[str]:
    """The commands of a section's shell blocks, one a line, comments left out."""
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```$", sections()[section])
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


class Farm:
    """A directory in which the page's commands run, and the subscribers of what they publish."""

    def __init__(self, folder: Path) -> None:
        self.runner = CommandRunner(folder)
        self.folder = folder
        self.states: list[Path] = []

    def follow(self, *names: str) -> None:
        """Run the commands of these sections; each must succeed. Prompts for signatures are answered with yes."""
        for name in names:
            found = commands(name)
            assert found, f"the section {name} shows no commands"
            for line in found:
                words = shlex.split(line)
                if words[:2] == ["farm", "keys"]:
                    self.runner.run(shlex.join(words[2:]), answer="y\n")
                else:
                    assert words[0] in {"rm", "mv", "cp"}, line
                    subprocess.run(words, cwd=self.folder, check=True)

    @property
    def repository(self) -> Repository:
        return Repository(self.folder / "public")

    def key(self, path: str) -> str:
        return load_public_key(self.folder / f"{path}.pub").keyid

    def keys_of(self, role: str) -> set[str]:
        """The key ids of a role, top-level or delegated."""
        for sheet in self.runner.json("show public"):
            if sheet["role"] == role:
                return {key["keyid"] for key in sheet["keys"]}
        raise AssertionError(f"there is no role {role}")

    def publish(self, channel: str = "edge", note: str = "") -> Release:
        """Let the signer publish a next release."""
        newest = self.repository.current(channel).release
        number = newest.number + 1 if newest else 1
        now = datetime.now(UTC)
        release = Release(
            distribution="dist.example.org",
            channel=channel,
            number=number,
            previous=newest.digest if newest else None,
            released_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            index=BlobRef(Digest.of(f"{channel} {number} {note}".encode()), 7),
            packages=1,
        )
        self.repository.publish(release, read_signers(self.folder / "keys" / "online"), now)
        return release

    def look(self, state: Path, channel: str = "edge", public: Path | None = None) -> Release:
        root = (self.folder / "first.root.json").read_bytes()
        reader = DirectoryReader(public or self.folder / "public")
        return ChannelMetadata(state, root, reader).newest(channel)[0]

    def leave_subscriber(self) -> Path:
        """Let a host subscribe now; it updates again when `everybody_sees` asks."""
        state = self.folder / "subscribers" / str(len(self.states))
        self.look(state)
        self.states.append(state)
        return state

    def everybody_sees(self, release: Release) -> None:
        fresh = self.folder / "subscribers" / "fresh"
        for state in (*self.states, fresh):
            assert self.look(state) == release
        shutil.rmtree(fresh)


@pytest.fixture
def founded(tmp_path: Path) -> Farm:
    farm = Farm(tmp_path / "farm")
    farm.follow(*FOUNDED)
    shutil.copy(farm.folder / "public/metadata/1.root.json", farm.folder / "first.root.json")
    farm.publish()
    farm.leave_subscriber()
    return farm


def test_one_machine(tmp_path: Path) -> None:
    farm = Farm(tmp_path / "farm")
    farm.follow("Found a repository on one machine")
    shutil.copy(farm.folder / "public/metadata/1.root.json", farm.folder / "first.root.json")
    release = farm.publish()
    farm.everybody_sees(release)
    assert farm.keys_of("root") == {farm.key("keys/offline/root")}


def test_several_people(founded: Farm) -> None:
    for role in ("root", "targets"):
        assert founded.keys_of(role) == {founded.key(f"{person}/{role}") for person in ("ann", "ben", "eve")}
    assert [sheet["threshold"] for sheet in founded.runner.json("show public")][:2] == [2, 2]
    assert list(founded.repository.builders()) == [founded.key("worker-1/key")]
    assert not (founded.folder / "keys" / "offline").exists()
    founded.everybody_sees(founded.publish())


def test_a_channel_is_added(founded: Farm) -> None:
    founded.follow("Add a channel")
    stable = founded.publish("stable")
    assert founded.look(founded.states[0], "stable") == stable
    founded.everybody_sees(founded.publish())


def test_builders_change(founded: Farm) -> None:
    founded.follow("Change who may build and test")
    assert list(founded.repository.builders()) == [founded.key("worker-2/key")]
    founded.everybody_sees(founded.publish())


def test_a_key_for_previews_is_listed_and_signs_nothing_else(founded: Farm) -> None:
    founded.follow("Previews")
    assert list(founded.repository.builders().previews) == [founded.key("keys/online/previews")]
    founded.everybody_sees(founded.publish())


def test_what_channels_ask_for_is_signed(founded: Farm) -> None:
    recipes = founded.folder / "recipes"
    (recipes / "channels").mkdir(parents=True)
    (recipes / "distribution.yaml").write_text("domain: dist.example.org\nsummary: x\n")
    (recipes / "channels" / "edge.yaml").write_text("gates: [proof]\n")
    founded.follow("Sign what channels ask for")
    policy = policy_in_force(founded.repository)
    assert policy is not None
    assert list(policy.policies.policies) == ["edge"]
    founded.everybody_sees(founded.publish())


def test_root_and_targets_are_renewed(founded: Farm) -> None:
    before = founded.repository.head()
    founded.follow("Renew root and targets")
    after = founded.repository.head()
    assert (after.root.version, after.targets.version) == (2, 2)
    assert after.root.expires >= before.root.expires
    assert (after.root.roles, after.targets.delegations) == (before.root.roles, before.targets.delegations)
    founded.everybody_sees(founded.publish())


def test_a_key_of_root_is_replaced(founded: Farm) -> None:
    founded.follow("Replace a key of root")
    assert founded.keys_of("root") == {founded.key(f"{person}/root") for person in ("ann", "ben", "joe")}
    founded.everybody_sees(founded.publish())
    founded.runner.run("draft root --repository public")
    assert "is none of" in founded.runner.refused("sign root.draft --key eve/root --yes")


def test_a_key_of_targets_is_replaced(founded: Farm) -> None:
    founded.follow("Replace a key of targets")
    assert founded.keys_of("targets") == {founded.key(f"{person}/targets") for person in ("ann", "ben", "joe")}
    founded.everybody_sees(founded.publish())


def test_an_online_key_is_rotated(founded: Farm) -> None:
    founded.follow("Rotate an online key")
    assert founded.keys_of("timestamp") == {founded.key("keys/online/timestamp-2")}
    founded.everybody_sees(founded.publish())
    founded.leave_subscriber()
    (founded.folder / "keys/online/timestamp").unlink()
    founded.everybody_sees(founded.publish())


def test_the_key_of_the_timestamp_is_lost(founded: Farm) -> None:
    founded.follow("The key of the timestamp is lost")
    assert founded.keys_of("timestamp") == {founded.key("keys/online/timestamp-2")}
    founded.everybody_sees(founded.publish())


def test_online_keys_are_stolen(founded: Farm) -> None:
    """The thief has shown one subscriber a release with a number higher than all others."""
    newest = founded.publish()
    stolen = read_signers(founded.folder / "keys" / "online")
    shutil.copytree(founded.folder / "public", founded.folder / "mirror")
    mirror = Mirror(founded.folder / "mirror")
    mirror.forge_release(replace(successor(newest), number=10**6), stolen, versions=EVER)
    victim = founded.leave_subscriber()
    assert founded.look(victim, public=mirror.root).number == 10**6
    with pytest.raises(UntrustedMetadataError):
        founded.look(victim)

    founded.follow("Online keys are stolen")
    founded.everybody_sees(newest)
    founded.everybody_sees(founded.publish())
    # From now on the thief's signatures are not valid.
    timestamp = mirror.document("timestamp")
    timestamp.version += 1
    (founded.folder / "public/metadata/timestamp.json").write_bytes(signed(timestamp, stolen))
    with pytest.raises(UntrustedMetadataError) as caught:
        founded.look(founded.folder / "subscribers" / "new")
    assert caught.value.reason == "signature"


def test_an_operator_is_listed(founded: Farm) -> None:
    founded.follow("Change who may order")
    assert list(founded.repository.builders().operators) == ["joe"]
    founded.runner.run("draft targets --repository public --remove-operator joe")
    assert "the operator joe may order nothing any more" in founded.runner.run("show targets.draft")
    founded.everybody_sees(founded.publish())


def test_an_older_state_is_restored(founded: Farm) -> None:
    (founded.folder / "backup").mkdir()
    shutil.copytree(founded.folder / "public", founded.folder / "backup" / "public")
    founded.publish(note="lost")
    founded.leave_subscriber()
    founded.publish(note="lost too")
    founded.leave_subscriber()

    ledger = Ledger(founded.folder / "record")
    signer = PinnedRepository(founded.folder / "public", ledger)
    signer.check_releases()
    with pytest.raises(PutBackError):
        PinnedRepository(founded.folder / "backup" / "public", ledger).check_releases()
    founded.follow("Restore an older state")
    signer.check_releases()  # and the same ledger continues with it
    restored = founded.repository.current("edge").release
    assert restored is not None
    assert restored.number == 1
    founded.everybody_sees(restored)
    founded.everybody_sees(founded.publish(note="made again"))


def test_every_section_about_keys_is_followed_here() -> None:
    """A section whose commands no test runs could go stale unnoticed."""
    text = PAGE.read_text()
    keys = text[text.index("## Keys\n") : text.index("## Logs\n")]
    named = set(re.findall(r"(?m)^#{2,3} (.*)$", keys))
    elsewhere = {"The record in DNS"}
    followed = set(re.findall(r'follow\("([^"]+)"', Path(__file__).read_text())) | set(FOUNDED)
    assert {name for name in named if commands(name)} - followed - elsewhere == set()
    assert followed <= named


def lines_of(sections_: Sequence[str]) -> int:
    return sum(len(commands(name)) for name in sections_)


def test_the_page_shows_many_commands() -> None:
    assert lines_of([name for name in sections() if "key" in name.lower() or "restore" in name.lower()]) > 40
