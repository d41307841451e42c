"""`farm image list`: the images that were made on this host."""

from __future__ import annotations

import click

from farm.cli.image.form import record_form
from farm.cli.options import json_option
from farm.cli.output import table, tell_result
from farm.cli.settings import Settings


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
        for image in sorted(kept, key=lambda each: (each.names, each.digest))
    ]
    headings = ("NAME", "DIGEST", "PACKAGES", "RELEASES", "MADE")
    lines = table(rows, headings) if rows else ["no images were made here"]
    tell_result(lines, [record_form(image) for image in kept], as_json=as_json)
