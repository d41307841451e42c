"""Row 11: an image of 5, 20, 50 and 100 packages composed and loaded into the engine; then one package changed.

A package has 120 files of 2 MB in total. All start from the same archives, except the tars of single layers, which are
made from the trees; all end with an image that the engine can run, except buildah, whose storage is its own, and the
layout, which is compared with buildah. Engine and buildah store images on the disk.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from farm.container.sandbox import connect
from farm.store.blobs import BlobStore
from script.benchmarks.engine_images import EngineImages
from script.benchmarks.material import capture_package, write_packages
from script.benchmarks.measurement import Measurement, interleave
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from script.benchmarks.ground import Ground
    from script.benchmarks.material import SamplePackage

NUMBER = 11
TITLE = "compose and load an image"
COUNTS, CHANGED_COUNT = (5, 20, 50, 100), 20
FILES, BYTES = 120, 2_000_000
_SMALL_CHANGE = 20_000

_KIT, _LEGACY, _NAIVE = "docker build, BuildKit", "docker build, legacy builder", "one tar per layer, docker load"
_LAYOUT, _BUILDAH = "farm, as an OCI layout", "buildah build"
_SHARED_WORK = "all but a tenth of it is the engine's own unpacking, layer after layer, which every contender waits for"
_ABOVE = "an engine with graph drivers unpacks, and must be sent, all layers above the changed one"


def measure(ground: Ground, rounds: int) -> Iterator[Table]:
    """Time cold loads of each size, then a second load with the middle one of the packages changed."""
    store, most = BlobStore(ground.directory / "blobs"), max(COUNTS)
    packages = write_packages(
        ground.directory / "trees", store, ground.quarry(), count=most, files=FILES, total=most * BYTES
    )
    images = EngineImages(connect(ground.settings.docker), store, ground.directory)
    try:
        for count in COUNTS:
            yield _cold(images, packages[:count], rounds)
        before = packages[:CHANGED_COUNT]
        yield from _second(images, before, _with_change(before, store, ground), rounds)
    finally:
        images.clear()


def _cold(images: EngineImages, packages: Sequence[SamplePackage], rounds: int) -> Table:
    contenders = {
        **_contenders(images, packages),
        _LAYOUT: lambda: images.farm_layout(packages),
        _BUILDAH: images.buildah_build,
    }
    measured = interleave(contenders, rounds, before=lambda _: images.write_context(packages), after=images.clear)
    goals = (
        *(Goal("farm", peer, 0.2, why=_SHARED_WORK) for peer in (_KIT, _LEGACY)),
        Goal(_LAYOUT, _BUILDAH, 0.2),
    )
    return Table(f"{NUMBER}. An image of {len(packages)} packages, cold", _KIT, tuple(measured), goals)


def _second(
    images: EngineImages, packages: Sequence[SamplePackage], changed: Sequence[SamplePackage], rounds: int
) -> Iterator[Table]:
    sent: dict[str, float] = {}

    def first_load(name: str) -> None:
        images.write_context(packages)
        _contenders(images, packages)[name]()
        images.write_context(changed)

    def clear() -> None:
        sent.update(images.sent)
        images.clear()

    measured = interleave(_contenders(images, changed), rounds, before=first_load, after=clear)
    goals = tuple(Goal("farm", peer, 0.2, why=_ABOVE) for peer in (_KIT, _LEGACY))
    title = f"One of {len(packages)} packages changed"
    yield Table(f"{NUMBER}. {title}", _KIT, tuple(measured), goals)

    counted = [Measurement(name, (count,), "B") for name, count in sent.items()]
    yield Table(f"{NUMBER}. {title}: bytes sent to the engine", _KIT, tuple(counted))
    yield _registry(title, images, packages, changed)


def _registry(
    title: str, images: EngineImages, packages: Sequence[SamplePackage], changed: Sequence[SamplePackage]
) -> Table:
    """Count the bytes of the second image that a registry with the first image lacks."""
    before, after = ({*_blobs(images, members)} for members in (packages, changed))
    new = sum(size for _, size in after - before)
    own = {package.captured.archive for package in changed} - {package.captured.archive for package in packages}
    allowed = sum(blob.size for blob in own) + _SMALL_CHANGE
    peer = "the changed package's blob + 20 kB"
    measured = (Measurement("farm", (new,), "B"), Measurement(peer, (allowed,), "B"))
    why = "the layer of links is new as a whole, and uncompressed so that it is the same wherever it is made"
    return Table(f"{NUMBER}. {title}: bytes new to a registry", peer, measured, (Goal("farm", peer, 1.0, why=why),))


def _blobs(images: EngineImages, packages: Sequence[SamplePackage]) -> list[tuple[str, int]]:
    image = images.compose(packages)
    return [
        (blob.digest, blob.size) for blob in (image.config, image.manifest, *(layer.blob for layer in image.layers))
    ]


def _contenders(images: EngineImages, packages: Sequence[SamplePackage]) -> Mapping[str, Callable[[], object]]:
    return {
        "farm": lambda: images.farm(packages),
        _KIT: lambda: images.docker_build(_KIT, kit=True),
        _LEGACY: lambda: images.docker_build(_LEGACY, kit=False),
        _NAIVE: lambda: images.one_tar_per_layer(_NAIVE, packages),
    }


def _with_change(packages: Sequence[SamplePackage], store: BlobStore, ground: Ground) -> Sequence[SamplePackage]:
    """Return the packages with one more line in one file of the package of median size."""
    index = packages.index(sorted(packages, key=lambda package: package.archive.content_bytes)[len(packages) // 2])
    name = packages[index].name
    tree = ground.directory / "changed" / name
    shutil.copytree(packages[index].tree, tree)
    with (tree / "share" / "licenses" / name / "LICENSE").open("ab") as file:
        file.write(b"One more line.\n")
    return [*packages[:index], capture_package(tree, store), *packages[index + 1 :]]
