"""An image is a function of its packages, links and configuration: of nothing else, and in any order."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from farm.core.plan.job import BlobRef
from farm.oci.image import OciImage, image_from
from farm.oci.image_config import ImageConfig
from farm.oci.layer import TAR, Layer
from farm.oci.package_layers import GROUPS, MOST_PACKAGE_LAYERS
from farm.store.blobs import BlobStore
from tests.oci.packages import TinyPackage, composition, package
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = ImageConfig(
    Platform.parse("linux/amd64"),
    entrypoint=("/usr/bin/jq",),
    command=("-n", "1+1"),
    environment=(("LANG", "C.UTF-8"),),
    user="65534",
    working_directory="/tmp",
    labels=(("org.example.set", "edge"),),
)


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def some_packages(store: BlobStore, count: int) -> list[TinyPackage]:
    return [
        package(store, f"p{number}", {f"bin/p{number}": b"x" * (number % 7), f"share/p{number}/a": b"a"})
        for number in range(count)
    ]


def image_of(packages: list[TinyPackage], store: BlobStore, config: ImageConfig = CONFIG, **more: Layer) -> OciImage:
    return image_from(composition(packages), [member.archive for member in packages], config, store, **more)


def document(store: BlobStore, blob: BlobRef) -> Any:
    return json.loads(store.read(blob.digest))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_order_of_packages_never_changes_an_image(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = BlobStore(tmp_path_factory.mktemp("blobs"))
    packages = some_packages(store, data.draw(st.integers(1, 6)))
    shuffled = data.draw(st.permutations(packages))
    archives = [member.archive for member in data.draw(st.permutations(packages))]
    assert image_from(composition(shuffled), archives, CONFIG, store) == image_of(packages, store)


def test_environment_and_labels_have_no_order_either(store: BlobStore) -> None:
    pairs = (("A", "1"), ("B", "2"))
    packages = some_packages(store, 1)
    one = image_of(packages, store, replace(CONFIG, environment=pairs, labels=pairs))
    other = image_of(packages, store, replace(CONFIG, environment=pairs[::-1], labels=pairs[::-1]))
    assert one == other


def test_whatever_matters_changes_the_image(store: BlobStore) -> None:
    packages = some_packages(store, 3)
    images = {
        image_of(packages, store).digest,
        image_of(packages[:2], store).digest,
        image_of(packages, store, replace(CONFIG, user="")).digest,
        image_of(packages, store, replace(CONFIG, command=())).digest,
        image_of(packages, store, replace(CONFIG, platform=Platform.parse("linux/arm64"))).digest,
    }
    assert len(images) == 5


def test_each_package_is_a_layer_the_largest_lowest_and_links_on_top(store: BlobStore) -> None:
    small, large = package(store, "a", {"bin/a": b"a"}), package(store, "b", {"bin/b": b"b" * 100})
    image = image_of([small, large], store)
    assert [layer.holds for layer in image.layers] == [large.archive.store, small.archive.store, "links"]
    assert image.layers[0].blob == large.archive.blob


def test_a_layer_is_the_very_blob_that_clients_download(store: BlobStore) -> None:
    packages = some_packages(store, 4)
    manifest = document(store, image_of(packages, store).manifest)
    layers = {layer["digest"]: layer for layer in manifest["layers"]}
    for member in packages:
        blob = member.archive.blob
        media_type = "application/vnd.oci.image.layer.v1.tar+zstd"
        assert layers[blob.digest] == {"digest": blob.digest, "mediaType": media_type, "size": blob.size}


def test_manifest_and_configuration_say_what_the_specification_asks(store: BlobStore) -> None:
    image = image_of(some_packages(store, 1), store)
    assert document(store, image.manifest) == {
        "config": {
            "digest": image.image_id,
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": store.size(image.image_id),
        },
        "layers": [layer.descriptor() for layer in image.layers],
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "schemaVersion": 2,
    }
    created = "1980-01-01T00:00:00Z"
    assert document(store, image.config) == {
        "architecture": "amd64",
        "config": {
            "Cmd": ["-n", "1+1"],
            "Entrypoint": ["/usr/bin/jq"],
            "Env": ["LANG=C.UTF-8", "PATH=/usr/bin:/usr/sbin"],
            "Labels": {"org.example.set": "edge"},
            "User": "65534",
            "WorkingDir": "/tmp",
        },
        "created": created,
        "history": [{"created": created, "created_by": layer.holds} for layer in image.layers],
        "os": "linux",
        "rootfs": {"diff_ids": list(image.diff_ids), "type": "layers"},
    }


def test_ports_and_volumes_stand_as_the_specification_asks_and_are_read_back(store: BlobStore) -> None:
    config = replace(CONFIG, ports=("8080/tcp",), volumes=("/data",))
    settings = document(store, image_of(some_packages(store, 1), store, config).config)["config"]
    assert settings["ExposedPorts"] == {"8080/tcp": {}}
    assert settings["Volumes"] == {"/data": {}}
    read = ImageConfig.of(CONFIG.platform, settings)
    assert image_of(some_packages(store, 1), store, read) == image_of(some_packages(store, 1), store, config)


def test_a_path_of_the_users_own_stands(store: BlobStore) -> None:
    image = image_of(some_packages(store, 1), store, replace(CONFIG, environment=(("PATH", "/opt"),)))
    assert document(store, image.config)["config"]["Env"] == ["PATH=/opt"]


def test_an_image_without_settings_names_none(store: BlobStore) -> None:
    image = image_of(some_packages(store, 1), store, ImageConfig(CONFIG.platform))
    assert document(store, image.config)["config"] == {"Env": ["PATH=/usr/bin:/usr/sbin"]}


def test_the_users_own_files_lie_on_top(store: BlobStore) -> None:
    blob = BlobRef(store.put_bytes(b"\0" * 1024), 1024)
    own = Layer(blob.digest, blob, TAR, "the user's files")
    assert image_of(some_packages(store, 2), store, files=own).layers[-1] == own


def test_archives_that_are_not_the_compositions_are_refused(store: BlobStore) -> None:
    one, two = some_packages(store, 2)
    with refuses("package-archive", match="missing"):
        image_from(composition([one, two]), [one.archive], CONFIG, store)
    with refuses("package-archive", match="not in the composition"):
        image_from(composition([one]), [one.archive, two.archive], CONFIG, store)
    other = replace(one.archive, diff_id=Digest.of(b"other"))
    with refuses("package-archive", match=one.archive.store):
        image_from(composition([one]), [other], CONFIG, store)


def test_the_smaller_of_too_many_packages_share_layers(store: BlobStore) -> None:
    packages = some_packages(store, MOST_PACKAGE_LAYERS + 10)
    image = image_of(packages, store)
    assert image == image_of(packages[::-1], store)
    alone = image.layers[: MOST_PACKAGE_LAYERS - GROUPS]
    shared = image.layers[len(alone) : -1]
    assert 1 < len(shared) <= GROUPS
    together = " ".join(layer.holds for layer in shared).split()
    assert sorted([layer.holds for layer in alone] + together) == sorted(member.archive.store for member in packages)
    sizes = {member.archive.store: member.archive.content_bytes for member in packages}
    assert max(sizes[name] for name in together) <= min(sizes[layer.holds] for layer in alone)
    group = next(layer for layer in shared if " " in layer.holds)
    assert group.diff_id == group.blob.digest == Digest.of(store.read(group.blob.digest))
    with tarfile.open(fileobj=io.BytesIO(store.read(group.blob.digest))) as tar:
        names = {member.name for member in tar}
    held = group.holds.split()
    assert {f"packages/{name}/bin/{name.partition('-')[0]}" for name in held} <= names
    assert len(names) == 1 + 6 * len(held)


def test_one_changed_package_of_very_many_changes_one_layer_beside_the_links(store: BlobStore) -> None:
    packages = some_packages(store, MOST_PACKAGE_LAYERS + 60)
    small = min(packages, key=lambda member: (member.archive.content_bytes, member.archive.store))
    changed = package(store, small.forest.name, {f"bin/{small.forest.name}": b"", "share/more": b""})
    before = image_of(packages, store)
    after = image_of([changed if member is small else member for member in packages], store)
    assert len(set(after.diff_ids) - set(before.diff_ids)) == 2


def test_a_package_more_leaves_the_groups_of_others_as_they_are(store: BlobStore) -> None:
    packages = some_packages(store, MOST_PACKAGE_LAYERS + 60)
    more = package(store, "zz", {"bin/zz": b""})
    before, after = image_of(packages, store), image_of([*packages, more], store)
    assert len(set(after.diff_ids) - set(before.diff_ids)) == 2


def test_as_many_packages_as_fit_have_a_layer_each(store: BlobStore) -> None:
    image = image_of(some_packages(store, MOST_PACKAGE_LAYERS), store)
    assert all(" " not in layer.holds for layer in image.layers)
