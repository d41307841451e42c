"""What a command has come to, on standard output: lines for a person, or one JSON document for a program.

All else that a command says, progress and warnings, goes to standard error where a document is asked for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable


def tell_result(lines: Iterable[str], form: Any, *, as_json: bool) -> None:
    """Print the lines, or `form`, which holds JSON values alone."""
    if as_json:
        click.echo(json.dumps(form, indent=1))
        return
    for line in lines:
        click.echo(line)
