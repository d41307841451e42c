"""`farm image remove`: forgetting images that were made here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.image_form import record_form
from farm.cli.packages import json_option
from farm.cli.result import tell_result
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from farm.client.image_records import ImageRecord, ImageRecords


@click.command("remove")
@click.argument("images", nargs=-1)
@click.option("--unnamed", is_flag=True, help="All images that have no name any more, as updates leave them.")
@json_option
def remove(images: tuple[str, ...], unnamed: bool, as_json: bool) -> None:
    """Forget IMAGES that were made here, by name or digest. `farm gc` then removes what nothing else needs.

    Docker, OCI layouts and registries keep what they have.

    \b
    Example:
      farm image remove --unnamed
    """
    from farm.client.image_records import ImageRecords

    if bool(images) == unnamed:
        raise click.UsageError("Name images, or say --unnamed.")
    records = ImageRecords(Settings.from_environment().state)
    found = (
        [each for each in records.all() if not each.names] if unnamed else [_found(records, each) for each in images]
    )
    for each in found:
        records.forget(each)
    lines = [f"{' '.join(each.names) or each.digest}: forgotten" for each in found]
    tell_result(lines, [record_form(each) for each in found], as_json=as_json)


def _found(records: ImageRecords, name: str) -> ImageRecord:
    from farm.client.known_image import UnknownImageError

    found = records.find(name)
    if found is None:
        raise UnknownImageError(name)
    return found
