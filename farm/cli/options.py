"""Options that many verbs have."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.name_completion import channel_names

if TYPE_CHECKING:
    from securesystemslib.signer import Key

    from farm.trust.metadata.key_names import KeyNames

channel_option = click.option(
    "--channel", default="", shell_complete=channel_names, help="DISTRIBUTION/CHANNEL, if several are subscribed."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _read_names(_context: click.Context, _option: click.Parameter, folders: tuple[Path, ...]) -> KeyNames:
    from farm.trust.metadata.key_names import KeyNames

    return KeyNames.beneath(folders)


def read_keys(_context: click.Context, _option: click.Parameter, paths: tuple[Path, ...]) -> tuple[Key, ...]:
    """Return the public keys in files: the callback of an option or an argument. Raises `KeyFileError`."""
    from farm.trust.keys.key_files import load_public_key

    return tuple(map(load_public_key, paths))


keys_option = partial(click.option, multiple=True, type=click.Path(path_type=Path), callback=read_keys)
names_option = click.option(
    "--names",
    multiple=True,
    type=click.Path(path_type=Path),
    callback=_read_names,
    help="A directory of .pub files, whose names are shown for their keys; may be repeated.",
)


def name_and_value(text: str) -> tuple[str, str]:
    """Return the two sides of NAME=VALUE. Raises `click.UsageError`."""
    name, found, value = text.partition("=")
    if not found:
        raise click.UsageError(f"{text!r} is not NAME=VALUE: it has no '='.")
    return name, value
