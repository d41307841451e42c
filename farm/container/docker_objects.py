"""What a Docker Engine has that bears farm's label: images, and containers that run. Looks only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import docker
import docker.errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LABEL = "farm.set"
"""The label that every image and every late-bound container has."""
_ATTEMPTS = 3
_ADDED = 1
# `docker run --init` shows a program of the engine's there, for which it adds an empty file.
_PLACES_OF_INIT = (("/sbin/docker-init", _ADDED), ("/usr/sbin/docker-init", _ADDED))


@dataclass(frozen=True, slots=True)
class ContainerMount:
    """What a container sees at `target`: of its host at `source`, or of a volume, or (`source` empty) a fresh tmpfs."""

    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class LabelledContainer:
    """A container that runs. `image` is what it was started as, `image_id` what that was.

    `changed` are the paths that are others than in its image, by what was written in it; without the directories on
    the way to them.
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
    """An image: `id` is what the engine calls it, `names` what people do."""

    id: str
    names: tuple[str, ...]
    labels: Mapping[str, str]


def running_containers(client: docker.APIClient) -> list[LabelledContainer]:
    """Return the containers that run, by name."""
    return sorted(_containers(client), key=lambda each: each.name)


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
            mounts=tuple(sorted(_mounts(shown), key=lambda each: each.target)),
            changed=_changed(changes),
        )


def _inspected(client: docker.APIClient, name: str) -> tuple[Mapping[str, Any], Iterable[Mapping[str, Any]]] | None:
    """Return what the engine shows of a container, and what was written in it; None where it does not run any more.

    Of one that is being removed the engine shows nothing, or says with any status what it has not found.
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
    for each in shown.get("Mounts") or ():
        yield ContainerMount(str(each.get("Source", "")), str(each.get("Destination", "")), bool(each.get("RW")))
    for target in (shown.get("HostConfig") or {}).get("Tmpfs") or {}:
        yield ContainerMount("", str(target), writable=True)


def _changed(changes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what was changed without the directories that it lies in, which are listed as changed with it."""
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
            id=str(each["Id"]),
            names=tuple(sorted(name for name in each.get("RepoTags") or () if name != "<none>:<none>")),
            labels=each.get("Labels") or {},
        )
        for each in found
    )
    return sorted(images, key=lambda each: (each.names, each.id))
