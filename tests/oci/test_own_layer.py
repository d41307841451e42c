"""The user's own files as a layer: a function of their content, with errors for what an image cannot hold."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from farm.oci.own_files import OwnFilesError, own_files, read_own_layer, scan_own_tree
from farm.store.blobs import BlobStore
from farm.store.errors import UnfitTreeError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def tree(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def test_time_owner_and_the_other_bits_of_a_mode_are_nothing(store: BlobStore, tmp_path: Path) -> None:
    one, other = tree(tmp_path / "one", a="a", b="b"), tree(tmp_path / "other", b="b", a="a")
    (other / "a").chmod(0o600)
    os.utime(other / "b", (1, 1))
    assert own_files([(one, "app")], store) == own_files([(other, "app")], store)
    (other / "b").chmod(0o711)
    assert own_files([(one, "app")], store) != own_files([(other, "app")], store)


def test_a_file_in_two_directories_is_an_error_that_names_both(store: BlobStore, tmp_path: Path) -> None:
    one, other = tree(tmp_path / "one", a="1", b="b"), tree(tmp_path / "other", a="2")
    with pytest.raises(OwnFilesError, match=r"/app/a is in .*one and in .*other"):
        own_files([(other, "app"), (one, "app")], store)
    (other / "a").rename(other / "c")
    found = own_files([(other, "app"), (one, "app")], store)
    assert sorted(found.manifest.by_path) == ["app", "app/a", "app/b", "app/c"]


@pytest.mark.parametrize("at", ["packages", "proc/x", "dev", "sys"])
def test_some_places_are_not_for_own_files(store: BlobStore, tmp_path: Path, at: str) -> None:
    with pytest.raises(OwnFilesError, match="not for own files"):
        own_files([(tree(tmp_path / "one", a="1"), at)], store)


@pytest.mark.parametrize("name", ["etc", "tmp", "bin", "lib64", "run"])
def test_what_is_a_directory_in_every_image_is_no_file(store: BlobStore, tmp_path: Path, name: str) -> None:
    with pytest.raises(OwnFilesError, match="a directory in every image"):
        own_files([(tree(tmp_path / "one", **{name: "1"}), "")], store)


def test_what_no_image_holds_is_refused(store: BlobStore, tmp_path: Path) -> None:
    folder = tree(tmp_path / "one", a="1")
    os.mkfifo(folder / "pipe")
    with pytest.raises(UnfitTreeError) as caught:
        own_files([(folder, "app")], store)
    assert caught.value.message == f"{folder} has files that no image or package can hold:\n  'pipe': it is a fifo"
    assert f"Remove them, or leave them out with a line in {folder}/.farmignore" in caught.value.remedy
    (folder / ".farmignore").write_text("pipe\n")
    own_files([(folder, "app")], store)
    with pytest.raises(OwnFilesError, match="not a directory"):
        own_files([(tmp_path / "nothing", "app")], store)


def test_a_link_out_of_a_directory_can_be_in_an_image_and_in_no_package(tmp_path: Path) -> None:
    folder = tree(tmp_path / "one", a="1")
    (folder / "out").symlink_to("/etc/passwd")
    assert "out" in scan_own_tree(folder, absolute_links=True).by_path
    with pytest.raises(UnfitTreeError) as caught:
        scan_own_tree(folder)
    assert "links to places in it are allowed" in caught.value.remedy


def test_the_layer_says_what_it_holds(store: BlobStore, tmp_path: Path) -> None:
    folder = tree(tmp_path / "one", a="1", run="x")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("/usr/bin/jq")
    found = own_files([(folder, "app")], store)
    with store.open(found.layer.diff_id) as stream:
        assert read_own_layer(stream) == found.manifest
