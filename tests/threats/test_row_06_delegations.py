"""Row 6: two delegators for one role, names of others, look-alike and overlapping names: refused by every signer, and
by the client if somebody has signed them all the same, even the owner."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, TargetFile, Targets

from farm.client.repository.host import Host
from farm.client.repository.subscriptions import SubscriptionError
from farm.core.names.digest import Digest
from farm.trust.ceremony.ceremony import found_repository
from farm.trust.ceremony.draft import Draft
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.signers import Signers, read_signers
from farm.trust.layout import release_target
from farm.trust.metadata.delegation import DelegationError, check_channel_names, check_root, check_targets
from farm.trust.metadata.repository import Repository
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.checker.checked_signing import sign_checked
from tests.threats.simulator import Simulator, successor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = CryptoSigner.generate_ed25519().public_key
OTHER = CryptoSigner.generate_ed25519().public_key


def delegate(name: str, *, paths: list[str] | None = None, key: Any = KEY, terminating: bool = True) -> Any:
    """Return a change that adds a delegation to targets."""

    def change(targets: Targets) -> None:
        assert targets.delegations is not None
        assert targets.delegations.roles is not None
        targets.delegations.keys[key.keyid] = key
        role = DelegatedRole(name, [key.keyid], 1, terminating=terminating, paths=paths or [release_target(name)])
        targets.delegations.roles[name] = role

    return change


def key_of_edge_for_stable(targets: Targets) -> None:
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    (keyid,) = targets.delegations.roles["edge"].keyids
    delegate("stable", key=targets.delegations.keys[keyid])(targets)


def key_twice(targets: Targets) -> None:
    """One key under two ids would count as two signatures."""
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    twin = type(KEY)("0" * 64, KEY.keytype, KEY.scheme, KEY.keyval)
    targets.delegations.keys |= {KEY.keyid: KEY, twin.keyid: twin}
    role = DelegatedRole("stable", [KEY.keyid, twin.keyid], 2, terminating=True, paths=[release_target("stable")])
    targets.delegations.roles["stable"] = role


def key_twice_spelt_otherwise(targets: Targets) -> None:
    """A key's digits in capitals are the same key, under another id."""
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    twin = type(KEY)("0" * 64, KEY.keytype, KEY.scheme, {"public": KEY.keyval["public"].upper()})
    targets.delegations.keys |= {KEY.keyid: KEY, twin.keyid: twin}
    role = DelegatedRole("stable", [KEY.keyid, twin.keyid], 2, terminating=True, paths=[release_target("stable")])
    targets.delegations.roles["stable"] = role


def sign_release_itself(targets: Targets) -> None:
    path = release_target("edge")
    targets.targets[path] = TargetFile.from_data(path, b"x", ["sha256"])


