"""A person's own key: made once by `farm keys me`, and found by every verb that signs.

It is in the user's state directory, next to the name that it has in `curators.yaml`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from securesystemslib.signer import Key, Signer

    from farm.cli.settings import Settings

_Function = TypeVar("_Function", bound="Callable[..., object]")
_PLACE = "keys/me"


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The private key of a person (a file, or a `.uri` file), and the name."""

    path: Path
    name: str

    def signer(self) -> Signer:
        """Open the key; asks for a PIN if one is needed. Raises `KeyFileError`."""
        from farm.trust.keys.signers import load_signer

        return load_signer(self.path, ask_secret)


def own_key_options(function: _Function) -> _Function:
    """Add `--key` and `--name`."""
    key = "Your private key: a file, or a .uri file (FARM_KEY).  [default: that of `farm keys me`]"
    name = "Your name in curators.yaml (FARM_NAME).  [default: that of `farm keys me`]"
    function = click.option("--name", help=name)(function)
    return click.option("--key", type=click.Path(path_type=Path), help=key)(function)


def find_own_key(settings: Settings, key: Path | None, name: str | None) -> OwnKey | None:
    """Return the key to sign with; None if there is none. Raises `click.UsageError` if the name is missing."""
    path = key or settings.key or (own_key_path(settings) if _has_own_key(settings) else None)
    if path is None:
        if name is not None:
            raise click.UsageError("--name needs a key: give it with --key, or make one with `farm keys me`.")
        return None
    whose = name or settings.name or _name_beside(path) or own_name(settings)
    if not whose:
        raise click.UsageError(
            "The name of the key is missing: give it with --name or FARM_NAME, or by `farm keys me --name`."
        )
    return OwnKey(path, whose)


def own_name(settings: Settings) -> str:
    """Return the name of this person in curators.yaml, if it is known; otherwise an empty text."""
    if settings.name or not _has_own_key(settings):
        return settings.name
    return _name_beside(own_key_path(settings))


def own_key_path(settings: Settings) -> Path:
    """Return the path of the key that `farm keys me` makes."""
    return settings.state / _PLACE


def name_to_be(settings: Settings, name: str | None = None) -> str:
    """Return the name for a new key: the given one, the one given before, or the login name."""
    from getpass import getuser

    from farm.core.files import values
    from farm.core.files.matching import InvalidValueError

    try:
        return values.word(name or own_name(settings) or getuser())
    except InvalidValueError as error:
        raise click.UsageError(f"{error.message}. Give another with --name. {error.remedy}") from error


def make_own_key(settings: Settings, name: str) -> tuple[Key, bool]:
    """Make the key unless it was made before; return its public half and whether it is new. The name is remembered.

    Raises `KeyFileError`.
    """
    from farm.store.durable_file import replace_file
    from farm.trust.keys.key_files import load_or_create_key

    path = own_key_path(settings)
    new = not path.exists()
    key = load_or_create_key(path).public_key
    replace_file(_name_path(path), f"{name}\n".encode())
    return key, new


def operator_of(settings: Settings) -> tuple[str, str] | None:
    """Return the name and public key of the user who starts a farm, making one if needed; None if it is not ed25519.

    Raises `KeyFileError`.
    """
    from farm.trust.keys.key_files import load_public_key

    name = name_to_be(settings)
    if settings.key is None:
        key, _ = make_own_key(settings, name)
    else:
        key = load_public_key(settings.key.with_name(f"{settings.key.name.removesuffix('.uri')}.pub"))
        name = settings.name or _name_beside(settings.key) or name
    return (name, str(key.keyval["public"])) if key.keytype == "ed25519" else None


def _has_own_key(settings: Settings) -> bool:
    # Without a key, the state directory may be missing or unreadable, where Path.exists would raise.
    return os.path.exists(settings.state_place / _PLACE)  # noqa: PTH110


def _name_beside(path: Path) -> str:
    try:
        return _name_path(path).read_text().strip()
    except FileNotFoundError:
        return ""


def _name_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.name")


def ask_secret(name: str) -> str:
    """Ask for a secret of this name, such as a PIN, and return it."""
    return str(click.prompt(name, hide_input=True, err=True))


def confirm_signing(question: str, what: str) -> None:
    """Ask whether to sign. For a no, or without an answer, raises the `FarmError` that `what` was not signed."""
    with suppress(click.Abort):
        if click.confirm(question, err=True):
            return
    raise FarmError(f"{what} was not signed", remedy="Run it again and answer y, or use --yes.")
