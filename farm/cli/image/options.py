"""Options of the verbs that make images: how an image runs, and where it is written."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import name_and_value

if TYPE_CHECKING:
    from farm.client.image.build import ImageSettings


def _absent(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    return path


output_option = click.option(
    "--output",
    type=click.Path(path_type=Path),
    callback=_absent,
    help="Also write the image as an OCI layout into a new directory.",
)


def image_settings(
    entrypoint: tuple[str, ...],
    environment: tuple[str, ...],
    labels: tuple[str, ...],
    ports: tuple[str, ...],
    user: str,
) -> ImageSettings:
    """Read the runtime settings of an image. Raises `click.UsageError` and `InvalidValueError`."""
    from farm.client.image.build import ImageSettings
    from farm.core.subscriber import image_values as check

    if entrypoint and not entrypoint[0]:
        raise click.UsageError("--entrypoint begins with an empty word.")
    return ImageSettings(
        entrypoint=tuple(check.value(word) for word in entrypoint),
        environment=tuple(
            (check.environment_name(name), check.value(text)) for name, text in map(name_and_value, environment)
        ),
        labels=tuple((check.label_name(name), check.value(text)) for name, text in map(name_and_value, labels)),
        ports=tuple(check.port(port) for port in ports),
        user=check.user(user) if user else "",
    )
