"""Options that many verbs have."""

from __future__ import annotations

from pathlib import Path

import click

channel_option = click.option("--channel", default="", help="DISTRIBUTION/CHANNEL, where there are several.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
names_option = click.option(
    "--names",
    "named",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder with .pub files: their keys are told with their names.",
)


def name_and_value(text: str) -> tuple[str, str]:
    """Return the two sides of NAME=VALUE; wrong use where there is no `=`."""
    name, found, value = text.partition("=")
    if not found:
        raise click.UsageError(f"{text!r} lacks '='.")
    return name, value
