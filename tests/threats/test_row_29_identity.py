"""Threat 29, first half: other content under a released name, version and revision is refused, with the remedy.

Against a signer in its own process, over its socket, and by releases that nobody else has checked.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.reading.checker_record import PublishedRecordError
from farm.checker.reading.published_identities import PublishedRecord
from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.names.printed_version import PrintedIdentity
from farm.server.pipeline.repository.next_release import make_release
from farm.server.pipeline.repository.signer_client import SignerClient, SignerRefusedError
from farm.signing.evidence import ReleaseEvidence
from farm.trust.index.release_index import Release
from farm.trust.metadata.repository import Repository
from tests.checker.signer_process import running_signer
from tests.client.distribution import SmallDistribution
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

SAY = PrintedIdentity("say", "2.2.5", 1)


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    """A distribution whose channel has released `say 2.2.5-1` and, since then, `say 2.2.5-2`."""
    made = SmallDistribution(tmp_path)
    for revision in (1, 2):
        made.package("say", {"bin/say": f"say {revision}"}, version="2.2.5", revision=revision)
        made.publish()
    return made


def record(distribution: SmallDistribution) -> PublishedRecord:
    return PublishedRecord(distribution.folder / "record")


def sign(distribution: SmallDistribution, client: SignerClient) -> None:
    """Ask for the release that holds what was added last."""
    client.sign(prepared(distribution), distribution.keep(ReleaseEvidence().to_json()).digest)


def prepared(distribution: SmallDistribution) -> Release:
    """The release with what was added last; its blobs are in the public store, and nobody has signed it."""
    release, index = make_release(
        distribution.released,
        [entry for entry, _ in distribution.entries.values()],
        [],
        distribution=distribution.domain,
        channel="edge",
        now=datetime(2026, 1, 2, tzinfo=UTC),
        read=distribution.read,
    )
    for blob in (*index, release.to_json()):
        distribution.keep(blob)
    return release


def test_the_signer_refuses_other_files_under_what_was_published_and_goes_on_afterwards(
    distribution: SmallDistribution,
) -> None:
    with running_signer(distribution.folder, distribution.public) as client:
        distribution.package("say", {"bin/say": "evil"}, version="2.2.5", revision=2, build=1)
        with pytest.raises(SignerRefusedError, match=r"say 2\.2\.5-2 was published before with other files") as refused:
            sign(distribution, client)
        assert refused.value.remedy == "Raise the revision in the recipe that makes say, and submit it."
        distribution.package("say", {"bin/say": "other"}, version="2.2.5", revision=3, build=1)
        sign(distribution, client)
    assert Repository(distribution.public).current("edge").release == prepared(distribution)


def test_what_left_the_channel_is_not_forgotten(distribution: SmallDistribution) -> None:
    distribution.package("say", {"bin/say": "evil"}, version="2.2.5", revision=1, build=1)
    with refuses("other-content", match=r"say 2\.2\.5-1 was published before"):
        distribution.publish()


def test_the_very_files_may_come_again(distribution: SmallDistribution) -> None:
    distribution.package("say", {"bin/say": "say 1"}, version="2.2.5", revision=1)
    assert distribution.publish().number == 3


def test_another_build_number_is_another_identity_and_is_held_to_its_files_too(
    distribution: SmallDistribution,
) -> None:
    for content, number in (("built again", 2), ("and again", 3)):
        distribution.package("say", {"bin/say": content}, version="2.2.5", revision=2, build=number)
        distribution.publish()
    distribution.package("say", {"bin/say": "evil"}, version="2.2.5", revision=2, build=2)
    with refuses("other-content", match=r"say 2\.2\.5-2\+b2 was published before"):
        distribution.publish()


def test_what_a_channel_published_counts_for_the_others(distribution: SmallDistribution, tmp_path: Path) -> None:
    other = SmallDistribution(tmp_path / "elsewhere", channel="stable")
    other.package("say", {"bin/say": "say 9"}, version="2.2.5", revision=9)
    other.publish()
    record(distribution).catch_up(Repository(other.public))
    distribution.package("say", {"bin/say": "evil"}, version="2.2.5", revision=9, build=1)
    with refuses("other-content"):
        distribution.publish()


class TestTheRecord:
    def test_that_was_lost_is_filled_anew_from_the_releases(self, distribution: SmallDistribution) -> None:
        shutil.rmtree(distribution.folder / "record")
        assert record(distribution).trees_of(SAY) == []
        assert record(distribution).catch_up(Repository(distribution.public)) == 2
        assert len(record(distribution).trees_of(SAY)) == 1
        assert record(distribution).catch_up(Repository(distribution.public)) == 0

    def test_reads_on_from_where_it_was(self, distribution: SmallDistribution) -> None:
        made, repository = record(distribution), Repository(distribution.public)
        made.catch_up(repository)
        first = Release.from_json(distribution.blobs.read(_previous(distribution)))
        distribution.blobs.delete(first.index.digest)
        distribution.package("say", {"bin/say": "say 3"}, version="2.2.5", revision=3)
        distribution.publish()
        assert made.catch_up(repository) == 1, "it has read what it knew already"

    def test_keeps_what_it_knows_when_the_repository_is_that_of_a_backup(self, distribution: SmallDistribution) -> None:
        made = record(distribution)
        saved = distribution.folder / "backup"
        shutil.copytree(distribution.public, saved)
        distribution.package("say", {"bin/say": "say 3"}, version="2.2.5", revision=3)
        distribution.publish()
        made.catch_up(Repository(distribution.public))
        made.catch_up(Repository(saved))
        assert len(made.trees_of(_revision(3))) == 1

    def test_of_releases_that_were_signed_with_two_trees_under_one_identity_allows_both(
        self, distribution: SmallDistribution
    ) -> None:
        # As a farm of the previous version could: what is published cannot be taken back.
        distribution.package("say", {"bin/say": "also 2"}, version="2.2.5", revision=2, build=1)
        distribution.publish(checked=False)
        made = record(distribution)
        made.catch_up(Repository(distribution.public))
        assert len(made.trees_of(_revision(2))) == 2
        distribution.package("say", {"bin/say": "say 2"}, version="2.2.5", revision=2, build=1)
        distribution.publish()
        distribution.package("say", {"bin/say": "a third"}, version="2.2.5", revision=2, build=1)
        with refuses("other-content"):
            distribution.publish()

    def test_without_an_earlier_release_says_so_and_nothing_is_signed(self, distribution: SmallDistribution) -> None:
        shutil.rmtree(distribution.folder / "record")
        distribution.blobs.delete(_previous(distribution))
        with pytest.raises(PublishedRecordError, match="the release before release 2 of edge cannot be read"):
            record(distribution).catch_up(Repository(distribution.public))

    def test_that_is_damaged_is_told(self, distribution: SmallDistribution) -> None:
        (distribution.folder / "record" / "published.sqlite").write_bytes(b"no database, but long enough to be read")
        with pytest.raises(PublishedRecordError, match="cannot be kept"):
            record(distribution).trees_of(SAY)

    @pytest.mark.parametrize("mode", [0o777, 0o770])
    def test_in_a_directory_of_others_is_refused(self, tmp_path: Path, mode: int) -> None:
        (tmp_path / "open").mkdir()
        (tmp_path / "open").chmod(mode)
        with pytest.raises(PublishedRecordError, match="others than the checker can write"):
            PublishedRecord(tmp_path / "open")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
    def test_in_a_directory_of_another_user_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "given").mkdir(mode=0o700)
        os.chown(tmp_path / "given", 12345, 12345)
        with pytest.raises(PublishedRecordError, match="others than the checker can write"):
            PublishedRecord(tmp_path / "given")

    def test_has_one_row_for_each_package_and_build(self, distribution: SmallDistribution) -> None:
        record(distribution).catch_up(Repository(distribution.public))
        with sqlite3.connect(distribution.folder / "record" / "published.sqlite") as database:
            rows = database.execute("SELECT name, version, revision, build FROM published ORDER BY revision").fetchall()
        assert rows == [("say", "2.2.5", 1, 1), ("say", "2.2.5", 2, 1)]


def _revision(revision: int) -> PrintedIdentity:
    return SAY._replace(revision=revision)


def _previous(distribution: SmallDistribution):
    assert distribution.released is not None
    assert distribution.released.previous is not None
    return distribution.released.previous


def test_provenances_that_name_different_numbers_are_refused(tmp_path: Path) -> None:
    second = CryptoSigner.generate_ed25519()
    made = SmallDistribution(tmp_path, builders=[second])
    made.package("say", {"bin/say": "say"}, build=2)
    entry, member = made.entries["say"]
    made.numbers[member.descriptor.digest] = 3
    made.entries["say"] = (replace(entry, rebuilds=(made.rebuilt("say", second),)), member)
    with pytest.raises(RefusedReleaseError, match="name different build numbers: 2 and 3"):
        made.publish()
