"""What the command line of `farm image build` says of how an image runs; judged before anything is looked for."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import name_and_value

if TYPE_CHECKING:
    from farm.oci.image_config import ImageConfig


def _absent(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    return path


output_option = click.option(
    "--output",
    type=click.Path(path_type=Path),
    callback=_absent,
    help="Also write it as an OCI layout into a new directory.",
)


@dataclass(frozen=True, slots=True)
class ConfigOptions:
    """The settings that were given, each checked as an image file's are."""

    entrypoint: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    ports: tuple[str, ...] = ()
    user: str = ""

    @classmethod
    def read(
        cls,
        entrypoint: tuple[str, ...],
        environment: tuple[str, ...],
        labels: tuple[str, ...],
        ports: tuple[str, ...],
        user: str,
    ) -> ConfigOptions:
        """Read what was given. Raises `click.UsageError` and `InvalidValueError`."""
        from farm.core.subscriber import image_values as check

        if entrypoint and not entrypoint[0]:
            raise click.UsageError("--entrypoint begins with an empty word.")
        return cls(
            entrypoint=tuple(check.value(each) for each in entrypoint),
            environment=tuple(
                (check.environment_name(name), check.value(text)) for name, text in map(name_and_value, environment)
            ),
            labels=tuple((check.label_name(name), check.value(text)) for name, text in map(name_and_value, labels)),
            ports=tuple(check.port(port) for port in ports),
            user=check.user(user) if user else "",
        )

    def over(self, base: ImageConfig) -> ImageConfig:
        """Return a configuration with what the command line says in place of it, or beside it."""
        return replace(
            base,
            entrypoint=self.entrypoint or base.entrypoint,
            command=() if self.entrypoint else base.command,
            environment=(*base.environment, *self.environment),
            labels=(*base.labels, *self.labels),
            ports=tuple(sorted({*base.ports, *self.ports})),
            user=self.user or base.user,
        )
