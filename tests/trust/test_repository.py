"""The publisher and the client's metadata tested against each other, over real files and real keys."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.core.names.digest import Digest
from farm.trust.attestation.release_summary import summary_path
from farm.trust.ceremony.ceremony import CeremonyError, allow_more_builders, found_repository
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.key_files import load_key
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.delegation import DelegationError
from farm.trust.metadata.repository import StaleReleaseError
from farm.trust.metadata.repository_files import RepositoryStateError
from farm.trust.untrusted_metadata import UntrustedMetadataError
from farm.trust.verification.client_metadata import check_fingerprint
from tests.trust.conftest import Published, found

if TYPE_CHECKING:
    from pathlib import Path


def test_a_client_gets_what_was_published(published: Published, tmp_path: Path) -> None:
    first = published.publish(1)
    release, builders = published.client(tmp_path / "client").newest("edge")
    assert release == first
    assert list(builders) == [published.builder.public_key.keyid]

    second = published.publish(2, first)
    assert published.client(tmp_path / "client").newest("edge")[0] == second


def test_before_the_first_release_the_client_says_that_there_is_none(published: Published, tmp_path: Path) -> None:
    with pytest.raises(UntrustedMetadataError, match=re.escape("channels/edge/release.json")) as caught:
        published.client(tmp_path / "client").newest("edge")
    assert caught.value.reason == "missing"
    assert caught.value.message.startswith("channel edge has no release yet, or does not exist: ")


def test_a_release_that_is_not_the_successor_is_refused(published: Published) -> None:
    first = published.publish(1)
    published.publish(2, first)
    with pytest.raises(StaleReleaseError, match=r"release 2 of edge .* but release 2 .* is published now"):
        published.publish(2, first, package_set=Digest.of(b"another set"))


def test_a_repository_is_of_the_distribution_that_its_first_release_has_named(published: Published) -> None:
    first = published.publish(1, distribution="other.example")
    with pytest.raises(DelegationError, match=r"is of dist.example.org, and this repository is that of other.example"):
        published.publish(2, first)
    assert published.repository.current("edge").release == first


def test_a_release_that_was_checked_has_a_summary_that_names_the_one_before(published: Published) -> None:
    first = published.publish(1)
    assert published.repository.summary(first.digest) is None
    second = published.publish(2, first, checked=True)
    third = published.publish(3, second, checked=True)
    summaries = [published.repository.summary(release.digest) for release in (second, third)]
    inputs = []
    for content in summaries:
        assert content is not None
        said = json.loads(base64.b64decode(json.loads(content)["payload"]))["predicate"]
        inputs.append(
            {
                inputattestation["name"]: inputattestation["digest"]["sha256"]
                for inputattestation in said["inputAttestations"]
            }
        )
    evidence = {"evidence": Digest.of(b"evidence").hex}
    assert inputs == [evidence, evidence | {summary_path(second.digest): Digest.of(summaries[0] or b"").hex}]


def test_metadata_that_is_gone_is_told_with_what_to_do_about_it(published: Published) -> None:
    published.publish(1)
    (published.root / "metadata" / "timestamp.json").unlink()
    with pytest.raises(RepositoryStateError, match=r"cannot read the repository in .*timestamp.json") as caught:
        published.repository.head()
    assert caught.value.remedy == "Make keys with `farm keys init`."


def test_a_channel_that_was_removed_is_told_with_what_to_do_about_it(published: Published) -> None:
    """The snapshot goes on naming it."""
    repository, now = published.repository, datetime.now(UTC)
    draft = draft_targets(repository, TargetsEdit(remove_channels=("edge",)), now)
    draft = draft.signed_by(load_key(published.keys / "offline" / "targets"))
    publish_draft(repository, draft, read_signers(published.founded.online), now)
    assert "edge.json" in repository.head().snapshot.meta
    with pytest.raises(RepositoryStateError, match="the repository has no channel edge") as caught:
        repository.current("edge")
    assert "--add-channel edge" in caught.value.remedy


def test_publishing_the_same_release_again_changes_nothing(published: Published) -> None:
    release = published.publish(1)
    before = sorted((published.root / "metadata").iterdir())
    published.repository.publish(release, read_signers(published.founded.online), datetime.now(UTC))
    assert sorted((published.root / "metadata").iterdir()) == before


def test_an_expired_timestamp_stops_the_client_and_says_so(tmp_path: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    published = found(tmp_path, past)
    published.publish(1, now=past)
    with pytest.raises(UntrustedMetadataError, match="expired") as caught:
        published.client(tmp_path / "client").newest("edge")
    assert caught.value.reason == "expired"
    assert "goes on working" in caught.value.remedy


def test_a_timestamp_signed_anew_is_accepted_again(tmp_path: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=2)
    published = found(tmp_path, past)
    release = published.publish(1, now=past)
    published.repository.refresh_timestamp(read_signers(published.founded.online), datetime.now(UTC))
    assert published.client(tmp_path / "client").newest("edge")[0] == release


@pytest.mark.parametrize("name", ["timestamp", "snapshot", "edge", "targets", "root"])
def test_one_byte_altered_inside_signed_metadata_is_refused(published: Published, tmp_path: Path, name: str) -> None:
    client = published.client(tmp_path / "client")
    published.publish(1)
    path = max((published.root / "metadata").glob(f"*{name}.json"))
    content = path.read_bytes()
    at = content.index(b'"expires":"20') + len(b'"expires":"20')
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    if name == "root":  # a client does not fetch the pinned root; an unsigned newer root is refused
        (published.root / "metadata" / "2.root.json").write_bytes(path.read_bytes())
    with pytest.raises(UntrustedMetadataError) as caught:
        client.newest("edge")
    assert caught.value.reason in {"signature", "mismatch"}


def test_a_timestamp_older_than_the_one_seen_is_refused(published: Published, tmp_path: Path) -> None:
    first = published.publish(1)
    old = (published.root / "metadata" / "timestamp.json").read_bytes()
    published.publish(2, first)
    published.client(tmp_path / "client").newest("edge")
    (published.root / "metadata" / "timestamp.json").write_bytes(old)
    with pytest.raises(UntrustedMetadataError) as caught:
        published.client(tmp_path / "client").newest("edge")
    assert caught.value.reason == "rollback"


def test_a_half_written_publication_is_not_seen_and_the_next_one_succeeds(published: Published, tmp_path: Path) -> None:
    first = published.publish(1)
    # What a publisher leaves that was killed after the channel's role and before the snapshot:
    version = published.repository.current("edge").channel.version
    (published.root / "metadata" / f"{version + 1}.edge.json").write_bytes(b"{}")
    assert published.client(tmp_path / "client").newest("edge")[0] == first
    second = published.publish(2, first)
    assert published.client(tmp_path / "client").newest("edge")[0] == second


def test_the_ceremony_overwrites_nothing(published: Published, tmp_path: Path) -> None:
    with pytest.raises(CeremonyError, match="already"):
        found_repository(published.root, published.keys, ["edge"], [], datetime.now(UTC))


def test_a_root_with_another_fingerprint_is_refused(published: Published) -> None:
    root = (published.root / "metadata" / "1.root.json").read_bytes()
    check_fingerprint(root, published.founded.fingerprint)
    with pytest.raises(UntrustedMetadataError, match="fingerprint"):
        check_fingerprint(root + b" ", published.founded.fingerprint)


def test_a_channel_without_releases_for_long_is_signed_anew_before_it_expires(tmp_path: Path) -> None:
    past = datetime.now(UTC) - timedelta(days=85)
    published = found(tmp_path, past)
    release = published.publish(1, now=past)
    published.repository.refresh_timestamp(read_signers(published.founded.online), datetime.now(UTC))
    assert published.client(tmp_path / "client").newest("edge")[0] == release
    assert published.repository.current("edge").channel.expires > datetime.now(UTC) + timedelta(days=80)


def test_the_list_of_builders_grows_with_the_key_of_targets(published: Published, tmp_path: Path) -> None:
    published.publish(1)
    another = CryptoSigner.generate_ed25519().public_key
    repository, keys, now = published.repository, published.keys, datetime.now(UTC)
    assert allow_more_builders(repository, keys, [published.builder.public_key, another], now) == 1
    assert allow_more_builders(repository, keys, [another], now) == 0
    _, builders = published.client(tmp_path / "client").newest("edge")
    assert another.keyid in builders
