"""What a Docker Engine has that bears farm's label: images, and containers that run. Looks only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import docker

LABEL = "farm.set"
"""The label that every image and every late-bound container has."""


@dataclass(frozen=True, slots=True)
class LabelledContainer:
    """A container that runs: `mounted` are the places in it where something of the host's is seen."""

    id: str
    name: str
    image: str
    labels: Mapping[str, str]
    mounted: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """An image: `id` is what the engine calls it, `names` what people do."""

    id: str
    names: tuple[str, ...]
    labels: Mapping[str, str]


def running_containers(client: docker.APIClient) -> list[LabelledContainer]:
    """Return the containers that run, by name."""
    found: list[dict[str, Any]] = client.containers(filters={"label": LABEL})
    containers = (
        LabelledContainer(
            id=str(each["Id"]),
            name=next((str(name).removeprefix("/") for name in each.get("Names") or ()), str(each["Id"])[:12]),
            image=str(each.get("Image", "")),
            labels=each.get("Labels") or {},
            mounted=tuple(sorted(str(mount.get("Destination", "")) for mount in each.get("Mounts") or ())),
        )
        for each in found
    )
    return sorted(containers, key=lambda each: each.name)


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
