"""`farm keys dns`: the DNS record by which subscribers find a distribution and its root."""

from __future__ import annotations

from pathlib import Path

import click

from farm.cli.options import json_option
from farm.cli.output import tell_result


@click.command("dns")
@click.argument("domain")
@click.option("--repository", required=True, type=click.Path(path_type=Path), help="The published directory.")
@click.option("--address", required=True, help="The http(s) URL of the directory for subscribers.")
@click.option(
    "--root", "version", type=int, default=1, show_default=True, help="The version of root that the record names."
)
@json_option
def record(domain: str, repository: Path, address: str, version: int, as_json: bool) -> None:
    """Print the DNS record of a distribution, as a line for the zone file of DOMAIN.

    It names the first root, from which every later root is verified, so it does not change. Name a later root when keys
    of an earlier one were stolen.

    \b
    Example:
      farm keys dns dist.example.org --repository public --address https://dist.example.org/repository
    """
    from farm.core.names.digest import Digest
    from farm.core.names.package_name import PackageName
    from farm.errors import FarmError
    from farm.trust.enrolment_record import EnrolmentRecord, checked_address, record_name
    from farm.trust.index.release_index import Release
    from farm.trust.layout import release_target
    from farm.trust.metadata.delegation import channels_of
    from farm.trust.metadata.repository import Repository

    PackageName(domain, "any")
    try:
        checked = checked_address(address)
    except ValueError as error:
        raise FarmError(str(error), remedy="Name the URL that subscribers use: https://….") from error
    place = Repository(repository)
    head = place.head()
    for channel in channels_of(head.targets):
        target = place.delegated(head, channel).targets.get(release_target(channel))
        owner = Release.from_json(place.read_target(target)).distribution if target else domain
        if owner != domain:
            raise FarmError(
                f"the repository in {repository} is that of {owner}, not of {domain}",
                remedy="Publish the record under the domain that the distribution is named for.",
            )
    root = place.read_metadata(f"{version}.root.json")
    made = EnrolmentRecord(checked, Digest.of(root))
    line = made.zone_line(domain)
    tell_result([line], {"name": record_name(domain), "text": str(made), "line": line}, as_json=as_json)
