"""The image store loads an image into the engine under a precomputed id, and sends only what is missing."""

from __future__ import annotations

import io
import tarfile
from functools import partial
from typing import TYPE_CHECKING, Any

import docker
import docker.errors
import pytest

from farm.container.image_store import ImageStore, present_layers, uses_containerd
from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from farm.oci.image import OciImage, image_from
from farm.oci.image_archive import image_archive
from farm.oci.image_config import ImageConfig
from farm.store.blobs import BlobStore
from tests.oci.packages import TinyPackage, composition, package, printing_program
from tests.refusing import refuses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


A, B, C, D = (Digest.of(letter) for letter in (b"a", b"b", b"c", b"d"))
REFERENCE = "farm-test/image-store:1"


def test_layers_are_reused_in_their_chain_only() -> None:
    assert present_layers([A, B, C], []) == frozenset()
    assert present_layers([A, B, C], [[A, B, D], [A], [B, C]]) == {A, B}
    assert present_layers([A, B, C], [[B, A, C]]) == frozenset()
    assert present_layers([A, B], [[A, B, C]]) == {A, B}
    assert present_layers([A, B, A], [[A]]) == frozenset()


def test_the_engine_says_which_store_it_has() -> None:
    assert uses_containerd({"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]})
    assert not uses_containerd({"DriverStatus": [["Backing Filesystem", "extfs"]]})
    assert not uses_containerd({"DriverStatus": None})


class Workbench:
    """An engine, a store of packages with unique content, and the archives that were sent."""

    def __init__(self, client: docker.APIClient, store: BlobStore, unique: str) -> None:
        self.client = client
        self.store = store
        self.unique = unique
        self.sent: list[bytes] = []
        self.images = ImageStore(client)

    def package(self, name: str) -> TinyPackage:
        text = f"{name} of {self.unique}\n".encode()
        return package(self.store, name, {f"bin/{name}": printing_program(text), f"share/{name}/text": text})

    def image(self, packages: list[TinyPackage], command: str) -> OciImage:
        config = ImageConfig(Platform.parse("linux/amd64"), command=(command,))
        return image_from(
            composition(packages), [tiny_package.archive for tiny_package in packages], config, self.store
        )

    def archive(self, image: OciImage, *, without: frozenset[Digest], plain: bool) -> Iterable[bytes]:
        data = b"".join(image_archive(image, self.store, reference=REFERENCE, without=without, plain=plain))
        self.sent.append(data)
        # In pieces, some of them empty.
        return (data[start : start + 10_000] for start in (0, len(data), *range(10_000, len(data), 10_000)))

    def load(self, image: OciImage) -> tuple[Digest, int]:
        loaded = self.images.load(image, partial(self.archive, image), reference=REFERENCE)
        return loaded.id, loaded.layers_sent

    def run(self) -> bytes:
        container = self.client.create_container(REFERENCE, network_disabled=True)  # type: ignore[no-untyped-call]
        try:
            self.client.start(container)  # type: ignore[no-untyped-call]
            assert self.client.wait(container)["StatusCode"] == 0  # type: ignore[no-untyped-call]
            return bytes(self.client.logs(container))  # type: ignore[no-untyped-call]
        finally:
            self.client.remove_container(container)  # type: ignore[no-untyped-call]

    def blobs_sent(self) -> list[str]:
        with tarfile.open(fileobj=io.BytesIO(self.sent[-1])) as tar:
            return [member.name for member in tar if member.name.startswith("blobs/")]


@pytest.fixture
def bench(client: docker.APIClient, tmp_path: Path) -> Iterator[Workbench]:
    yield Workbench(client, BlobStore(tmp_path / "blobs"), str(tmp_path))
    for image in client.images(name="farm-test/image-store", quiet=True):  # type: ignore[no-untyped-call]
        client.remove_image(image, force=True)  # type: ignore[no-untyped-call]


@pytest.mark.docker
def test_an_image_of_two_packages_loads_and_runs_and_its_id_is_known_beforehand(bench: Workbench) -> None:
    image = bench.image([bench.package("one"), bench.package("two")], "/usr/bin/two")
    assert bench.load(image) == (image.image_id, 3)
    assert bench.run() == f"two of {bench.unique}\n".encode()


@pytest.mark.docker
def test_a_second_load_sends_nothing(bench: Workbench) -> None:
    image = bench.image([bench.package("one"), bench.package("two")], "/usr/bin/two")
    bench.load(image)
    assert bench.load(image) == (image.image_id, 0)
    assert len(bench.sent) == 1


@pytest.mark.docker
def test_another_configuration_of_the_same_layers_sends_no_layer(bench: Workbench) -> None:
    packages = [bench.package("one"), bench.package("two")]
    bench.load(bench.image(packages, "/usr/bin/one"))
    image = bench.image(packages, "/usr/bin/two")
    assert bench.load(image) == (image.image_id, 0)
    assert bench.blobs_sent() == [f"blobs/sha256/{image.image_id.hex}"]
    assert bench.run() == f"two of {bench.unique}\n".encode()


@pytest.mark.docker
def test_of_a_changed_image_the_layers_above_the_change_are_sent(bench: Workbench) -> None:
    large = package(bench.store, "large", {"share/large/text": bench.unique.encode() * 1000})
    bench.load(bench.image([large, bench.package("one")], "/usr/bin/one"))
    image = bench.image([large, bench.package("two")], "/usr/bin/two")
    assert bench.load(image) == (image.image_id, 2)
    assert f"blobs/sha256/{large.archive.blob.digest.hex}" not in bench.blobs_sent()
    assert bench.run() == f"two of {bench.unique}\n".encode()


@pytest.mark.docker
def test_layers_that_vanish_meanwhile_are_sent_after_all(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    image = bench.image([bench.package("one")], "/usr/bin/one")
    monkeypatch.setattr(bench.images, "_chains", lambda: [image.diff_ids])
    assert bench.load(image) == (image.image_id, 2)
    assert len(bench.sent) == 2
    assert bench.run() == f"one of {bench.unique}\n".encode()


@pytest.mark.docker
def test_an_error_in_the_body_of_a_good_answer_is_an_error(bench: Workbench) -> None:
    image = bench.image([bench.package("one")], "/usr/bin/one")

    def broken(*, without: frozenset[Digest], plain: bool) -> Iterable[bytes]:
        del without, plain
        data = b"".join(image_archive(image, bench.store, reference=REFERENCE))
        return [
            data.replace(b'"blobs/sha256/' + image.layers[0].blob.digest.hex.encode(), b'"blobs/sha256/' + b"0" * 64)
        ]

    with refuses("image-load", match="no such file"):
        bench.images.load(image, broken, reference=REFERENCE)


@pytest.mark.docker
def test_an_image_that_turns_out_to_be_another_is_an_error(bench: Workbench) -> None:
    image, other = (bench.image([bench.package(name)], f"/usr/bin/{name}") for name in ("one", "two"))
    with refuses("image-load", match=str(image.image_id)):
        bench.images.load(image, partial(bench.archive, other), reference=REFERENCE)


@pytest.mark.docker
def test_a_containerd_store_is_sent_everything(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    # This engine has a graph driver: the test can show that a complete archive is sent although all layers are
    # present, and that the engine accepts it.
    packages = [bench.package("one"), bench.package("two")]
    bench.load(bench.image(packages, "/usr/bin/one"))
    monkeypatch.setattr(bench.images, "_containerd", True)
    image = bench.image(packages, "/usr/bin/two")
    with refuses("image-load", match=str(image.digest)):
        bench.load(image)  # a graph driver names it by its configuration
    assert len(bench.blobs_sent()) == len(image.layers) + 2
    found: dict[str, Any] = bench.client.inspect_image(REFERENCE)  # type: ignore[no-untyped-call]
    assert found["Id"] == image.image_id
    assert bench.run() == f"two of {bench.unique}\n".encode()


@pytest.mark.docker
def test_the_engine_knows_no_image_that_was_never_loaded(bench: Workbench) -> None:
    with pytest.raises(docker.errors.ImageNotFound):
        bench.client.inspect_image("farm-test/image-store:never")  # type: ignore[no-untyped-call]
