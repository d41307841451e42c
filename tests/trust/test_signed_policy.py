"""The policy in the signed list of builders: its content, what a draft shows of it, and what clients notice."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest
from farm.store.blobs import BlobStore
from farm.trust.ceremony.ceremony import sign_policy
from farm.trust.ceremony.changes import changes_of
from farm.trust.ceremony.draft import Draft, DraftError
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.policy_changes import policy_changes
from farm.trust.layout import BLOBS
from farm.trust.metadata.builder_rules import SignedPolicyError
from farm.trust.metadata.builders import builders_document, read_builders
from farm.trust.metadata.delegation import DelegationError
from farm.trust.metadata.signed_policy import (
    MOST_EARLIER,
    InvalidSignedPolicyError,
    SignedPolicy,
    SignedToolchain,
    policy_in_force,
    policy_of_files,
    read_policy,
    steps_digest,
    steps_texts,
)
from tests.refusing import refuses
from tests.trust.conftest import Published, found

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.now(UTC)
KEY = CryptoSigner.generate_ed25519().public_key
EDGE = b"gates: [proof, tests: {of: changed-and-dependents}]\n"
ALICE = b"curators:\n  alice: " + b"0a" * 32 + b"\n"


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return found(tmp_path, datetime.now(UTC), builder_tests=True)


def _toolchain(name: str, number: int = 0) -> SignedToolchain:
    return SignedToolchain(name, Digest.of(f"{name} {number}".encode()), Digest.of(b"lock"))


def _files(**more: bytes) -> dict[str, bytes]:
    named = {path.replace("__", "/").replace("_yaml", ".yaml"): text for path, text in more.items()}
    return {"channels/edge.yaml": EDGE, "steps/make.yaml": b"run: make\n", "packages/jq/recipe.yaml": b"x"} | named


def _policy(earlier: SignedPolicy | None = None, **more: bytes) -> SignedPolicy:
    return policy_of_files(_files(**more), [_toolchain("full")], earlier)


def test_it_stands_beside_the_builders_which_read_as_they_always_did() -> None:
    policy = _policy(curators_yaml=ALICE)
    document = builders_document([KEY], {"edge": 2}, policy=policy)
    assert read_policy(document) == policy
    assert read_builders(document) == read_builders(builders_document([KEY], {"edge": 2}))
    assert read_policy(builders_document([KEY])) is None
    assert sorted(policy.files) == ["channels/edge.yaml", "curators.yaml"]
    assert policy.policies.curators == {"curators": {"alice": "0a" * 32}}
    assert policy.policies.policies["edge"].name == "edge"


def test_the_steps_are_named_by_the_digest_of_all_their_files() -> None:
    assert _policy().steps == (steps_digest(_files()),)
    assert steps_digest(_files()) != steps_digest(_files(steps__meson_yaml=b"run: meson\n"))


def test_what_was_built_with_earlier_toolchains_and_steps_can_still_be_released() -> None:
    first = _policy()
    second = policy_of_files(_files(steps__x_yaml=b"x"), [_toolchain("full", 1), _toolchain("c")], first)
    assert second.toolchains == (_toolchain("c"), _toolchain("full", 1), _toolchain("full"))
    assert second.steps == (steps_digest(_files(steps__x_yaml=b"x")), steps_digest(_files()))
    assert second.toolchain(_toolchain("full").tree) == _toolchain("full")
    assert second.toolchain(Digest.of(b"another")) is None
    assert policy_of_files(_files(), [_toolchain("full")], first) == first


def test_of_many_earlier_toolchains_the_oldest_go() -> None:
    policy: SignedPolicy | None = None
    for number in range(MOST_EARLIER + 3):
        policy = policy_of_files(_files(), [_toolchain("full", number)], policy)
    assert policy is not None
    assert len(policy.toolchains) == MOST_EARLIER
    assert policy.toolchains[0] == _toolchain("full", MOST_EARLIER + 2)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"channels__edge_yaml": b"gates: [nothing]\n"}, "edge cannot be followed: .*there is no gate"),
        ({"channels__stable_yaml": b"from: edg\ngates: [proof]\n"}, "stable cannot be followed"),
        ({"channels__edge_yaml": b"\xff"}, "not UTF-8"),
        ({"curators_yaml": b"curators: {alice: 1}\n"}, "curators cannot be read"),
    ],
)
def test_what_cannot_be_followed_is_not_signed(more: dict[str, bytes], message: str) -> None:
    with pytest.raises(InvalidSignedPolicyError, match=message):
        _policy(**more)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"files": ["channels/edge.yaml"]},
        {"files": {"channels/edge.yaml": 1}},
        {"toolchains": [{"name": "full"}]},
        {"steps": ["sha256:0"]},
        {"more": 1},
    ],
)
def test_what_is_no_policy_is_refused_and_keeps_nobody_from_reading_the_builders(change: dict[str, object]) -> None:
    document = json.dumps({**json.loads(builders_document([KEY])), "policy": _policy().to_dict() | change}).encode()
    assert list(read_builders(document)) == [KEY.keyid]
    with pytest.raises(InvalidSignedPolicyError):
        read_policy(document)


def test_a_file_that_is_none_of_policies_is_refused() -> None:
    policy = SignedPolicy({"packages/jq/recipe.yaml": "x"}, (), ())
    with pytest.raises(InvalidSignedPolicyError, match=r"packages/jq/recipe\.yaml"):
        _ = policy.policies


def test_it_is_signed_where_the_keys_are_and_waits_where_they_are_not(published: Published) -> None:
    repository, policy = published.repository, _policy()
    assert policy_in_force(repository) is None
    said = sign_policy(repository, published.keys, policy, NOW)
    assert said[:2] == ["the policy of the recipes is signed:", "a policy is signed for the first time"]
    assert policy_in_force(repository) == policy
    assert sign_policy(repository, published.keys, policy, NOW) == []
    (published.keys / "offline" / "targets").rename(published.root / "carried away")
    laxer = _policy(channels__edge_yaml=b"gates: [proof]\n")
    waits = sign_policy(repository, published.keys, laxer, NOW)
    assert waits[0] == "the recipes ask for another policy than the one that is signed, which stays in force"
    assert "farm keys draft targets" in waits[1]
    assert "--policy" in waits[1]
    assert policy_in_force(repository) == policy


def test_a_draft_says_what_becomes_laxer_before_anything_else(published: Published) -> None:
    repository = published.repository
    sign_policy(repository, published.keys, _policy(curators_yaml=ALICE), NOW)
    mallory = ALICE + b"  mallory: " + b"0b" * 32 + b"\n"
    changed = policy_of_files(
        _files(channels__edge_yaml=b"gates: [proof]\n", curators_yaml=mallory), [_toolchain("full", 1)]
    )
    draft = draft_targets(repository, TargetsEdit(policy=changed), NOW)
    lines = policy_changes(read_policy(draft.builders.encode()), read_policy(draft.builders_before.encode()))
    assert lines[:2] == [
        "LAXER: edge: the gate tests is missing",
        f"LAXER: mallory is in the group curators with the key {'0b' * 8}…",
    ]
    assert "  -gates: [proof, tests: {of: changed-and-dependents}]" in lines
    assert "  +gates: [proof]" in lines
    assert any("full" in line and "no longer accepted" in line for line in lines)
    assert Draft.from_json(draft.to_json()) is not None


@pytest.mark.parametrize("carried", [True, False], ids=["drafted", "carried to another host"])
def test_a_draft_says_first_that_other_steps_run_and_shows_them_line_by_line(
    published: Published, *, carried: bool
) -> None:
    """Also where only the draft exists."""
    repository = published.repository
    sign_policy(repository, published.keys, _policy(steps__old_yaml=b"run: old\n"), NOW)
    BlobStore(repository.root / BLOBS).put_bytes(canonical_json(steps_texts(_files(steps__old_yaml=b"run: old\n"))))
    now = _policy(policy_in_force(repository), steps__make_yaml=b"run: curl evil\n", steps__new_yaml=b"run: new\n")
    draft = draft_targets(repository, TargetsEdit(policy=now), NOW)
    if carried:
        draft = Draft.from_json(draft.to_json())
        draft.check()
    lines = changes_of(draft)
    assert (
        lines[0]
        == "MAY BE LAXER: the steps change, which run in every build: steps/make.yaml, steps/new.yaml, steps/old.yaml"
    )
    shown = lines[lines.index("steps/make.yaml:") :]
    assert shown[1:4] == ["  @@ -1 +1 @@", "  -run: make", "  +run: curl evil"]
    assert "  +run: new" in shown
    assert "  -run: old" in shown
    assert f"the steps {now.steps[0]} are accepted" in shown


def test_a_draft_that_something_else_is_added_to_still_shows_the_steps(published: Published) -> None:
    repository = published.repository
    sign_policy(repository, published.keys, _policy(), NOW)
    BlobStore(repository.root / BLOBS).put_bytes(canonical_json(steps_texts(_files())))
    now = _policy(policy_in_force(repository), steps__make_yaml=b"run: curl evil\n")
    draft = draft_targets(repository, TargetsEdit(policy=now), NOW)
    again = draft_targets(repository, TargetsEdit(allow_builders=(KEY,)), NOW, start=Draft.from_json(draft.to_json()))
    assert "  +run: curl evil" in changes_of(Draft.from_json(again.to_json()))
    # Without other steps it holds none, like an older draft.
    assert b'"steps"' not in draft_targets(repository, TargetsEdit(allow_builders=(KEY,)), NOW).to_json()


def test_steps_that_a_draft_does_not_bring_are_said_not_to_be_shown(published: Published) -> None:
    """Like the draft of an earlier farm; and what a draft shows must match the digest, or it is not a draft."""
    repository = published.repository
    sign_policy(repository, published.keys, _policy(), NOW)
    now = _policy(policy_in_force(repository), steps__make_yaml=b"run: curl evil\n")
    draft = draft_targets(repository, TargetsEdit(policy=now), NOW)
    # The old ones are not available here: the new ones are shown whole.
    assert changes_of(draft)[0] == (
        "MAY BE LAXER: the steps change, which run in every build: "
        "steps/make.yaml (the previous files are not available)"
    )
    assert "  +run: curl evil" in changes_of(draft)
    form = json.loads(draft.to_json())
    (digest,) = form["steps"]
    form["steps"][digest]["steps/make.yaml"] = "run: make\n"
    with pytest.raises(DraftError, match="steps"):
        Draft.from_json(json.dumps(form).encode())
    del form["steps"]
    of_before = Draft.from_json(json.dumps(form).encode())
    assert changes_of(of_before)[0] == (
        f"MAY BE LAXER: the steps change, which run in every build: {now.steps[0]}, whose files are not available"
    )


def test_steps_that_are_signed_already_and_come_to_be_the_newest_again_are_shown(published: Published) -> None:
    repository = published.repository
    first = _policy()
    second = _policy(first, steps__make_yaml=b"run: later\n")
    sign_policy(repository, published.keys, second, NOW)
    draft = draft_targets(repository, TargetsEdit(policy=_policy(second)), NOW)
    lines = changes_of(draft)
    assert lines[0].startswith("MAY BE LAXER: the steps change, which run in every build: steps/make.yaml")
    assert f"the steps {first.steps[0]} are accepted" not in lines
    assert f"the steps {first.steps[0]} are the newest from then on" in lines


@pytest.mark.parametrize(
    ("owners", "changes"),
    [
        (None, ["nobody owns any recipe any more"]),
        (b"* alice mallory\npng* ben\n", [f"* is owned by mallory too, with the key {'0c' * 8}…"]),
        (b"* alice\n", ["other lines decide who owns what (gone png*)"]),
        (b"* alice\npng* ben\njq ben\n", ["other lines decide who owns what (new jq)"]),
        (b"png* ben\n# moved\n", ["other lines decide who owns what (gone *)"]),
        (b"* alice\npng*   ben # the same\n", []),
    ],
    ids=["none", "one more", "a line gone", "a new line", "all lines gone", "the same"],
)
def test_a_draft_says_when_others_come_to_own_recipes(owners: bytes | None, changes: list[str]) -> None:
    people = ALICE + b"  ben: " + b"0b" * 32 + b"\n  mallory: " + b"0c" * 32 + b"\n"
    before = _policy(curators_yaml=people, OWNERS=b"* alice\npng* ben\n")
    now = _policy(curators_yaml=people, **({"OWNERS": owners} if owners is not None else {}))
    lines = policy_changes(now, before)
    assert [line for line in lines if line.startswith("LAXER")] == [f"LAXER: OWNERS: {change}" for change in changes]
    assert "OWNERS:" in lines


def test_a_policy_is_kept_when_something_else_is_drafted_and_goes_with_its_channel(published: Published) -> None:
    repository = published.repository
    sign_policy(repository, published.keys, _policy(), NOW)
    other = draft_targets(repository, TargetsEdit(allow_builders=(KEY,)), NOW)
    assert read_policy(other.builders.encode()) == _policy()
    without = draft_targets(repository, TargetsEdit(remove_channels=("edge",)), NOW)
    kept = read_policy(without.builders.encode())
    assert kept is not None
    assert dict(kept.files) == {}


def test_a_policy_that_contradicts_the_rest_of_targets_is_not_drafted(published: Published) -> None:
    repository = published.repository
    with pytest.raises(SignedPolicyError, match="a channel nightly, and there is no role"):
        draft_targets(repository, TargetsEdit(policy=_policy(channels__nightly_yaml=EDGE)), NOW)
    many = _policy(channels__edge_yaml=b"gates: [proof, reproduced: {agree: 9}]\n")
    with refuses("unreachable-rebuilds"):
        draft_targets(repository, TargetsEdit(policy=many), NOW)
    # Nor is such a policy signed that somebody has written into a draft by hand.
    draft = draft_targets(repository, TargetsEdit(policy=_policy()), NOW)
    form = json.loads(draft.to_json())
    document = builders_document([KEY], testers=[KEY], policy=_policy(channels__nightly_yaml=EDGE))
    form["builders"] = document.decode()
    form["metadata"]["signed"]["targets"]["builders.json"] = {
        "hashes": {"sha256": Digest.of(document).hex},
        "length": len(document),
    }
    with pytest.raises(DelegationError, match="nightly"):
        Draft.from_json(json.dumps(form).encode()).check()
