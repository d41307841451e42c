"""The current code verifies and reads what was published, with the same result as then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.formats import kept
from tests.formats.reading import subscriber
from tests.formats.reading.documents import KINDS

if TYPE_CHECKING:
    from pathlib import Path

PUBLICATION = kept.read_json("published.json")
SEEN = kept.read_json("published-views.json")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept.unpacked("published.tar.gz", tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def views(published: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with kept.at(PUBLICATION["at"]):
        return subscriber.views(published, PUBLICATION, tmp_path_factory.mktemp("reading"))


@pytest.mark.parametrize(("channel", "what"), [(channel, what) for channel in SEEN for what in SEEN[channel]])
def test_a_subscriber_sees_what_was_seen_then(views: dict[str, Any], channel: str, what: str) -> None:
    assert views[channel][what] == SEEN[channel][what]
    assert list(views[channel]) == list(SEEN[channel])


@pytest.mark.parametrize("channel", ["edge", "stable"])
def test_a_mirror_shows_its_newest_releases_as_their_owner_does(
    published: Path, tmp_path: Path, channel: str, views: dict[str, Any]
) -> None:
    mirror = published / "mirror"
    with kept.at(PUBLICATION["at"]):
        host = subscriber.subscribed(tmp_path / "host", mirror, PUBLICATION["root"], mirror, channel)
        seen = subscriber.channel_view(host, channel, tmp_path / "sources")
    kept_there = len(seen["releases"])
    assert kept_there >= min(3, len(SEEN[channel]["releases"]))
    assert seen["releases"] == SEEN[channel]["releases"][:kept_there]
    for what in ("closures", "needs", "packages", "audit", "sbom", "sboms"):
        assert seen[what] == SEEN[channel][what]


def test_every_document_of_every_release_is_written_back_byte_for_byte(published: Path) -> None:
    seen: dict[str, int] = {}
    for place in ("own", "other"):
        for kind, content in subscriber.published_documents(published / place):
            assert KINDS[kind].write(KINDS[kind].read(content)) == content, (place, kind)
            seen[kind] = seen.get(kind, 0) + 1
    assert seen == PUBLICATION["documents"]


@pytest.mark.parametrize(("place", "channel"), [("own", "edge"), ("own", "stable"), ("other", "edge")])
def test_archives_unpack_to_what_descriptors_say(published: Path, place: str, channel: str) -> None:
    found = subscriber.archive_of(published / place, channel)
    assert found
    assert all(unpacked == said for _, unpacked, said in found)
