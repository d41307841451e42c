"""`farm sbom`: the software bill of materials of a package or of a release."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.options import channel_option
from farm.cli.output import say_document
from farm.cli.settings import Settings
from farm.cli.subscriber import opened_read_only


@click.command()
@click.argument("package", required=False)
@click.option(
    "--root", type=click.Path(path_type=Path), help="Print that of the package as it is installed in this root."
)
@channel_option
def sbom(package: str | None, root: Path | None, channel: str) -> None:
    """Print the bill of materials of PACKAGE, or of the whole release, as SPDX 2.3.

    It is the document that the signed index of the release names, with sources, toolchain, dependencies and license:
    the same bytes for everybody. With --root it is that of the build that is installed there.

    \b
    Examples:
      farm sbom jq > jq.spdx.json
      farm sbom jq --root /srv/tools
      farm sbom --channel edge > edge.spdx.json
    """
    from farm.client.audit.sboms import sbom_of_installed, sbom_of_package, sbom_of_release

    if root and (channel or not package):
        raise click.UsageError("With --root name a package of it, and no channel.")
    with opened_read_only(Settings.from_environment()) as host:
        if root and package:
            content = sbom_of_installed(host, root.absolute(), package)
        elif package:
            content = sbom_of_package(host.catalogue_of([package], channel), package)
        else:
            content = sbom_of_release(host.catalogue(channel))
    say_document(content + b"\n")
