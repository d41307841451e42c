"""Row 4: fifty packages installed on a host, then one of them upgraded: the time, and the bytes that a server sends.

A package has 120 files of 2 MB in total; in the upgraded one, programs and libraries change. Clients store their data
on the tmpfs, except the engine, which stores images on its own disk. Servers are on the loopback: no time is the
network's.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

from farm.container.sandbox import connect
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from script.benchmarks.delivery import NEW, OLD, Apt, Casync, Farm, Ostree
from script.benchmarks.engine_images import EngineImages
from script.benchmarks.material import rebuild, write_packages
from script.benchmarks.measurement import Measurement, interleave
from script.benchmarks.pulled_images import FarmImage, LayerEach, OneLayer
from script.benchmarks.servers import image_registry, static_server
from script.benchmarks.table import Goal, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from script.benchmarks.delivery import Delivery, Sets
    from script.benchmarks.ground import Ground
    from script.benchmarks.material import SamplePackage

NUMBER = 4
TITLE = "install 50 packages, upgrade one of them"
PACKAGES, FILES, BYTES = 50, 120, 2_000_000
_SMALL_CHANGE = 20_000
_ALLOWED = "the changed package's blob + 20 kB"
_START = (
    "it verifies metadata, all packages and the whole set anew, and Python has loaded all that before it fetches the "
    "first byte"
)
_UNPACKING = (
    "every header and content is verified as it is unpacked, by threads of Python, which take turns (see row 3)"
)


def measure(ground: Ground, rounds: int) -> Iterator[Table]:
    """Time the installation, then the upgrade; count the bytes of both."""
    store = BlobStore(ground.directory / "blobs")
    old = write_packages(
        ground.directory / "trees", store, ground.quarry(), count=PACKAGES, files=FILES, total=PACKAGES * BYTES
    )
    index, new = _with_rebuild(old, ground, store)
    images = EngineImages(connect(ground.settings.docker), store, ground.directory)
    with ExitStack() as running:
        running.callback(images.clear)
        deliveries = _deliveries(ground, images, {OLD: old, NEW: new}, running)
        yield from _tables(deliveries, new[index], rounds)


def _deliveries(ground: Ground, images: EngineImages, sets: Sets, running: ExitStack) -> list[Delivery]:
    served, clients = ground.directory / "served", ground.directory / "clients"
    served.mkdir()
    clients.mkdir()
    server = running.enter_context(static_server(served, ground.directory / "served.log"))
    registry = running.enter_context(image_registry(ground.directory / "registry"))
    files = [kind(served, server, clients / kind.__name__) for kind in (Farm, Apt, Ostree, Casync)]
    pulled = [kind(images, registry) for kind in (OneLayer, LayerEach, FarmImage)]
    for delivery in (*files, *pulled):
        ground.say(f"preparing: {delivery.name}")
        delivery.prepare(sets)
    return [*files, *pulled]


def _with_rebuild(
    packages: Sequence[SamplePackage], ground: Ground, store: BlobStore
) -> tuple[int, Sequence[SamplePackage]]:
    """Return the packages with another build of the one of median size, and its index."""
    index = packages.index(sorted(packages, key=lambda package: package.archive.content_bytes)[len(packages) // 2])
    changed = rebuild(packages[index], ground.directory / "rebuilt", store)
    return index, [*packages[:index], changed, *packages[index + 1 :]]


def _tables(deliveries: Sequence[Delivery], changed: SamplePackage, rounds: int) -> Iterator[Table]:
    by_name = {delivery.name: delivery for delivery in deliveries}
    others = (Apt.name, Ostree.name, Casync.name, OneLayer.name)
    sent: Counter[str] = Counter()
    current = deliveries[0]

    def begin(name: str) -> None:
        nonlocal current
        current = by_name[name]
        current.begin()
        sent[name] = -current.server.sent()

    def begin_installed(name: str) -> None:
        begin(name)
        current.install()
        current.offer_new()
        sent[name] = -current.server.sent()

    def finish() -> None:
        sent[current.name] += current.server.sent()
        current.clear()

    def finish_upgraded() -> None:
        if not current.holds(changed):
            raise FarmError(f"{current.name} has not brought the new {changed.name}", remedy="It measures nothing.")
        finish()

    measured = interleave(
        {delivery.name: delivery.install for delivery in deliveries}, rounds, before=begin, after=finish
    )
    goals = tuple(Goal(Farm.name, name, 1.0, why=_UNPACKING) for name in others)
    yield Table(f"{NUMBER}. Install {PACKAGES} packages", Apt.name, tuple(measured), goals)
    yield Table(f"{NUMBER}. Install {PACKAGES} packages: bytes sent to the client", Apt.name, _counted(sent))

    upgrades = {delivery.name: delivery.upgrade for delivery in deliveries}
    measured = interleave(upgrades, rounds, before=begin_installed, after=finish_upgraded)
    goals = tuple(Goal(Farm.name, name, 1.0, why=_START) for name in others)
    yield Table(f"{NUMBER}. Upgrade one of {PACKAGES} packages", Apt.name, tuple(measured), goals)

    allowed = Measurement(_ALLOWED, (changed.captured.archive.size + _SMALL_CHANGE,), "B")
    yield Table(
        f"{NUMBER}. Upgrade one of {PACKAGES} packages: bytes sent to the client",
        _ALLOWED,
        (*_counted(sent), allowed),
        (Goal(Farm.name, _ALLOWED, 1.0), Goal(Farm.name, OneLayer.name, 1.0)),
        "Contents count, HTTP's headers do not. A static delta holds the differences within files.",
    )


def _counted(sent: Counter[str]) -> tuple[Measurement, ...]:
    return tuple(Measurement(name, (count,), "B") for name, count in sent.items())