BAD: dict[str, tuple[Callable[[Targets], None], str]] = {
    "everything": (delegate("stable", paths=["*"]), "may sign"),
    "the path of edge": (delegate("stable", paths=[release_target("edge")]), "may sign channels/edge/release.json"),
    "its own and that of edge": (delegate("stable", paths=[release_target("stable"), release_target("edge")]), "may"),
    "a pattern over all": (delegate("stable", paths=["channels/*/release.json"]), "may sign"),
    "a search that goes on": (delegate("stable", terminating=False), "does not end the search"),
    "a name with another in it": (delegate("edge2"), "can be taken for each other"),
    "a name within another": (delegate("ed"), "can be taken for each other"),
    "a look-alike": (delegate("e-dge"), "can be taken for each other"),
    "almost a role of TUF": (delegate("snapshots"), "looks like the role snapshot"),
    "almost another role of TUF": (delegate("r00t"), "looks like the role root"),
    "advisories by another name": (delegate("news", paths=["advisories/*"]), "may sign advisories/*"),
    "a name in capitals": (delegate("Stable"), "cannot be the name of a channel"),
    "a name that leads elsewhere": (delegate("../root"), "cannot be the name of a channel"),
    "the key of another channel": (key_of_edge_for_stable, "is of edge and stable"),
    "one key as two": (key_twice, "is of stable twice"),
    "one key as two, in other letters": (key_twice_spelt_otherwise, "is of stable twice"),
    "a release of its own": (sign_release_itself, "signs channels/edge/release.json itself"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_delegations_are_refused_by_the_client_whoever_signed_them(simulator: Simulator, case: str) -> None:
    change, says = BAD[case]
    subscriber = simulator.subscriber()
    subscriber.install()
    mirror = simulator.mirror("mirror")
    mirror.forge_targets(change, simulator.offline, simulator.online)
    simulator.lead_to(mirror)
    error = subscriber.refuses("alone")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "delegation"
    assert says in error.message


@pytest.mark.parametrize("case", BAD)
def test_bad_delegations_are_not_published(simulator: Simulator, case: str) -> None:
    change, says = BAD[case]
    simulator.keys("draft targets --repository public")
    draft = Draft.from_json((simulator.folder / "targets.draft").read_bytes())
    change(draft.metadata.signed)
    (simulator.folder / "targets.draft").write_bytes(draft.to_json())
    assert says in simulator.refused_keys("sign targets.draft --key keys/offline/targets --yes")
    for signer in simulator.offline:
        if any(key.keyid == signer.public_key.keyid for quorum in draft.quorums() for key in quorum.unsigned):
            draft = draft.signed_by(signer)
    before = simulator.repository.head().targets.version
    with pytest.raises(DelegationError, match=says):
        publish_draft(simulator.repository, draft, simulator.online, datetime.now(UTC))
    assert simulator.repository.head().targets.version == before


@pytest.mark.parametrize(
    "name", ["edge2", "ed", "e-dge", "snapshots", "timestamp", "r00t", "advisories2", "Stable", "a/b"]
)
def test_a_channel_with_such_a_name_is_not_drafted(simulator: Simulator, name: str) -> None:
    simulator.keys("new keys/online/another")
    line = f"draft targets --repository public --add-channel {name} --key keys/online/another.pub"
    said = simulator.refused_keys(line)
    assert name in said
    assert not (simulator.folder / "targets.draft").exists()


def test_the_same_key_is_not_drafted_for_two_roles(simulator: Simulator) -> None:
    for line in (
        "draft targets --repository public --add-channel stable --key keys/online/edge.pub",
        "draft targets --repository public --add-channel stable --key keys/offline/root.pub",
        "draft root --repository public --role timestamp --add-key keys/online/snapshot.pub",
        "draft root --repository public --add-key keys/online/edge.pub",
    ):
        assert "Every role needs keys of its own" in simulator.refused_keys(line)


def test_a_channel_signs_neither_for_another_nor_through_others(simulator: Simulator) -> None:
    simulator.keys(
        "new keys/online/stable",
        "draft targets --repository public --add-channel stable --key keys/online/stable.pub",
    )
    simulator.sign_and_publish("targets")

    def sign_for_stable(document: Targets) -> None:
        path = release_target("stable")
        document.targets[path] = TargetFile.from_data(path, b"x", ["sha256"])

    def delegate_on(document: Targets) -> None:
        role = DelegatedRole("stable", [OTHER.keyid], 1, terminating=True, paths=[release_target("edge")])
        document.delegations = Delegations({OTHER.keyid: OTHER}, {"stable": role})

    for number, (change, says) in enumerate(
        ((sign_for_stable, "edge signs channels/stable/release.json"), (delegate_on, "edge delegates to others"))
    ):
        subscriber = simulator.subscriber(f"subscriber-{number}")
        mirror = simulator.mirror(f"mirror-{number}")
        mirror.forge_release(successor(simulator.releases[-1]), simulator.online, change=change)
        simulator.lead_to(mirror)
        error = subscriber.refuses("alone")
        assert isinstance(error, UntrustedMetadataError)
        assert error.reason == "delegation"
        assert says in error.message
        simulator.lead_back()


def test_a_release_of_another_channel_or_distribution_is_refused(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    subscriber.install()
    other_channel = simulator.mirror("channel")
    other_channel.forge_release(successor(simulator.releases[-1], channel="stable"), simulator.online)
    simulator.lead_to(other_channel)
    assert "is one of stable" in subscriber.refuses("alone").message
    simulator.lead_back()

    foreign = successor(simulator.releases[-1], distribution="elsewhere.example.org")
    subscriber = simulator.subscriber("another")
    subscriber.install()
    other_owner = simulator.mirror("owner")
    other_owner.forge_release(foreign, simulator.online)
    simulator.lead_to(other_owner)
    assert "is of elsewhere.example.org" in subscriber.refuses("alone").message
    simulator.lead_back()
    with pytest.raises(DelegationError, match=r"is of elsewhere.example.org, and this repository is that of dist"):
        sign_checked(simulator.repository, simulator.online, simulator.folder / "record", foreign)


def test_advisories_are_no_channel_and_a_release_needs_a_digest(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    subscriber.install()
    with pytest.raises(UntrustedMetadataError, match="channel advisories has no release yet, or does not exist"):
        subscriber.host.subscriptions.subscribe(str(simulator.public), "advisories", Digest(simulator.fingerprint))

    def without_sha256(document: Targets) -> None:
        document.targets[release_target("edge")].hashes = {"sha512": "0" * 128}

    mirror = simulator.mirror("mirror")
    mirror.forge_release(successor(simulator.releases[-1]), simulator.online, change=without_sha256)
    simulator.lead_to(mirror)
    error = subscriber.refuses("alone")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "mismatch"
    simulator.lead_back()


def test_a_repository_of_somebody_else_cannot_be_another_channel_of_a_distribution(
    simulator: Simulator, tmp_path: Path
) -> None:
    """A distribution has one root: a host that knows it does not accept another one for `stable`."""
    subscriber = simulator.subscriber()
    thief = found_repository(tmp_path / "thief", tmp_path / "keys", ["stable"], [], datetime.now(UTC))
    forged = replace(simulator.releases[0], channel="stable")
    Repository(tmp_path / "thief").publish(forged, read_signers(thief.online), datetime.now(UTC))
    subscriptions = subscriber.host.subscriptions
    with pytest.raises(SubscriptionError, match=r"follows dist.example.org/edge with another root") as caught:
        subscriptions.subscribe(str(tmp_path / "thief"), "stable", thief.fingerprint)
    assert "Nothing was changed" in caught.value.remedy
    assert [str(subscription) for subscription in subscriptions.all()] == ["dist.example.org/edge"]


@pytest.mark.parametrize("first", [1, 2])
def test_channels_of_one_distribution_may_be_pinned_with_different_versions_of_its_root(
    simulator: Simulator, tmp_path: Path, first: int
) -> None:
    simulator.keys("new keys/online/stable")
    simulator.keys("draft targets --repository public --add-channel stable --key keys/online/stable.pub")
    simulator.sign_and_publish("targets")
    release = replace(simulator.releases[0], channel="stable")
    simulator.repository.publish(release, simulator.online, datetime.now(UTC))
    simulator.keys("draft root --repository public --expires-days 300")
    simulator.sign_and_publish("root")
    host = Host(tmp_path / "state", tmp_path / "shared")
    for channel, version in (("edge", first), ("stable", 3 - first)):
        root = (simulator.public / "metadata" / f"{version}.root.json").read_bytes()
        host.subscriptions.subscribe(str(simulator.public), channel, Digest.of(root))
        host.catalogue(f"dist.example.org/{channel}")
    assert len(host.subscriptions.all()) == 2


def test_names_that_are_apart_are_fine() -> None:
    check_channel_names(["edge", "stable", "lts-2027", "nightly"])


def test_root_with_one_key_for_two_roles_is_refused_by_the_client(simulator: Simulator) -> None:
    subscriber = simulator.subscriber()
    subscriber.install()
    mirror = simulator.mirror("mirror")
    root = mirror.document("root")
    root.version = 2
    (keyid,) = root.roles["snapshot"].keyids
    root.roles["timestamp"].keyids = [keyid]
    with pytest.raises(DelegationError, match="is of snapshot and timestamp"):
        check_root(root)
    mirror.write("root", root, simulator.offline)
    head = mirror.repository
    timestamp = Metadata.from_file(str(head.root / "metadata" / "timestamp.json")).signed
    timestamp.version += 1
    mirror.write("timestamp", timestamp, Signers({keyid: simulator.online.by_keyid[keyid]}))
    simulator.lead_to(mirror)
    error = subscriber.refuses("alone")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "delegation"


def test_root_that_asks_for_no_consistent_snapshots_is_refused_by_the_client(simulator: Simulator) -> None:
    """Python-tuf follows it: files could then change unnoticed by a client."""
    subscriber = simulator.subscriber()
    subscriber.install()
    mirror = simulator.mirror("mirror")
    root = mirror.document("root")
    root.version, root.consistent_snapshot = 2, False
    mirror.write("root", root, simulator.offline)
    simulator.lead_to(mirror)
    error = subscriber.refuses("alone")
    assert isinstance(error, UntrustedMetadataError)
    assert error.reason == "delegation"
    assert "consistent snapshots" in error.message


def test_the_rules_are_those_of_both(simulator: Simulator) -> None:
    head = simulator.repository.head()
    check_root(head.root)
    check_targets(head.targets, head.root)
