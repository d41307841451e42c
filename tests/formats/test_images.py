"""Images of published packages have the digests that they had, and an old layout is read and verified."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.formats import kept
from tests.formats.reading import images, subscriber

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUBLICATION = kept.read_json("published.json")
KNOWN = kept.read_json("images.json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept.unpacked("published.tar.gz", tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[Any]:
    with kept.at(PUBLICATION["at"]):
        yield subscriber.subscribed(folder / "host", folder / "own", PUBLICATION["root"], folder / "mirror", "edge")


@pytest.mark.parametrize("case", images.CASES)
def test_an_image_is_composed_to_the_very_same_digest(host: Any, folder: Path, case: str) -> None:
    made = images.compose(host, case, folder / case)
    found = json.loads(json.dumps(images.image_view(host, made)))
    for what, known in KNOWN["images"][case].items():
        assert found[what] == known, what


def test_the_farms_registry_serves_the_same_images(folder: Path) -> None:
    assert images.registry_images(folder / "own") == KNOWN["registry"]


def test_a_layout_is_read_and_verified_by_who_did_not_write_it(host: Any, tmp_path: Path) -> None:
    layout = kept.unpacked("layout.tar.gz", tmp_path) / "layout"
    assert json.loads(json.dumps(images.layout_view(host, layout))) == KNOWN["layout"]


def test_a_layout_is_written_as_it_was(host: Any, folder: Path, tmp_path: Path) -> None:
    made = images.compose(host, "own-files", folder / "again")
    images.layout_of(host, made, tmp_path / "layout")
    layout = kept.unpacked("layout.tar.gz", tmp_path / "kept") / "layout"
    assert kept.files_of(tmp_path / "layout") == kept.files_of(layout)
