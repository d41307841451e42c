"""`farm provenance`: the chain from a file or a package back to its sources and toolchain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import channel_option, json_option, names_option
from farm.cli.output import say_json, say_lines
from farm.cli.settings import Settings
from farm.cli.subscriber import last_verified_form, opened_read_only

if TYPE_CHECKING:
    from farm.client.audit.provenance import Provenance
    from farm.client.audit.trace import Tracing
    from farm.client.repository.read_only_host import ReadOnlyHost
    from farm.trust.metadata.key_names import KeyNames

FOUND = 3


@click.command()
@click.argument("what", metavar="PACKAGE|PATH")
@click.option("--root", type=click.Path(path_type=Path), help="Trace the package as it is installed in this root.")
@click.option("--image", default="", help="Trace the package as it is in an image, named as for `farm image inspect`.")
@channel_option
@click.option("--deep", is_flag=True, help="Trace the packages that it was built against too.")
@names_option
@json_option
def provenance(
    what: str, root: Path | None, image: str, channel: str, deep: bool, names: KeyNames, as_json: bool
) -> int:
    """Trace a package or a file back to its release, builders and sources.

    Shows the release, the builders, the recipe, the sources, the toolchain, and the packages it was built against.
    PATH is a file in a root: shows its package too, and whether it is as signed. What was verified on this machine is
    separate from what others claim. Exits with status 3 when something contradicts what is signed.

    \b
    Examples:
      farm provenance jq
      farm provenance /srv/tools/usr/bin/jq
      farm provenance jq --image api:1 --deep
    """
    from farm.cli.inspect.provenance_lines import provenance_lines
    from farm.client.audit.trace import Tracing

    if sum((bool(root), bool(image), bool(channel))) > 1:
        raise click.UsageError("Name one of --root, --image and --channel.")
    settings = Settings.from_environment()
    with opened_read_only(settings) as host:
        tracing = Tracing(host)
        first = _first(what, root, image, channel, settings, host, tracing)
        found = []
        for traced in (first, *(tracing.deep(first) if deep else ())):
            found.append(traced)
            if not as_json:
                say_lines([*([""] if traced is not first else []), *provenance_lines(traced, names)])
    if as_json:
        forms = [traced.to_dict() | last_verified_form(host) for traced in found]
        say_json(forms if deep else forms[0])
    return FOUND if any(traced.contradictions for traced in found) else 0


def _first(
    what: str, root: Path | None, image: str, channel: str, settings: Settings, host: ReadOnlyHost, tracing: Tracing
) -> Provenance:
    from farm.client.root.file_owner import is_inside_root, owner_of
    from farm.client.root.generations import Root

    is_path = what.startswith(("/", "./", "../")) or ("/" in what and is_inside_root(Path(what)))
    if is_path:
        if root or image or channel:
            raise click.UsageError("A path is in one root: leave out --root, --image and --channel.")
        return tracing.of_file(owner_of(Path(what)))
    if root:
        return tracing.of_set(Root(root.absolute()).installed().set, what, str(root))
    if image:
        from farm.cli.subscriber import opened

        known, _, _ = opened(image, settings, host)
        return tracing.of_set(known.record, what, image)
    return tracing.of_release(host.catalogue_of([what], channel), what)
