"""An image leaves the store as a tar for Docker and OCI tools, or as a layout directory: always the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from farm.oci.image import OciImage, image_from
from farm.oci.image_archive import image_archive
from farm.oci.image_config import ImageConfig
from farm.oci.layout import write_layout
from farm.store.blobs import BlobStore
from farm.store.errors import CorruptBlobError
from tests.oci.packages import composition, package
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture
def image(store: BlobStore) -> OciImage:
    packages = [package(store, "a", {"bin/a": b"a"}), package(store, "b", {"bin/b": b"bb"})]
    archives = [member.archive for member in packages]
    return image_from(composition(packages), archives, ImageConfig(Platform.parse("linux/amd64")), store)


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), errorlevel=2) as tar:
        found = {}
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            assert member.name not in found
            found[member.name] = content.read()
        return found


def test_the_archive_is_for_docker_and_for_oci(image: OciImage, store: BlobStore) -> None:
    found = members(b"".join(image_archive(image, store, reference="edge/tools:1")))
    [docker] = json.loads(found["manifest.json"])
    assert docker["RepoTags"] == ["edge/tools:1"]
    assert docker["Config"] == f"blobs/sha256/{image.image_id.hex}"
    assert docker["Layers"] == [f"blobs/sha256/{layer.blob.digest.hex}" for layer in image.layers]
    [entry] = json.loads(found["index.json"])["manifests"]
    assert entry["digest"] == image.digest
    assert entry["annotations"] == {
        "io.containerd.image.name": "docker.io/edge/tools:1",
        "org.opencontainers.image.ref.name": "1",
    }
    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    blobs = {name: content for name, content in found.items() if name.startswith("blobs/")}
    assert {f"blobs/sha256/{hashlib.sha256(content).hexdigest()}" for content in blobs.values()} == set(blobs)
    assert len(blobs) == len(image.layers) + 2


def test_layers_that_the_engine_has_are_named_and_not_sent(image: OciImage, store: BlobStore) -> None:
    found = members(b"".join(image_archive(image, store, without=frozenset(image.diff_ids[:2]))))
    assert sorted(found) == sorted(
        ["manifest.json", f"blobs/sha256/{image.image_id.hex}", f"blobs/sha256/{image.layers[2].blob.digest.hex}"]
    )
    assert len(json.loads(found["manifest.json"])[0]["Layers"]) == 3


def test_the_bytes_are_the_same_each_time(image: OciImage, store: BlobStore) -> None:
    assert b"".join(image_archive(image, store)) == b"".join(image_archive(image, store))


def test_a_rotten_blob_ends_the_archive(image: OciImage, store: BlobStore) -> None:
    path = store.path(image.layers[0].blob.digest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(CorruptBlobError):
        b"".join(image_archive(image, store))


@pytest.mark.parametrize("reference", ["jq", "JQ:1", "jq:", "a//b:1", "../jq:1", "jq:1\n", 'jq:1"', "/jq:1"])
def test_what_is_no_name_is_refused(image: OciImage, store: BlobStore, tmp_path: Path, reference: str) -> None:
    with refuses("invalid-image-reference"):
        b"".join(image_archive(image, store, reference=reference))
    with refuses("invalid-image-reference"):
        write_layout(image, store, tmp_path / "layout", reference=reference)


@pytest.mark.parametrize("name", ["jq", "edge/jq", "dist.example.org/edge/jq", "localhost:5000/jq"])
def test_names_are_said_in_full_to_containerd(image: OciImage, store: BlobStore, name: str) -> None:
    found = members(b"".join(image_archive(image, store, reference=f"{name}:1")))
    full = {"jq": "docker.io/library/jq", "edge/jq": "docker.io/edge/jq"}.get(name, name)
    [entry] = json.loads(found["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == f"{full}:1"


def test_a_layout_holds_the_same_blobs(image: OciImage, store: BlobStore, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    write_layout(image, store, layout, reference="jq:1")
    found = members(b"".join(image_archive(image, store, reference="jq:1")))
    del found["manifest.json"]
    files = {str(path.relative_to(layout)): path.read_bytes() for path in layout.rglob("*") if path.is_file()}
    assert files == found


def test_a_layout_is_never_written_over(image: OciImage, store: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "layout").mkdir()
    with pytest.raises(FileExistsError):
        write_layout(image, store, tmp_path / "layout")


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")
def test_skopeo_reads_the_layout(image: OciImage, store: BlobStore, tmp_path: Path) -> None:
    write_layout(image, store, tmp_path / "layout", reference="jq:1")
    command = ["skopeo", "inspect", "--raw", f"oci:{tmp_path}/layout:1"]
    manifest = subprocess.run(command, check=True, capture_output=True).stdout
    assert manifest == store.read(image.digest)


def test_plain_layers_go_uncompressed_under_their_diff_ids(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    packages = [package(store, "jq", {"bin/jq": b"jq"}), package(store, "bash", {"bin/bash": b"bash"})]
    config = ImageConfig(Platform.parse("linux/amd64"))
    image = image_from(composition(packages), [member.archive for member in packages], config, store)
    found = members(b"".join(image_archive(image, store, plain=True)))
    listed = json.loads(found["manifest.json"])[0]["Layers"]
    assert listed == [f"blobs/sha256/{diff_id.hex}" for diff_id in image.diff_ids]
    assert [Digest.of(found[path]) for path in listed] == list(image.diff_ids)
    assert "index.json" not in found
