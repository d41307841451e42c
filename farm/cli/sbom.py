"""`farm sbom`: what a package, or a whole release, consists of and was made from."""

from __future__ import annotations

import click

from farm.cli.output import say_document
from farm.cli.packages import channel_option
from farm.cli.settings import Settings
from farm.cli.subscriber import looking_host


@click.command()
@click.argument("package", required=False)
@channel_option
def sbom(package: str | None, channel: str) -> None:
    """Print the bill of materials of PACKAGE as SPDX 2.3 JSON; without one, that of the whole release.

    It is the document that the signed index of the release names: sources, toolchain, dependencies, licence. Of the
    same release everybody gets the same bytes.

    \b
    Example:
      farm sbom jq > jq.spdx.json
      farm sbom --channel edge > edge.spdx.json
    """
    from farm.client.sboms import sbom_of_package, sbom_of_release

    with looking_host(Settings.from_environment()) as host:
        catalogue = host.catalogue_of([package], channel) if package else host.catalogue(channel)
        content = sbom_of_package(catalogue, package) if package else sbom_of_release(catalogue)
    say_document(content + b"\n")
