"""`farm image list` and `farm image remove`: the images that were made on this host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.image.form import record_form
from farm.cli.options import json_option
from farm.cli.output import table, tell_result
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from farm.client.image.records import ImageRecord, ImageRecords


@click.command("list")
@json_option
def list_images(as_json: bool) -> None:
    """List the images that were made on this host.

    \b
    Example:
      farm image list
    """
    from farm.client.image.records import ImageRecords

    kept = list(ImageRecords(Settings.from_environment().state).all())
    rows = [
        (
            " ".join(image.names) or "-",
            image.digest,
            str(len(image.record.packages)),
            " ".join(str(ref) for ref in image.record.releases) or "local builds",
            image.made,
        )
        for image in sorted(kept, key=lambda image: (image.names, image.digest))
    ]
    headings = ("NAME", "DIGEST", "PACKAGES", "RELEASES", "MADE")
    lines = table(rows, headings) if rows else ["no images were made here"]
    tell_result(lines, [record_form(image) for image in kept], as_json=as_json)


@click.command("remove")
@click.argument("images", nargs=-1)
@click.option("--unnamed", is_flag=True, help="Forget all images that no longer have a name, as updates leave them.")
@json_option
def remove(images: tuple[str, ...], unnamed: bool, as_json: bool) -> None:
    """Forget IMAGES that were made on this host, by name or digest.

    A name is removed from its image, which is forgotten with its last name; a digest forgets the image with all names.
    `farm gc` then frees their space. Docker, OCI layouts and registries keep their copies.

    \b
    Example:
      farm image remove --unnamed
    """
    from farm.client.image.records import ImageRecords

    if bool(images) == unnamed:
        raise click.UsageError("Name images, or use --unnamed.")
    records = ImageRecords(Settings.from_environment().state)
    names = [image.digest for image in records.all() if not image.names] if unnamed else list(dict.fromkeys(images))
    for name in names:
        _found(records, name)  # all or none
    found = [_forget(records, name) for name in names]
    tell_result([line for line, _ in found], [record_form(image) for _, image in found], as_json=as_json)


def _forget(records: ImageRecords, name: str) -> tuple[str, ImageRecord]:
    """Forget the named image; return the line to print, and the image as it was."""
    before = _found(records, name)
    left = records.forget(before, name if before.called(name) else "")
    if left:
        return f"{name}: forgotten; the image is still named {' '.join(left.names)}", before
    return f"{name if before.called(name) else ' '.join(before.names) or before.digest}: forgotten", before


def _found(records: ImageRecords, name: str) -> ImageRecord:
    from farm.client.image.known_image import UnknownImageError

    found = records.find(name)
    if found is None:
        raise UnknownImageError(name)
    return found
