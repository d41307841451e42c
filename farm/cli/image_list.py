"""`farm image list`: the images that this host made."""

from __future__ import annotations

import json

import click

from farm.cli.packages import json_option
from farm.cli.settings import Settings


@click.command("list")
@json_option
def list_images(as_json: bool) -> None:
    """List the images that were made here, with their names, packages and releases.

    \b
    Example:
      farm image list
    """
    from farm.cli.rendering import table
    from farm.client.image_records import ImageRecords

    kept = list(ImageRecords(Settings.from_environment().state).all())
    if as_json:
        click.echo(
            json.dumps(
                [
                    {
                        "digest": each.digest,
                        "id": each.image.image_id,
                        "made": each.made,
                        "names": list(each.names),
                        "pushed": list(each.pushed),
                        "releases": [ref.to_dict() for ref in each.record.releases],
                        "set": each.record.digest,
                        "packages": [package.to_dict() for package in each.record.packages],
                    }
                    for each in kept
                ],
                indent=1,
            )
        )
        return
    rows = [
        (
            " ".join(each.names) or "-",
            each.digest,
            str(len(each.record.packages)),
            " ".join(str(ref) for ref in each.record.releases) or "local builds",
            each.made,
        )
        for each in sorted(kept, key=lambda each: (each.names, each.digest))
    ]
    click.echo(table(rows, ("NAME", "DIGEST", "PACKAGES", "RELEASES", "MADE")) if rows else "no images were made here")
