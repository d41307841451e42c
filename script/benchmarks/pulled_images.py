"""A set of packages that a Docker Engine gets as an image from a registry: `docker pull`."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.image.push import registry_connections
from farm.oci.image_reference import RemoteReference
from farm.oci.push import push_image
from farm.oci.registry import Repository
from farm.oci.registry_credentials import Credentials
from script.benchmarks.delivery import NEW, OLD
from script.benchmarks.engine_images import REPOSITORY
from script.benchmarks.measurement import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from script.benchmarks.delivery import Sets
    from script.benchmarks.engine_images import EngineImages
    from script.benchmarks.material import SamplePackage
    from script.benchmarks.servers import CountingServer


@dataclass
class _Pulled:
    """An image of the old set and one of the new in the registry; the engine has neither when a client begins."""

    images: EngineImages
    server: CountingServer

    def prepare(self, sets: Sets) -> None:
        """Push both images to the registry."""
        for which, packages in sets.items():
            self._push(self._tag(which), packages)
            self.images.clear()

    def begin(self) -> None:
        """Remove everything from the engine."""
        self.clear()

    def install(self) -> None:
        """Pull the old image."""
        self._pull(OLD)

    def offer_new(self) -> None:
        """Nothing to do: both are there under their tags."""

    def upgrade(self) -> None:
        """Pull the new image."""
        self._pull(NEW)

    def holds(self, package: SamplePackage) -> bool:
        """Nothing to check: Docker has verified every digest of it."""
        del package
        return bool(self.images.client.images(self._tag(NEW)))

    def clear(self) -> None:
        """Remove both from the engine."""
        self.images.clear()

    def _push(self, reference: str, packages: Sequence[SamplePackage]) -> None:
        raise NotImplementedError

    def _pull(self, which: str) -> None:
        run(["docker", "pull", "--quiet", self._tag(which)])

    def _tag(self, which: str) -> str:
        return f"{self.server.host}/{REPOSITORY}-{type(self).__name__.lower()}:{which}"


class OneLayer(_Pulled):
    """An image of one layer, as `RUN apt-get install …` leaves it."""

    name = "docker pull, Dockerfile with one RUN"

    def _push(self, reference: str, packages: Sequence[SamplePackage]) -> None:
        self.images.write_merged_context(packages)
        _build_and_push(self.images, self.name, reference)


class LayerEach(_Pulled):
    """An image with a layer for each package, made with more care than most Dockerfiles."""

    name = "docker pull, Dockerfile with an ADD for each"

    def _push(self, reference: str, packages: Sequence[SamplePackage]) -> None:
        self.images.write_context(packages)
        _build_and_push(self.images, self.name, reference)


class FarmImage(_Pulled):
    """The image that the farm makes of the same packages."""

    name = "docker pull of the farm's image"

    def _push(self, reference: str, packages: Sequence[SamplePackage]) -> None:
        target = RemoteReference.parse(reference)
        repository = Repository(target, Credentials(), registry_connections, plain_http=True)
        try:
            push_image(self.images.compose(packages), self.images.store, repository, target.tag)
        finally:
            repository.close()


def _build_and_push(images: EngineImages, name: str, reference: str) -> None:
    images.docker_build(name, kit=True)
    run(["docker", "tag", f"{REPOSITORY}:build", reference])
    run(["docker", "push", "--quiet", reference])
    shutil.rmtree(images.directory / "context")
