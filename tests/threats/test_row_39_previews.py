"""Row 39: what is only previewed reaches nobody who has not asked for it, though control lies, or the key is stolen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets

from farm.checker.decision import Decision
from farm.checker.reading.published_identities import PublishedRecord
from farm.client.repository.host import Host
from farm.client.repository.preview import open_preview
from farm.core.names.channel_name import faults_of_channel_names
from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.errors import FarmError
from farm.server.pipeline.repository.next_release import make_release
from farm.signing.consistency import PinnedRepository
from farm.signing.ledger import Ledger
from farm.signing.previews import LONGEST_PREVIEW, remove_expired_previews, remove_preview, sign_preview
from farm.signing.sign import sign_release
from farm.store.blobs import BlobStore
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.preview_statement import PreviewStatement, preview_statement
from farm.trust.ceremony.ceremony import list_preview_key
from farm.trust.ceremony.drafting import TargetsEdit, draft_targets
from farm.trust.index.imports import Import
from farm.trust.keys.key_files import load_or_create_key
from farm.trust.keys.signers import Signers, read_signers
from farm.trust.layout import hashed_path, preview_path, release_target
from farm.trust.metadata.delegation import DelegationError
from farm.trust.metadata.repository import Repository
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.client.distribution import DISTRIBUTION, SmallDistribution
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.trust.index.release_index import Release, ReleaseEntry

WEEK = timedelta(days=7)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class PreviewingDistribution(SmallDistribution):
    """A distribution with a release of `tool`, and a preview of another build of it."""

    def pinned(self) -> tuple[PinnedRepository, Ledger]:
        ledger = Ledger(self.folder / f"ledger-{token_hex(8)}")
        return PinnedRepository(self.public, ledger), ledger

    @property
    def signers(self) -> Signers:
        assert self.founded is not None
        return read_signers(self.founded.online)

    @property
    def preview_key(self) -> CryptoSigner:
        """The key that an attacker may have stolen."""
        assert self.founded is not None
        key = load_or_create_key(self.founded.online / "previews")
        assert isinstance(key, CryptoSigner)
        return key

    def changed(self, builder: CryptoSigner | None = None, *, number: int = 17, channel: str = "") -> Release:
        """The release of a preview: the newest one with another `tool`, whose archive is in the public store."""
        assert self.released is not None
        before, honest = dict(self.entries), self.builder
        self.builder = builder or honest
        self.package("tool", {"bin/tool": "only a preview"}, version="2")
        self.builder = honest
        entry: ReleaseEntry = self.entries["tool"][0]
        self.entries = before
        release, index = make_release(
            self.released,
            [replace(entry, needs=())],
            (),
            distribution=self.domain,
            channel=channel or f"preview-{number}",
            now=datetime(2026, 1, 1, tzinfo=UTC),
            read=self.read,
        )
        release = replace(release, number=1, previous=None)
        for blob in (*index, release.to_json()):
            self.keep(blob)
        return release

    def sign(self, release: Release, *, until: datetime | None = None, base: str = "edge") -> bool:
        """Ask the signer, as control does."""
        repository, ledger = self.pinned()
        decision = Decision(repository, PublishedRecord(self.folder / "record"), ledger)
        return sign_preview(
            repository, self.signers, decision, release, base=base, until=until or now() + WEEK, now=now()
        )

    def state(self, signer: CryptoSigner, release: Release, **said: object) -> None:
        """Put a statement in place without the signer."""
        ref = BlobRef(release.digest, len(release.to_json()))
        stated = PreviewStatement(self.domain, 17, ref, now() + WEEK)
        path = self.public / preview_path(17)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sign_statement(preview_statement(replace(stated, **said)), signer))  # type: ignore[arg-type]


@pytest.fixture
def dist(tmp_path: Path) -> PreviewingDistribution:
    made = PreviewingDistribution(tmp_path / "dist")
    made.package("tool", {"bin/tool": "released"}, version="1")
    made.package("other", {"bin/other": "released"}, version="1")
    made.publish()
    assert list_preview_key(Repository(made.public), made.folder / "keys", now())
    return made


@pytest.fixture
def host(dist: PreviewingDistribution, tmp_path: Path) -> Host:
    """A subscriber of `edge`."""
    assert dist.founded is not None
    made = Host(tmp_path / "state", tmp_path / "shared")
    made.subscriptions.subscribe(str(dist.public), "edge", dist.founded.fingerprint)
    return made


def version(host: Host, name: str = "tool") -> str:
    """The version of a package that a subscriber gets."""
    return host.catalogue().entry(name).version


def test_who_asks_for_a_preview_gets_it_and_nobody_else(dist: PreviewingDistribution, host: Host) -> None:
    release = dist.changed()
    assert dist.sign(release)
    assert not dist.sign(release), "it is signed once"
    catalogue = open_preview(host, 17)
    (package,) = catalogue.verified(["tool"])
    assert package.entry.version == "2"
    assert catalogue.entry("other").version == "1"
    assert version(host) == "1"
    assert [str(subscription) for subscription in host.subscriptions.all()] == [f"{DISTRIBUTION}/edge"]


def test_no_name_leads_a_subscriber_to_a_preview(dist: PreviewingDistribution, host: Host, tmp_path: Path) -> None:
    dist.sign(dist.changed())
    other = Host(tmp_path / "other-state", tmp_path / "shared")
    assert dist.founded is not None
    for name in ("preview-17", "previews", "preview", "latest", "previews/17"):
        with pytest.raises(UntrustedMetadataError):
            other.subscriptions.subscribe(str(dist.public), name, dist.founded.fingerprint)
    with refuses("subscription"):
        host.catalogue("preview-17")
    assert {listing.version for listing in host.catalogue().listings() if listing.name == "tool"} == {"1"}


def test_the_stolen_preview_key_signs_no_release_of_a_channel(dist: PreviewingDistribution, host: Host) -> None:
    """The thief also writes in the public directory: edge as the preview key signs it, with all versions raised."""
    evil = dist.changed(channel="edge")
    repository = Repository(dist.public)
    head = repository.head()
    document = repository.delegated(head, "edge")
    target = TargetFile.from_data(release_target("edge"), evil.to_json(), ["sha256"])
    (dist.public / "targets" / hashed_path(target.path, target.hashes["sha256"])).write_bytes(evil.to_json())
    document.targets = {target.path: target}
    document.version += 1
    metadata: Metadata[Targets] = Metadata(document)
    metadata.sign(dist.preview_key)
    content = metadata.to_bytes()
    (dist.public / "metadata" / f"{document.version}.edge.json").write_bytes(content)
    # Even if snapshot and timestamp named it, as with these two keys stolen too, edge's own key has not signed.
    snapshot: Snapshot = head.snapshot
    snapshot.meta["edge.json"] = MetaFile.from_data(document.version, content, ["sha256"])
    snapshot.version += 1
    signed = Metadata(snapshot)
    for signer in dist.signers.signing("snapshot", head.root.roles["snapshot"]):
        signed.sign(signer, append=True)
    (dist.public / "metadata" / f"{snapshot.version}.snapshot.json").write_bytes(signed.to_bytes())
    head.timestamp.snapshot_meta = MetaFile.from_data(snapshot.version, signed.to_bytes(), ["sha256"])
    head.timestamp.version += 1
    stamped = Metadata(head.timestamp)
    for signer in dist.signers.signing("timestamp", head.root.roles["timestamp"]):
        stamped.sign(signer, append=True)
    (dist.public / "metadata" / "timestamp.json").write_bytes(stamped.to_bytes())
    with pytest.raises(UntrustedMetadataError):
        host.catalogue()


def test_the_stolen_preview_key_makes_no_builder(dist: PreviewingDistribution, host: Host) -> None:
    thief = CryptoSigner.generate_ed25519()
    dist.state(dist.preview_key, dist.changed(thief))
    with pytest.raises(FarmError, match="no allowed key has signed"):
        open_preview(host, 17).verified(["tool"])
    dist.state(dist.preview_key, dist.changed(dist.preview_key))
    with pytest.raises(FarmError, match="no allowed key has signed"):
        open_preview(host, 17).verified(["tool"])


def test_no_other_key_signs_a_preview(dist: PreviewingDistribution, host: Host) -> None:
    release = dist.changed()
    edge = load_or_create_key(dist.folder / "keys" / "online" / "edge")
    for signer in (dist.builder, edge, CryptoSigner.generate_ed25519()):
        assert isinstance(signer, CryptoSigner)
        dist.state(signer, release)
        with refuses("invalid-envelope"):
            open_preview(host, 17)


@pytest.mark.parametrize(
    "said",
    [
        {"number": 18},
        {"distribution": "other.example.org"},
        {"until": datetime.now(UTC) - timedelta(seconds=1)},
    ],
)
def test_a_statement_is_about_one_preview_for_its_time(
    dist: PreviewingDistribution, host: Host, said: dict[str, object]
) -> None:
    dist.state(dist.preview_key, dist.changed(), **said)
    with refuses("preview-statement"):
        open_preview(host, 17)


def test_another_statement_by_the_preview_key_states_no_preview(dist: PreviewingDistribution, host: Host) -> None:
    release = dist.changed()
    dist.state(dist.preview_key, release)
    assert open_preview(host, 17).release == release
    stated = preview_statement(PreviewStatement(dist.domain, 17, BlobRef(release.digest, 1), now() + WEEK))
    other = stated | {"predicateType": "https://slsa.dev/provenance/v1"}
    (dist.public / preview_path(17)).write_bytes(sign_statement(other, dist.preview_key))
    with refuses("preview-statement", "the statement has another type"):
        open_preview(host, 17)


def test_a_release_of_a_channel_is_no_preview_nor_is_another_preview(dist: PreviewingDistribution, host: Host) -> None:
    assert dist.released is not None
    for release in (dist.released, dist.changed(channel="edge"), dist.changed(number=18)):
        dist.state(dist.preview_key, release)
        with refuses("preview-statement", "its release is one of"):
            open_preview(host, 17)


def test_a_lying_control_has_no_preview_signed_as_a_release_nor_the_other_way_round(
    dist: PreviewingDistribution, host: Host
) -> None:
    """Control, whose database lies, sends what it likes to the signer."""
    preview, evil = dist.changed(), dist.changed(channel="edge")
    repository, ledger = dist.pinned()
    decision = Decision(repository, PublishedRecord(dist.folder / "record"), ledger)
    evidence = dist.keep(b"{}").digest
    with pytest.raises(FarmError):
        sign_release(repository, dist.signers, decision, preview, evidence, ledger=ledger)
    for release in (evil, replace(preview, number=2), replace(preview, channel="preview-0"), dist.released):
        assert release is not None
        with refuses("not-a-preview"):
            dist.sign(release)
    with refuses("not-a-preview"):
        dist.sign(preview, until=now() - timedelta(minutes=1))
    assert version(host) == "1"
    assert not (dist.public / "previews").exists()


def test_the_checker_asks_who_built_what_a_preview_changes(dist: PreviewingDistribution) -> None:
    with pytest.raises(FarmError, match="no allowed key has signed"):
        dist.sign(dist.changed(CryptoSigner.generate_ed25519()))
    with pytest.raises(FarmError, match="and edge is not"):
        dist.sign(replace(dist.changed(), distribution="evil.example.org"))
    theirs = Import(
        distribution="evil.example.org",
        channel="edge",
        number=1,
        release=Digest.of(b"release"),
        root=Digest.of(b"root"),
        address="https://evil.example.org",
        packages=(),
    )
    with pytest.raises(FarmError, match="preview-17 changes what edge imports"):
        dist.sign(replace(dist.changed(), imports=(theirs,)))


def test_a_preview_is_signed_once_and_for_a_limited_time(dist: PreviewingDistribution) -> None:
    release = dist.changed()
    dist.sign(release, until=now() + timedelta(days=365))
    repository, _ = dist.pinned()
    remove_expired_previews(repository, now() + LONGEST_PREVIEW - timedelta(minutes=1))
    assert (dist.public / preview_path(17)).exists()
    with refuses("other-preview"):
        dist.sign(replace(release, released_at="2026-01-02T00:00:00Z"))
    remove_expired_previews(repository, now() + LONGEST_PREVIEW + timedelta(minutes=1))
    assert not (dist.public / preview_path(17)).exists()
    dist.sign(release)
    remove_preview(repository, 17)
    remove_preview(repository, 17)
    assert not (dist.public / preview_path(17)).exists()


def test_the_preview_key_is_of_nothing_else(dist: PreviewingDistribution) -> None:
    edge = load_or_create_key(dist.folder / "keys" / "online" / "edge").public_key
    for key, code in ((edge, "builder-is-role"), (dist.builder.public_key, "preview-key")):
        with pytest.raises(DelegationError) as refused:
            draft_targets(Repository(dist.public), TargetsEdit(allow_previews=(key,)), now())
        assert refused.value.code == code


def test_no_channel_is_called_like_a_preview() -> None:
    for name in ("preview-17", "preview", "previews", "preview17"):
        assert [fault.name for fault in faults_of_channel_names(["edge", name])] == [name]


def test_without_a_listed_key_there_are_no_previews(tmp_path: Path) -> None:
    dist = PreviewingDistribution(tmp_path / "dist")
    dist.package("tool", {"bin/tool": "released"}, version="1")
    dist.publish()
    assert dist.founded is not None
    host = Host(tmp_path / "state", tmp_path / "shared")
    host.subscriptions.subscribe(str(dist.public), "edge", dist.founded.fingerprint)
    with refuses("no-preview-key"):
        dist.sign(dist.changed())
    with refuses("no-preview-key"):
        open_preview(host, 17)


def test_a_preview_that_is_gone_is_named(dist: PreviewingDistribution, host: Host) -> None:
    with refuses("unknown-preview", "has no preview 17"):
        open_preview(host, 17)
    assert dist.released is not None
    assert BlobStore(dist.public / "blobs").has(Digest(dist.released.digest))
