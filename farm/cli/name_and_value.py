"""Options of the form NAME=VALUE."""

from __future__ import annotations

import click


def name_and_value(text: str) -> tuple[str, str]:
    """Return the two sides of NAME=VALUE; wrong use where there is no `=`."""
    name, found, value = text.partition("=")
    if not found:
        raise click.UsageError(f"{text!r} lacks '='.")
    return name, value
