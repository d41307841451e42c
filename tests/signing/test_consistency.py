"""The signer trusts the root that it has pinned, and signs nothing on top of a state older than its own signatures."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.signing.consistency import OtherRootError, PinnedRepository, PutBackError
from farm.signing.entries import ChannelSeen, Released, RootPinned, Signing
from farm.signing.ledger import Ledger, LedgerReader
from farm.trust.ceremony.ceremony import found_repository
from farm.trust.ceremony.drafting import RoleEdit, TargetsEdit, draft_root, draft_targets
from farm.trust.ceremony.promotion import publish_draft
from farm.trust.keys.key_files import create_key, load_key
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.checker.channel import Channel, opened_channel

if TYPE_CHECKING:
    from pathlib import Path

PROOF = b"gates: [proof]\n"


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    made = opened_channel(tmp_path, PROOF)
    release(made, "1.0")
    return made


def release(channel: Channel, version: str) -> None:
    channel.sign(channel.builder.build(channel.builder.recipe("jq", version=version)))


def new_root(channel: Channel, *edits: RoleEdit) -> None:
    """Hold the ceremony of the next root, as `farm keys` does: with the keys of root, next to the running signer."""
    for edit in edits or (RoleEdit(),):
        repository = Repository(channel.public)
        draft = draft_root(repository, edit, channel.now)
        for key in sorted((channel.keys / "offline").iterdir()):
            if key.name.startswith("root") and key.suffix == "":
                draft = draft.signed_by(load_key(key))
        publish_draft(repository, draft, read_signers(channel.keys / "online"), channel.now)


def kinds(channel: Channel) -> list[str]:
    return [line.entry.kind for line in LedgerReader(channel.ledger.path.parent).lines()]


def save(channel: Channel, name: str) -> Path:
    copy = channel.public.with_name(name)
    shutil.copytree(channel.public, copy)
    return copy


def put_back(channel: Channel, copy: Path, *what: str) -> None:
    for folder in what:
        shutil.rmtree(channel.public / folder)
        shutil.copytree(copy / folder, channel.public / folder)


def test_the_first_root_is_pinned(edge: Channel) -> None:
    content = (edge.public / "metadata/1.root.json").read_bytes()
    assert edge.ledger.state().root == RootPinned(1, Digest.of(content))
    assert kinds(edge)[:3] == ["begun", "root", "targets"]


def test_a_root_that_the_pinned_one_has_signed_is_followed(edge: Channel) -> None:
    made = create_key(edge.keys / "offline" / "root-2")
    new_root(edge, RoleEdit("root", add=(made.public_key,)), RoleEdit(), RoleEdit())
    release(edge, "2.0")
    pinned = edge.ledger.state().root
    assert pinned
    assert pinned.version == 4
    assert kinds(edge).count("root") == 4
    assert edge.released == 2


def test_an_older_root_stops_signing(edge: Channel) -> None:
    old = save(edge, "old")
    new_root(edge)
    release(edge, "2.0")
    newest = save(edge, "newest")
    put_back(edge, old, "metadata")
    with pytest.raises(OtherRootError, match="root version 1 is published, and the signer knows version 2") as refused:
        release(edge, "3.0")
    assert "Bring metadata/" in refused.value.remedy
    put_back(edge, newest, "metadata")
    release(edge, "3.0")


def test_a_root_of_others_stops_signing(edge: Channel, tmp_path: Path) -> None:
    """Under the same number, or under the next one: a root's own signatures are not enough."""
    foreign = tmp_path / "foreign"
    found_repository(foreign, tmp_path / "keys-of-others", ["edge"], [edge.builder.worker.public_key], edge.now)
    mine = save(edge, "mine")
    put_back(edge, foreign, "metadata", "targets")
    with pytest.raises(OtherRootError, match="root version 1 as it is published is not the one that the signer trusts"):
        release(edge, "2.0")
    put_back(edge, mine, "metadata", "targets")
    release(edge, "2.0")


class _Exchanged(PinnedRepository):
    """Its first root is exchanged for the one in `mine` as soon as it was read."""

    mine: Path

    def read_metadata(self, name: str) -> bytes:
        content = super().read_metadata(name)
        if name == "1.root.json":
            shutil.copy(self.mine / "metadata" / name, self.root / "metadata" / name)
        return content


def test_a_root_of_others_that_is_exchanged_while_it_is_read_stops_signing(edge: Channel, tmp_path: Path) -> None:
    """Otherwise what is in force would be read below their root, and the pinned one found in its place."""
    foreign = tmp_path / "foreign"
    found_repository(foreign, tmp_path / "keys-of-others", ["edge"], [edge.builder.worker.public_key], edge.now)
    repository = _Exchanged(edge.public, edge.ledger)
    repository.mine = save(edge, "mine")
    put_back(edge, foreign, "metadata", "targets")
    with pytest.raises(OtherRootError, match="root version 1 was exchanged while it was read"):
        repository.head()


