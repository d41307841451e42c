"""The containers of a Docker Engine that have farm's label: what they run, as far as their images confirm it.

The labels of a container are whatever the user who started it wrote. Its content is that of its image, which is
computed from what is signed (`farm.client.image.accounting`), once for all containers of that image; or, in a
late-bound run, what is mounted into it from this host's cache.
"""

from __future__ import annotations

import shlex
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol

from farm.client.audit.subjects import update_command
from farm.client.image.accounting import unattributed
from farm.client.image.known_image import Engine, open_image
from farm.client.image.making import FILES, IMPORTS, RECORD, REPLACES, SET
from farm.client.image.user_layer import LayerSource
from farm.client.root.known_roots import states
from farm.client.run.container_mounts import bound_stores, hidden_in, not_late_bound
from farm.client.run.processes import Running
from farm.container.empty_image import EmptyImage
from farm.core.names.platform import Platform
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farm.client.image.known_image import KnownImage
    from farm.client.repository.host import Host
    from farm.client.run.processes import Start
    from farm.container.docker_objects import LabelledContainer

_LABELS = (RECORD, SET, FILES, REPLACES, IMPORTS)
# Its layer identifies it; the layer is the same for all platforms.
_EMPTY = EmptyImage.of(Platform("linux", "amd64"))


class Images(Engine, LayerSource, Protocol):
    """The images of an engine, and their layers."""


class RunningContainers:
    """Examines one container after the other; each image is accounted for once."""

    def __init__(self, host: Host, images: Images, starts: Iterable[Start]) -> None:
        self._host = host
        self._images = images
        self._states = states(host)
        self._recorded = {start.stores: start.record for start in starts}
        self._account = cache(self._account_for)

    def look(self, container: LabelledContainer) -> Running:
        """Return what a container runs. What cannot be known is described in `unattributed`."""
        if _EMPTY.is_it(self._images.inspect(container.image_id)):
            return self._late_bound(container)
        image, other_content = self._account(container.image_id)
        return Running(
            "container",
            container.name,
            f"container {container.name} of {container.image}",
            image.record if image else None,
            (),
            partial(update_command, container.image),
            (*other_content, *(_relabelled(container, image) if image else ()), *hidden_in(container)),
            image.provenances if image else {},
        )

    def _account_for(self, image_id: str) -> tuple[KnownImage | None, tuple[str, ...]]:
        """Return an image, and its content that belongs to no package; None and the reason where it cannot be read."""
        image = None
        try:
            image = open_image(image_id, self._host, self._images)
            return image, unattributed(self._host, image, self._images)
        except FarmError as error:  # there are other containers to examine
            return image, (error.message,)

    def _late_bound(self, container: LabelledContainer) -> Running:
        stores = bound_stores(container.mounts)
        other = tuple(not_late_bound(container.mounts, self._host.cache.root, self._states))
        return Running(
            "container",
            container.name,
            f"container {container.name}, late-bound",
            self._recorded.get(stores),
            stores,
            lambda _package: f"docker stop {shlex.quote(container.name)}",
            other if stores else (*other, "no package is mounted into it"),
        )


def _relabelled(container: LabelledContainer, image: KnownImage) -> Iterator[str]:
    for name in _LABELS:
        if container.labels.get(name) != image.labels.get(name):
            yield f"{name}: the label of the container differs from that of its image"
