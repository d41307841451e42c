"""Options that many verbs have."""

from __future__ import annotations

from pathlib import Path

import click

channel_option = click.option("--channel", default="", help="DISTRIBUTION/CHANNEL, if several are subscribed.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
names_option = click.option(
    "--names",
    "named",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A directory of .pub files, whose names are shown for their keys; may be repeated.",
)


def name_and_value(text: str) -> tuple[str, str]:
    """Return the two sides of NAME=VALUE. Raises `click.UsageError`."""
    name, found, value = text.partition("=")
    if not found:
        raise click.UsageError(f"{text!r} is not NAME=VALUE: it has no '='.")
    return name, value