def test_a_next_root_that_the_pinned_keys_have_not_signed_stops_signing(edge: Channel, tmp_path: Path) -> None:
    """Somebody replaces the previous root as well, so that the two form a chain."""
    release(edge, "2.0")
    other = Channel(
        edge.builder, tmp_path / "foreign", tmp_path / "others", "edge", edge.decision, edge.ledger, edge.operator
    )
    found_repository(other.public, other.keys, ["edge"], [edge.builder.worker.public_key], edge.now)
    new_root(other)
    shutil.copytree(other.public / "metadata", edge.public / "metadata", dirs_exist_ok=True)
    shutil.copytree(other.public / "targets", edge.public / "targets", dirs_exist_ok=True)
    with pytest.raises(OtherRootError, match="root version 1 as it is published is not the one"):
        release(edge, "3.0")


def test_what_is_published_put_back_stops_signing(edge: Channel) -> None:
    old = save(edge, "old")
    release(edge, "2.0")
    put_back(edge, old, "metadata", "targets")
    with pytest.raises(
        PutBackError, match=r"edge has release 1 .* the signer's ledger has release 2 .*put back to"
    ) as back:
        release(edge, "3.0")
    assert "Restore an older state" in back.value.remedy


def test_a_ledger_put_back_stops_signing(edge: Channel) -> None:
    place = edge.ledger.path.parent
    shutil.copytree(place, place.with_name("old"))
    release(edge, "2.0")
    shutil.rmtree(place)
    shutil.copytree(place.with_name("old"), place)
    ledger = Ledger(place)
    with pytest.raises(PutBackError, match="that one was not signed by this signer"):
        PinnedRepository(edge.public, ledger).check_releases()


def test_a_ledger_that_is_lost_begins_with_what_is_published(edge: Channel) -> None:
    place = edge.ledger.path.parent
    shutil.rmtree(place)
    PinnedRepository(edge.public, ledger := Ledger(place)).check_releases()
    entries = [line.entry for line in ledger.lines()]
    assert [entry.kind for entry in entries] == ["begun", "root", "targets", "channel"]
    assert isinstance(entries[-1], ChannelSeen)
    assert (entries[-1].number, entries[-1].release) == (1, edge.newest().digest)


def test_who_gives_a_channel_other_keys_may_put_it_back(edge: Channel) -> None:
    """As clients forget the numbers that a channel's old keys signed: an older state is restored that way."""
    old = save(edge, "old")
    release(edge, "2.0")
    put_back(edge, old, "metadata", "targets")
    made = create_key(edge.keys / "online" / "edge-2")
    draft = draft_targets(
        Repository(edge.public),
        TargetsEdit(RoleEdit("edge", add=(made.public_key,), remove=(old_key(edge),))),
        edge.now,
    )
    draft = draft.signed_by(load_key(edge.keys / "offline" / "targets"))
    publish_draft(Repository(edge.public), draft, read_signers(edge.keys / "online"), edge.now)
    release(edge, "3.0")
    assert edge.released == 2


def test_targets_put_back_stop_signing(edge: Channel) -> None:
    """Otherwise keys removed from a channel would come back with it, and with them what they have numbered."""
    before = Repository(edge.public).read_metadata("timestamp.json")
    snapshot = sorted((edge.public / "metadata").glob("*.snapshot.json"))
    draft = draft_targets(Repository(edge.public), TargetsEdit(), edge.now)
    draft = draft.signed_by(load_key(edge.keys / "offline" / "targets"))
    publish_draft(Repository(edge.public), draft, read_signers(edge.keys / "online"), edge.now)
    edge.repository.head()
    assert snapshot
    (edge.public / "metadata/timestamp.json").write_bytes(before)
    with pytest.raises(PutBackError, match="targets version"):
        edge.repository.head()


def old_key(channel: Channel) -> str:
    return load_key(channel.keys / "online" / "edge").public_key.keyid


def test_a_signer_that_was_cut_off_before_it_published_goes_on(edge: Channel) -> None:
    state = edge.ledger.state().channels["edge"]
    edge.ledger.append(Signing("edge", 2, Digest.of(b"never published"), state.keys))
    release(edge, "2.0")
    assert edge.released == 2


def test_a_signer_that_was_cut_off_after_it_published_goes_on(edge: Channel) -> None:
    release(edge, "2.0")
    lines = edge.ledger.path.read_bytes().splitlines(keepends=True)
    edge.ledger.path.write_bytes(b"".join(lines[:-1]))
    cut = Ledger(edge.ledger.path.parent)
    coming = cut.state().channels["edge"].coming
    assert coming is not None
    assert (coming.number, coming.release) == (2, edge.newest().digest)
    PinnedRepository(edge.public, cut).check_releases()
    *_, last = cut.lines()
    assert last.entry == Released("edge", edge.newest().digest)


def test_looking_while_somebody_signs_finds_nothing_put_back(edge: Channel) -> None:
    """As the thread of the timestamp does while requests are served."""
    looks: list[Exception | None] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                edge.repository.check_releases()
                looks.append(None)
            except Exception as error:  # noqa: BLE001
                looks.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(2, 12):
            release(edge, f"{number}.0")
    finally:
        over.set()
        looking.join()
    assert looks
    assert [look for look in looks if look] == []
