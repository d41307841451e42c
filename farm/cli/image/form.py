"""An image as JSON values, in the same form for all verbs: its packages, and their releases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farm.cli.output import say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from farm.client.image.package_set import ImagePart
    from farm.client.image.records import ImageRecord
    from farm.container.image_store import Loaded
    from farm.core.names.digest import Digest
    from farm.core.sets.members.set_record import SetRecord


def set_form(digest: Digest, record: SetRecord, parts: Iterable[ImagePart]) -> dict[str, Any]:
    """Return the set of an image. The size of a package is that of its archive, null where `parts` lack it."""
    sizes = {part.descriptor.digest: part.archive.size for part in parts}
    return {
        "digest": digest,
        "set": record.digest,
        "asked": list(record.asked),
        "packages": [package.to_dict() | {"size": sizes.get(package.descriptor)} for package in record.packages],
        "releases": [release.to_dict() for release in record.releases],
        "overrides": [str(override.name) for override in record.overrides],
    }


def layers_form(layers: Iterable[tuple[Digest, str]]) -> list[dict[str, Any]]:
    """Return the layers of an image, the lowest first, each with its content."""
    return [{"diff-id": diff_id, "holds": holds} for diff_id, holds in layers]


def say_written(output: Path | None, loaded: Loaded | None, reference: str, layers: int, *, err: bool) -> None:
    """Print where an image with so many layers is: the OCI layout, and its name in Docker."""
    if output:
        say(f"{output}: OCI layout", err=err)
    if loaded:
        say(f"{reference}: in Docker as {loaded.id[:19]}, {loaded.layers_sent} of {layers} layers sent", err=err)


def record_form(kept: ImageRecord) -> dict[str, Any]:
    """Return the record of an image that was made here."""
    return {
        "digest": kept.digest,
        "id": kept.image.image_id,
        "made": kept.made,
        "names": list(kept.names),
        "pushed": list(kept.pushed),
        "releases": [ref.to_dict() for ref in kept.record.releases],
        "set": kept.record.digest,
        "packages": [package.to_dict() for package in kept.record.packages],
    }
