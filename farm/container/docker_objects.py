"""The images and running containers of a Docker Engine that have farm's label. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import docker
import docker.errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LABEL = "farm.set"
"""The label of every image and every late-bound container."""
_ATTEMPTS = 3
_ADDED = 1
# `docker run --init` shows a program of the engine's there, for which it adds an empty file.
_PLACES_OF_INIT = (("/sbin/docker-init", _ADDED), ("/usr/sbin/docker-init", _ADDED))


@dataclass(frozen=True, slots=True)
class ContainerMount:
    """A mount of a container at `target`: of `source` on its host, of a volume, or (`source` empty) a fresh tmpfs."""

    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class LabelledContainer:
    """A running container. `image` is the name of the image that it was started from, `image_id` that image's id.

    `changed` are the paths that were written since, without the directories above them.
    """

    id: str
    name: str
    image: str
    image_id: str
    labels: Mapping[str, str]
    mounts: tuple[ContainerMount, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image: its `id` in the engine, and its `names` for people."""

    id: str
    names: tuple[str, ...]
    labels: Mapping[str, str]


def running_containers(client: docker.APIClient) -> list[LabelledContainer]:
    """Return the running containers, by name."""
    return sorted(_containers(client), key=attrgetter("name"))


def _containers(client: docker.APIClient) -> Iterator[LabelledContainer]:
    for listed in client.containers(filters={"label": LABEL}):
        found = _inspected(client, str(listed["Id"]))
        if found is None:
            continue  # it has just ended
        shown, changes = found
        config = shown.get("Config") or {}
        yield LabelledContainer(
            id=str(shown["Id"]),
            name=str(shown.get("Name") or listed["Id"][:12]).removeprefix("/"),
            image=str(listed.get("Image", "")),
            image_id=str(shown.get("Image", "")),
            labels=config.get("Labels") or {},
            mounts=tuple(sorted(_mounts(shown), key=attrgetter("target"))),
            changed=_changed(changes),
        )


def _inspected(client: docker.APIClient, name: str) -> tuple[Mapping[str, Any], Iterable[Mapping[str, Any]]] | None:
    """Return what the engine shows of a container, and the changes in it; None if it no longer runs.

    While a container is being removed, the engine answers with any status.
    """
    for _ in range(_ATTEMPTS):
        try:
            return client.inspect_container(name), client.diff(name) or ()
        except docker.errors.APIError as error:
            failure = error
        if not client.containers(filters={"id": name}):
            return None
    raise failure


def _mounts(shown: Mapping[str, Any]) -> Iterator[ContainerMount]:
    for mount in shown.get("Mounts") or ():
        yield ContainerMount(str(mount.get("Source", "")), str(mount.get("Destination", "")), bool(mount.get("RW")))
    for target in (shown.get("HostConfig") or {}).get("Tmpfs") or {}:
        yield ContainerMount("", str(target), writable=True)


def _changed(changes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the changed paths without the directories above them, which the engine lists too."""
    kinds = {str(change["Path"]): change["Kind"] for change in changes}
    found = sorted(kinds, key=lambda path: path.split("/"))
    return tuple(
        path
        for path, after in pairwise([*found, ""])
        if not after.startswith(f"{path}/") and (path, kinds[path]) not in _PLACES_OF_INIT
    )


def labelled_images(client: docker.APIClient) -> list[LabelledImage]:
    """Return the images, by their names."""
    found: list[dict[str, Any]] = client.images(filters={"label": LABEL})
    images = (
        LabelledImage(
            id=str(image["Id"]),
            names=tuple(sorted(name for name in image.get("RepoTags") or () if name != "<none>:<none>")),
            labels=image.get("Labels") or {},
        )
        for image in found
    )
    return sorted(images, key=attrgetter("names", "id"))
