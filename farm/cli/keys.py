"""`farm keys`: the keys of a distribution and its first metadata."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click


@click.group()
def keys() -> None:
    """Make and look at the keys of a distribution."""


@keys.command("init")
@click.option("--repository", required=True, type=click.Path(path_type=Path), help="The directory to be published.")
@click.option("--keys", "folder", required=True, type=click.Path(path_type=Path), help="Where the keys go.")
@click.option("--channel", "channels", multiple=True, default=["edge"], show_default=True, help="A channel to found.")
@click.option("--builder", "builders", multiple=True, type=click.Path(path_type=Path), help="A worker's .pub file.")
def init(repository: Path, folder: Path, channels: tuple[str, ...], builders: tuple[Path, ...]) -> None:
    """Make all keys, and version 1 of all metadata. Overwrites nothing.

    Afterwards carry KEYS/offline away: it is needed only to renew or change the root and the builders.

    \b
    Example:
      farm keys init --repository public --keys keys --builder worker-1/key.pub
    """
    from farm.trust.ceremony import found_repository
    from farm.trust.keys import load_public_key

    allowed = [load_public_key(path) for path in builders]
    founded = found_repository(repository, folder, channels, allowed, datetime.now(UTC))
    click.echo(f"offline keys  {founded.offline}  (root, targets: carry them away)")
    click.echo(f"online keys   {founded.online}  (for the signer)")
    click.echo(f"fingerprint   {founded.fingerprint}  (announce it to subscribers)")


@keys.command("allow")
@click.option("--repository", required=True, type=click.Path(path_type=Path), help="The published directory.")
@click.option("--keys", "folder", required=True, type=click.Path(path_type=Path), help="Where all the keys are now.")
@click.argument("builders", nargs=-1, required=True, type=click.Path(path_type=Path))
def allow(repository: Path, folder: Path, builders: tuple[Path, ...]) -> None:
    """Let clients accept what the workers with the keys BUILDERS (their .pub files) build, beside those of before.

    Needs the offline key of targets in KEYS/offline, and the online keys.

    \b
    Example:
      farm keys allow --repository public --keys keys worker-3/key.pub
    """
    from farm.trust.ceremony import allow_more_builders
    from farm.trust.keys import load_public_key
    from farm.trust.repository import Repository

    added = allow_more_builders(
        Repository(repository), folder, [load_public_key(path) for path in builders], datetime.now(UTC)
    )
    click.echo(f"{added} builders added")


@keys.command("new")
@click.argument("path", type=click.Path(path_type=Path))
def new(path: Path) -> None:
    """Make one ed25519 key at PATH, with its public half at PATH.pub, as a worker needs it.

    \b
    Example:
      farm keys new worker-3/key
    """
    from farm.trust.keys import create_key

    signer = create_key(path)
    click.echo(f"{signer.public_key.keyid}  {path}.pub")
