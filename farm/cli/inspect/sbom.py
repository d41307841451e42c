"""`farm sbom`: what a package, or a whole release, consists of and was made from."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.options import channel_option
from farm.cli.output import say_document
from farm.cli.settings import Settings
from farm.cli.subscriber import looking_host


@click.command()
@click.argument("package", required=False)
@click.option(
    "--root", type=click.Path(path_type=Path), help="The package of a directory that farm has installed into."
)
@channel_option
def sbom(package: str | None, root: Path | None, channel: str) -> None:
    """Print the bill of materials of PACKAGE as SPDX 2.3 JSON; without one, that of the whole release.

    It is the document that the signed index of the release names: sources, toolchain, dependencies, license. Of the
    same release everybody gets the same bytes. With --root it is that of the build that is installed there.

    \b
    Example:
      farm sbom jq > jq.spdx.json
      farm sbom jq --root /srv/tools
      farm sbom --channel edge > edge.spdx.json
    """
    from farm.client.audit.sboms import sbom_of_installed, sbom_of_package, sbom_of_release

    if root and (channel or not package):
        raise click.UsageError("With --root name a package of it, and no channel.")
    with looking_host(Settings.from_environment()) as host:
        if root and package:
            content = sbom_of_installed(host, root.absolute(), package)
        elif package:
            content = sbom_of_package(host.catalogue_of([package], channel), package)
        else:
            content = sbom_of_release(host.catalogue(channel))
    say_document(content + b"\n")
