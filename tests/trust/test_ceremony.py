"""Channels and builders added after founding, with the keys of targets on the farm's machine and elsewhere."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner, SSlibKey
from tuf.api.metadata import Metadata, TargetFile

from farm.core.names.digest import Digest
from farm.trust.ceremony.ceremony import (
    CeremonyError,
    KeysAwayError,
    allow_more_builders,
    found_channels,
    found_drafts,
)
from farm.trust.ceremony.changes import changes_of
from farm.trust.ceremony.draft import Draft, DraftError
from farm.trust.ceremony.drafting import RoleEdit, TargetsEdit, draft_root, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.key_files import create_key, load_key, load_public_key, write_public_key
from farm.trust.keys.signers import Signers, read_signers
from farm.trust.metadata.builders import builders_document, read_builders
from farm.trust.metadata.delegation import DelegationError, delegated_roles
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.repository_files import RepositoryStateError
from farm.trust.metadata.roles import RoleKeys
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.refusing import refuses
from tests.trust.commands import CommandRunner

if TYPE_CHECKING:
    from pathlib import Path

    from tests.trust.conftest import Published


def now() -> datetime:
    return datetime.now(UTC)


def test_a_new_channel_is_delegated_with_a_key_of_its_own(published: Published, tmp_path: Path) -> None:
    release = published.publish(1)
    assert found_channels(published.repository, published.keys, ["edge", "stable"], now()) == ("stable",)
    assert found_channels(published.repository, published.keys, ["edge", "stable"], now()) == ()
    head = published.repository.head()
    assert delegated_roles(head.targets) == ("advisories", "edge", "stable")
    assert published.client(tmp_path / "client").newest("edge")[0] == release
    with pytest.raises(UntrustedMetadataError, match="channel stable has no release yet"):
        published.client(tmp_path / "client").newest("stable")


def test_without_the_key_of_targets_the_error_says_the_commands_and_they_work(
    published: Published, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    (published.keys / "offline").rename(away)
    with pytest.raises(KeysAwayError) as caught:
        found_channels(published.repository, published.keys, ["edge", "lts", "stable"], now())
    runner = CommandRunner(tmp_path)
    for command in re.findall(r"`farm keys ([^`]*)`", caught.value.remedy):
        runner.run(shlex.join(shlex.split(command.replace("--key KEY", f"--key {away / 'targets'}"))), answer="y\n")
    assert found_channels(published.repository, published.keys, ["edge", "lts", "stable"], now()) == ()


def test_channels_that_are_there_need_no_offline_key(published: Published, tmp_path: Path) -> None:
    (published.keys / "offline").rename(tmp_path / "away")
    assert found_channels(published.repository, published.keys, ["edge"], now()) == ()
    assert allow_more_builders(published.repository, published.keys, [published.builder.public_key], now()) == 0
    with pytest.raises(KeysAwayError, match="has to be signed with the keys of targets") as caught:
        allow_more_builders(published.repository, published.keys, [CryptoSigner.generate_ed25519().public_key], now())
    assert "--allow-builder" in caught.value.remedy


@pytest.mark.parametrize("name", ["edges", "timestamps", "Edge", "ed"])
def test_a_channel_that_may_not_be_is_refused_before_a_key_is_made(published: Published, name: str) -> None:
    with pytest.raises(DelegationError):
        found_channels(published.repository, published.keys, ["edge", name], now())
    assert not (published.keys / "online" / name).exists()


def test_a_repository_of_an_older_farm_gets_a_role_for_advisories(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    offline = {role: RoleKeys((create_key(keys / "offline" / role).public_key,)) for role in ("root", "targets")}
    repository = Repository(tmp_path / "public")
    root, targets = found_drafts(repository.root, keys / "online", ["edge"], [], offline=offline, now=now())
    older = Metadata.from_bytes(targets.metadata.to_bytes())
    assert older.signed.delegations is not None
    del older.signed.delegations.roles["advisories"]
    for draft in (root, Draft(metadata=older, root=root.metadata, builders=targets.builders)):
        signed = draft.signed_by(load_key(keys / "offline" / draft.role))
        publish_draft(repository, signed, read_signers(keys / "online"), now())
    assert delegated_roles(repository.head().targets) == ("edge",)
    with pytest.raises(RepositoryStateError, match="has no role advisories"):
        repository.publish_advisories({}, read_signers(keys / "online"), now())
    assert found_channels(repository, keys, ["edge"], now()) == ()
    assert delegated_roles(repository.head().targets) == ("advisories", "edge")


def test_advisories_reach_clients_and_change_one_by_one(published: Published, tmp_path: Path) -> None:
    published.publish(1)
    client, online = published.client(tmp_path / "client"), read_signers(published.founded.online)
    assert client.advisories() == {}
    documents = {"FARM-2026-1.json": b'{"id": 1}', "FARM-2026-2.json": b'{"id": 2}'}
    assert published.repository.publish_advisories(documents, online, now())
    assert not published.repository.publish_advisories(documents, online, now())
    assert client.advisories() == documents
    assert published.repository.publish_advisories({"FARM-2026-2.json": b"{}"}, online, now())
    assert client.advisories() == documents | {"FARM-2026-2.json": b"{}"}


def test_a_role_that_needs_two_keys_is_signed_by_two(published: Published, tmp_path: Path) -> None:
    second = create_key(published.keys / "online" / "edge-2").public_key
    edit = TargetsEdit(keys=RoleEdit("edge", add=(second,), threshold=2))
    draft = draft_targets(published.repository, edit, now()).signed_by(load_key(published.keys / "offline" / "targets"))
    online = read_signers(published.founded.online)
    one = Signers({keyid: signer for keyid, signer in online.by_keyid.items() if keyid != second.keyid})
    with refuses("missing-signer", match="edge needs 2 of its keys to sign, and 1 are here"):
        publish_draft(published.repository, draft, one, now())
    publish_draft(published.repository, draft, online, now())
    release = published.publish(1)
    assert published.client(tmp_path / "client").newest("edge")[0] == release


def test_copies_of_a_draft_that_were_signed_apart_are_joined(tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    for name in ("ann", "ben", "targets"):
        runner.run(f"new {name}")
    runner.run(
        "init --repository public --keys keys --root-key ann.pub --root-key ben.pub --root-threshold 2 "
        "--targets-key targets.pub"
    )
    for name in ("ann", "ben"):
        (tmp_path / f"{name}.draft").write_bytes((tmp_path / "root.draft").read_bytes())
        runner.run(f"sign {name}.draft --key {name} --yes")
        assert "needs 2 and has 1" in runner.refused(f"publish {name}.draft --repository public --online keys/online")
    said = runner.run("publish ann.draft ben.draft --repository public --online keys/online")
    assert said.startswith("root version 1 is in force\n")
    root = (tmp_path / "public/metadata/1.root.json").read_bytes()
    assert f"fingerprint   {Digest.of(root)}" in said


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("draft root --repository nowhere", "there is no repository in nowhere"),
        ("draft root --repository public --role edge", "root has no role edge"),
        ("draft root --repository public --threshold 0", "cannot need 0 signatures"),
        ("draft root --repository public --threshold 2", "would need 2 signatures and have 1 keys"),
        ("draft root --repository public --remove-key ffff", "ffff matches no key of root"),
        ("draft root --repository public --expires-days 0", "cannot be valid for 0 days"),
        ("draft root --repository public --expires-days 9999", "cannot be valid for 9999 days"),
        ("draft root --repository public --add-key nowhere.pub", "cannot use the key file nowhere.pub"),
        ("draft root --repository public --add-key keys/offline/root.pub", "is of root already"),
        ("draft targets --repository public --remove-channel stable", "there is no channel stable"),
        ("draft targets --repository public --add-channel edge --key other.pub", "the channel edge is there already"),
        ("draft targets --repository public --add-channel stable", "go together"),
        ("draft targets --repository public --add-key other.pub", "it is not said whose keys change"),
        ("draft targets --repository public --remove-builder ffff", "ffff matches no allowed builder"),
        ("draft targets --repository public --rebuilds stable", "takes CHANNEL=N"),
        ("draft targets --repository public --rebuilds edge=²", "takes CHANNEL=N"),
        ("draft targets --repository public --rebuilds nochan=2", "of nochan, and there is no such channel"),
        ("draft targets --repository public --rebuilds nochan=1", "of nochan, and there is no such channel"),
        (
            "draft targets --repository public --rebuilds edge=17",
            "17 builders are to agree on packages of edge; at most",
        ),
        ("draft targets --repository public --rebuilds edge=999999999999", "at most 16 can be asked for"),
        (
            "draft targets --repository public --rebuilds edge=2",
            "of edge, and 1 builder is allowed: clients would take",
        ),
        (
            "draft targets --repository public --allow-builder keys/offline/root.pub",
            "allowed builder and a key of root",
        ),
        (
            "draft targets --repository public --allow-builder keys/offline/targets.pub",
            "allowed builder and a key of targets",
        ),
        ("draft targets --repository public --allow-builder keys/online/edge.pub", "allowed builder and a key of edge"),
        ("draft targets --repository public --add-channel lts --key worker.pub", "allowed builder and a key of lts"),
        ("draft targets --repository public --role edge --add-key worker.pub", "allowed builder and a key of edge"),
        ("draft root --repository public --add-key worker.pub", "allowed builder and a key of root"),
        (
            "draft root --repository public --role timestamp --add-key worker.pub",
            "allowed builder and a key of timestamp",
        ),
        ("init --repository p2 --keys k2 --builder other.pub --root-key other.pub --targets-key worker.pub", "of root"),
        ("sign nowhere.draft --key other", "cannot read nowhere.draft"),
        ("sign other.pub --key other", "this is not a draft: it has no 'farm-draft'"),
        ("sign good.draft --key other.pub", "it is a public key"),
        ("sign good.draft --key other --yes", "is none of those that sign for root version 1 and root version 2"),
        ("publish good.draft --repository public --online keys/online", "lacks signatures"),
        ("publish good.draft --repository public --online nowhere", "it is not a directory"),
        ("show nowhere", "cannot read nowhere"),
        ("export keys/offline/root", "it is not a public key"),
        ("export good.draft", "it is not a public key (it has no 'keyid')"),
        ("new other", "it exists already"),
        ("new another --uri nothing:1", "there is no kind of key 'nothing'"),
        ("new another --uri awskms:1", "is not known"),
        ("init --repository public --keys keys", "holds a published repository already"),
        ("init --repository p2 --keys k2 --root-key other.pub", "Give both"),
        ("init --repository p2 --keys k2 --root-threshold 2", "A threshold needs"),
        ("init --repository p2 --keys k2 --root-key other.pub --targets-key other.pub", "is of root and targets"),
    ],
)
def test_what_cannot_be_done_is_told_with_a_remedy_and_changes_nothing(
    published: Published, tmp_path: Path, line: str, says: str
) -> None:
    runner = CommandRunner(tmp_path)
    runner.run("new other")
    write_public_key(tmp_path / "worker.pub", published.builder.public_key)
    runner.run("draft root --repository public --out good.draft")
    before = {path: path.read_bytes() for path in published.root.rglob("*") if path.is_file()}
    draft = (tmp_path / "good.draft").read_bytes()
    assert says in runner.refused(line)
    assert {path: path.read_bytes() for path in published.root.rglob("*") if path.is_file()} == before
    assert (tmp_path / "good.draft").read_bytes() == draft
    assert not list(tmp_path.glob("root.draft"))


def test_a_draft_of_yesterday_is_refused_once_another_is_published(published: Published, tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    for name in ("one", "two"):
        runner.run(f"draft root --repository public --out {name}.draft --expires-days {len(name) + ord(name[0])}")
        runner.run(f"sign {name}.draft --key keys/offline/root --yes")
    runner.run("publish one.draft --repository public --online keys/online")
    assert "published already" in runner.run("publish one.draft --repository public --online keys/online")
    said = runner.refused("publish two.draft --repository public --online keys/online")
    assert "the draft is version 2 of root, and version 2 is published" in said
    assert "two different drafts" in runner.refused(
        "publish one.draft two.draft --repository public --online keys/online"
    )


def test_a_draft_says_what_it_changes_for_machines_too(published: Published, tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    runner.run("new keys/online/stable")
    runner.run("new worker-2")
    runner.run(
        "draft targets --repository public --add-channel stable --key keys/online/stable.pub --rebuilds stable=2"
        " --allow-builder worker-2.pub"
    )
    sheet = runner.json("show targets.draft")
    assert (sheet["kind"], sheet["role"], sheet["version"]) == ("draft", "targets", 2)
    assert "channel stable is new" in sheet["changes"]
    assert "2 builders must agree on a package of stable (before: 1)" in sheet["changes"]
    assert [signature["missing"] for signature in sheet["signatures"]] == [1]
    assert runner.json("show keys/online/stable.pub")["keyid"] == runner.key_id("keys/online/stable")
    metadata = runner.json("show public/metadata/1.root.json")
    assert metadata["fingerprint"] == published.founded.fingerprint


def test_a_forged_predecessor_in_a_draft_is_noticed_by_its_signer(published: Published, tmp_path: Path) -> None:
    """The author of a draft could show a signer harmless changes against a version that never existed."""
    draft = draft_root(published.repository, RoleEdit(), now())
    assert draft.previous is not None
    forged = Metadata.from_bytes(draft.previous.to_bytes())
    forged.signed.roles["timestamp"].keyids = [load_public_key(published.keys / "online" / "edge.pub").keyid]
    lying = Draft(metadata=draft.metadata, previous=forged)
    (tmp_path / "root.draft").write_bytes(lying.to_json())
    said = CommandRunner(tmp_path).refused("sign root.draft --key keys/offline/root --yes")
    assert "was never signed" in said
    assert "Do not sign" in said


def test_a_builders_list_that_the_metadata_does_not_name_is_noticed(published: Published, tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    runner.run("draft targets --repository public")
    text = (tmp_path / "targets.draft").read_text()
    (tmp_path / "targets.draft").write_text(text.replace('"builders": "{', '"builders": " {'))
    assert "not the one that its metadata names" in runner.refused(
        "sign targets.draft --key keys/offline/targets --yes"
    )


def test_a_new_builder_cannot_be_hidden_by_a_list_before_that_never_was(published: Published, tmp_path: Path) -> None:
    """The signer sees the difference of two lists, so the older one must be the one that was signed."""
    runner = CommandRunner(tmp_path)
    runner.run("new thief")
    runner.run("draft targets --repository public --allow-builder thief.pub")
    draft = Draft.from_json((tmp_path / "targets.draft").read_bytes())
    assert any("is allowed" in line for line in changes_of(draft))
    for lying in (
        replace(draft, builders_before=draft.builders),
        replace(draft, builders_before=""),
    ):
        (tmp_path / "targets.draft").write_bytes(lying.to_json())
        said = runner.refused("sign targets.draft --key keys/offline/targets --yes")
        assert "the list of builders before" in said
        assert "Do not sign" in said


def test_a_first_list_of_builders_follows_on_none(tmp_path: Path) -> None:
    offline = {role: RoleKeys((create_key(tmp_path / role).public_key,)) for role in ("root", "targets")}
    builders = [create_key(tmp_path / "thief").public_key]
    _, targets = found_drafts(tmp_path / "p", tmp_path / "online", ["edge"], builders, offline=offline, now=now())
    targets.check()
    with pytest.raises(DraftError, match="the previous list of builders"):
        replace(targets, builders_before=targets.builders).check()


@pytest.mark.parametrize("role", ["root", "targets"])
def test_a_draft_says_the_fingerprint_of_the_root_that_it_rests_on(
    published: Published, tmp_path: Path, role: str
) -> None:
    """A root that a thief has made for the draft confirms any content; only people can tell it from theirs."""
    runner = CommandRunner(tmp_path)
    says = f"rests on root version 1 with the fingerprint {published.founded.fingerprint}"
    assert says in runner.run(f"draft {role} --repository public")
    assert says in runner.run(f"sign {role}.draft --key keys/offline/{role} --yes")
    assert any(says in line for line in runner.json(f"show {role}.draft")["changes"])

    draft = Draft.from_json((tmp_path / f"{role}.draft").read_bytes())
    thief = create_key(tmp_path / "thief")
    fake = Metadata(Metadata.from_file(str(published.root / "metadata" / "1.root.json")).signed)
    fake.signed.add_key(thief.public_key, role)
    for signer in (thief, load_key(published.keys / "offline" / "root")):
        fake.sign(signer, append=True)
    lying = replace(draft, previous=fake) if role == "root" else replace(draft, root=fake)
    assert not any(says in line for line in changes_of(lying))
    assert any("rests on root version 1 with the fingerprint sha256:" in line for line in changes_of(lying))


@pytest.mark.parametrize("role", ["root", "targets"])
def test_another_key_under_a_known_id_is_noticed_by_the_signer(published: Published, tmp_path: Path, role: str) -> None:
    """Nobody would notice that change: people compare ids."""
    runner = CommandRunner(tmp_path)
    runner.run(f"draft {role} --repository public")
    draft = Draft.from_json((tmp_path / f"{role}.draft").read_bytes())
    keys = draft.metadata.signed.keys if role == "root" else draft.metadata.signed.delegations.keys
    keyid = load_public_key(published.keys / "online" / ("timestamp.pub" if role == "root" else "edge.pub")).keyid
    keys[keyid].keyval["public"] = CryptoSigner.generate_ed25519().public_key.keyval["public"]
    (tmp_path / f"{role}.draft").write_bytes(draft.to_json())
    said = runner.refused(f"sign {role}.draft --key keys/offline/{role} --yes")
    assert f"another key under the id {keyid}" in said


def test_another_builder_under_a_known_id_is_noticed_by_the_signer(published: Published, tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    runner.run("new worker")
    runner.run("draft targets --repository public --allow-builder worker.pub")
    draft = Draft.from_json((tmp_path / "targets.draft").read_bytes())
    keyval = published.builder.public_key.keyval["public"]
    builders = draft.builders.replace(keyval, CryptoSigner.generate_ed25519().public_key.keyval["public"])
    draft.metadata.signed.targets["builders.json"] = TargetFile.from_data(
        "builders.json", builders.encode(), ["sha256"]
    )
    (tmp_path / "targets.draft").write_bytes(replace(draft, builders=builders).to_json())
    assert "another key under the id" in runner.refused("sign targets.draft --key keys/offline/targets --yes")


@pytest.mark.parametrize(
    ("rebuilds", "says"),
    [({"lts": 2}, "no such channel"), ({"edge": 17}, "at most 16"), ({"edge": 2}, "1 builder is allowed")],
)
def test_a_count_that_cannot_be_is_refused_by_who_signs_and_who_publishes(
    published: Published, tmp_path: Path, rebuilds: dict[str, int], says: str
) -> None:
    """The draft need not have been made with this program."""
    made = draft_targets(published.repository, TargetsEdit(), now())
    _smuggle(made, tmp_path, builders_document([published.builder.public_key], rebuilds))
    _refused_by_all(CommandRunner(tmp_path), says)


def test_a_builder_with_the_key_of_a_role_is_refused_by_who_signs_and_who_publishes(
    published: Published, tmp_path: Path
) -> None:
    made = draft_targets(published.repository, TargetsEdit(), now())
    edge = load_public_key(published.keys / "online" / "edge.pub")
    alias = SSlibKey("f" * 64, edge.keytype, edge.scheme, edge.keyval)
    for key in (edge, alias):
        _smuggle(made, tmp_path, builders_document([key]))
        _refused_by_all(CommandRunner(tmp_path), f"the key {key.keyid} is an allowed builder and a key of edge")


def test_a_root_with_the_key_of_a_builder_is_not_put_in_force(published: Published, tmp_path: Path) -> None:
    """A draft of root has no list of builders in it; the repository that publishes it has one."""
    made = draft_root(published.repository, RoleEdit(), now())
    made.metadata.signed.add_key(published.builder.public_key, "timestamp")
    signed = made.signed_by(load_key(published.keys / "offline" / "root"))
    with pytest.raises(DelegationError, match="allowed builder and a key of timestamp"):
        publish_draft(published.repository, signed, read_signers(published.founded.online), now())
    assert published.repository.head().root.version == 1


def test_what_a_channel_asked_for_goes_with_it(published: Published) -> None:
    second = CryptoSigner.generate_ed25519().public_key
    online, targets = read_signers(published.founded.online), load_key(published.keys / "offline" / "targets")
    edit = TargetsEdit(allow_builders=(second,), rebuilds=(("edge", 2),))
    publish_draft(
        published.repository, draft_targets(published.repository, edit, now()).signed_by(targets), online, now()
    )
    assert published.repository.builders().rebuilds == {"edge": 2}
    with pytest.raises(DelegationError, match="1 builder is allowed"):
        draft_targets(published.repository, TargetsEdit(remove_builders=(second.keyid,)), now())
    gone = draft_targets(published.repository, TargetsEdit(remove_channels=("edge",)), now())
    assert read_builders(gone.builders.encode()).rebuilds == {}


def test_a_draft_lists_testers_and_says_so_to_who_signs(published: Published, tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    runner.run("new tester")
    said = runner.run(
        "draft targets --repository public --allow-tester tester.pub --allow-tester keys/online/../../tester.pub"
    )
    keyid = load_public_key(tmp_path / "tester.pub").keyid
    assert "testers are listed from now on: the test results of no other worker count any more" in said
    assert f"the tester {keyid[:16]}… (ed25519) is listed" in said
    _put_in_force(runner)
    listed = published.repository.builders().testers
    assert listed is not None
    assert list(listed) == [keyid]
    assert f"  tester {keyid} (ed25519)\n" in runner.run("show public")


def test_the_last_tester_goes_and_then_nobodys_results_count(published: Published, tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    runner.run("new tester")
    runner.run("draft targets --repository public --allow-tester tester.pub")
    _put_in_force(runner)
    said = runner.run("draft targets --repository public --remove-tester tester.pub")
    assert "is no longer listed: its test results count no more" in said
    _put_in_force(runner)
    assert published.repository.builders().testers == {}
    assert "no tester: no test result counts" in runner.run("show public")


def test_two_testers_can_be_asked_to_agree_and_the_count_goes_with_its_channel(
    published: Published, tmp_path: Path
) -> None:
    runner = CommandRunner(tmp_path)
    for name in ("one", "two"):
        runner.run(f"new {name}")
    said = runner.run("draft targets --repository public --allow-tester one.pub --allow-tester two.pub --tests edge=2")
    assert "2 testers must agree on a test of edge (before: 1)" in said
    _put_in_force(runner)
    assert published.repository.builders().testers_needed("edge") == 2
    assert "  2 testers must agree on a test of edge\n" in runner.run("show public")
    refused = runner.refused("draft targets --repository public --remove-tester one.pub")
    assert "2 testers are to agree on tests of edge, and 1 tester is listed" in refused
    gone = draft_targets(published.repository, TargetsEdit(remove_channels=("edge",)), now())
    assert read_builders(gone.builders.encode()).tests == {}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--tests edge", "--tests takes CHANNEL=N"),
        ("--tests nochan=1", "tests of nochan, and there is no such channel"),
        ("--tests edge=2", "and 0 testers are listed: nothing could be released"),
        ("--remove-tester 00", "00 matches no listed tester"),
        ("--allow-tester keys/online/edge.pub", "is an allowed tester and a key of edge"),
    ],
)
def test_testers_that_cannot_be_are_refused(published: Published, tmp_path: Path, arguments: str, says: str) -> None:
    assert says in CommandRunner(tmp_path).refused(f"draft targets --repository public {arguments}")


def test_another_tester_under_a_known_id_is_noticed_by_the_signer(published: Published, tmp_path: Path) -> None:
    tester = CryptoSigner.generate_ed25519().public_key
    allow_more_builders(published.repository, published.keys, [], now(), testers=[tester])
    made = draft_targets(published.repository, TargetsEdit(), now())
    other = CryptoSigner.generate_ed25519().public_key
    swapped = SSlibKey(tester.keyid, other.keytype, other.scheme, other.keyval)
    builder = published.builder.public_key
    _smuggle(made, tmp_path, builders_document([builder], testers=[builder, swapped]))
    assert "another key under the id" in CommandRunner(tmp_path).refused(
        "sign targets.draft --key keys/offline/targets --yes"
    )


def test_a_list_of_testers_that_is_begun_beside_the_keys_begins_with_the_builders(
    published: Published, tmp_path: Path
) -> None:
    """Those test today: an upgrade must not invalidate their results."""
    builder, tester = published.builder.public_key, CryptoSigner.generate_ed25519().public_key
    assert allow_more_builders(published.repository, published.keys, [builder], now(), testers=[builder, tester]) == 2
    listed = published.repository.builders().testers
    assert listed is not None
    assert listed.keys() == {builder.keyid, tester.keyid}
    (published.keys / "offline").rename(tmp_path / "away")
    assert allow_more_builders(published.repository, published.keys, [builder], now(), testers=[builder, tester]) == 0


def test_without_the_keys_of_targets_a_repository_of_before_goes_on_without_testers(
    published: Published, tmp_path: Path
) -> None:
    (published.keys / "offline").rename(tmp_path / "away")
    builder = published.builder.public_key
    assert allow_more_builders(published.repository, published.keys, [builder], now(), testers=[builder]) == 0
    assert published.repository.builders().testers is None


def test_a_repository_is_founded_with_its_workers_as_testers(tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path)
    for name in ("both", "only"):
        runner.run(f"new {name}")
    runner.run("init --repository public --keys keys --builder both.pub --tester only.pub --tester both.pub")
    builders = Repository(tmp_path / "public").builders()
    assert builders.testers is not None
    both, only = (load_public_key(tmp_path / f"{name}.pub").keyid for name in ("both", "only"))
    assert (set(builders), set(builders.testers)) == ({both}, {both, only})


def _put_in_force(runner: CommandRunner) -> None:
    runner.run("sign targets.draft --key keys/offline/targets --yes")
    runner.run("publish targets.draft --repository public --online keys/online")
    (runner.folder / "targets.draft").unlink()


def _smuggle(draft: Draft, folder: Path, builders: bytes) -> None:
    """Write a draft with another list of builders, as its metadata names it."""
    draft.metadata.signed.targets["builders.json"] = TargetFile.from_data("builders.json", builders, ["sha256"])
    (folder / "targets.draft").write_bytes(replace(draft, builders=builders.decode()).to_json())


def _refused_by_all(runner: CommandRunner, says: str) -> None:
    assert says in runner.refused("sign targets.draft --key keys/offline/targets --yes")
    draft = Draft.from_json((runner.folder / "targets.draft").read_bytes())
    signed = draft.signed_by(load_key(runner.folder / "keys" / "offline" / "targets"))
    (runner.folder / "targets.draft").write_bytes(signed.to_json())
    assert says in runner.refused("publish targets.draft --repository public --online keys/online")


def test_a_draft_that_lay_about_for_too_long_is_refused(published: Published) -> None:
    draft = draft_root(published.repository, RoleEdit(), now(), days=1).signed_by(
        load_key(published.keys / "offline" / "root")
    )
    with pytest.raises(DraftError, match="it came too late"):
        publish_draft(published.repository, draft, read_signers(published.founded.online), now() + timedelta(days=2))


def test_founding_needs_a_channel(tmp_path: Path) -> None:
    with pytest.raises(CeremonyError, match="at least one channel"):
        found_drafts(tmp_path / "public", tmp_path / "online", [], [], offline={}, now=now())
