"""`farm verify`: compare every byte of a root, an image or the cache with the signed index."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.output import say_json, say_lines
from farm.cli.set_lines import override_lines
from farm.cli.settings import Settings
from farm.cli.subscriber import last_verified_form, opened_read_only
from farm.core.names.wording import counted, human_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.client.findings.verification import Verification
    from farm.client.repository.host import Host

FOUND = 3
_MOST_SHOWN = 50


@click.command()
@click.argument("image", default="")
@click.option("--root", type=click.Path(path_type=Path), help="A directory that farm has installed into.")
@click.option("--cache", is_flag=True, help="Verify the packages that roots and runs of this host share.")
@click.option("--fix", is_flag=True, help="Restore damaged packages from their verified archives.")
@json_option
def verify(image: str, root: Path | None, cache: bool, fix: bool, as_json: bool) -> int:
    """Compare every byte of a root, an IMAGE or the cache with what is signed.

    Shows the files that were changed, added or removed, with their packages; of an image, the layers. Exits with status
    0 when everything is as signed or was restored, with 3 when something differs, and with 1 when that is not known.
    IMAGE is named as for `farm image inspect`.

    \b
    Examples:
      farm verify --root /srv/tools
      farm verify --root /srv/tools --fix
      farm verify api:1 --json
      farm verify --cache --fix
    """
    if [bool(image), bool(root), cache].count(True) != 1:
        raise click.UsageError("Give an image, or a root with --root, or --cache.")
    if fix and image:
        raise click.UsageError("Images are not repaired: build it again with `farm image build`.")
    settings = Settings.from_environment()
    with opened_read_only(settings) as host:
        found = _found(image, root, host, settings)
    form = found.to_dict() | last_verified_form(host) | ({"mended": []} if fix else {})
    is_repair = fix and bool(found.faults)
    if fix or not as_json:
        say_lines(_lines(found), err=as_json)
    if as_json and not is_repair:
        say_json(form)
    if is_repair:
        return _repair(root, found, settings, as_json=as_json)
    return FOUND if found.faults else 0


def _found(image: str, root: Path | None, host: Host, settings: Settings) -> Verification:
    from farm.cli.progress import reading_progress
    from farm.client.audit.verification_cache import verify_cache
    from farm.client.audit.verification_root import verify_root

    if root:
        return verify_root(host, root.absolute(), reading_progress)
    return _image(image, host, settings) if image else verify_cache(host, reading_progress)


def _image(name: str, host: Host, settings: Settings) -> Verification:
    from farm.cli.progress import reading_progress
    from farm.cli.subscriber import opened
    from farm.client.audit.verification_image import verify_image
    from farm.container.image_store import saved_digests
    from farm.container.sandbox import connect

    known, _, engine = opened(name, settings, host, certainly=True)
    in_docker = engine and not known.directory and engine.inspect(name)
    saved = partial(saved_digests, connect(settings.docker)) if in_docker else None
    return verify_image(host, known, engine, saved, reading_progress)


def _repair(root: Path | None, found: Verification, settings: Settings, *, as_json: bool) -> int:
    from farm.cli.progress import TerminalProgress
    from farm.client.audit.verification_cache import repair_cache
    from farm.client.audit.verification_root import repair_root

    with opened_read_only(settings) as host:
        if root:
            repaired = repair_root(host, root.absolute(), found)
        else:
            repaired = repair_cache(host, found, TerminalProgress().wait_for)
        after = _found("", root, host, settings)
    if as_json:
        say_json(after.to_dict() | last_verified_form(host) | {"mended": list(repaired)})
    else:
        say_lines([*(f"restored: {description}" for description in repaired), *_lines(after)])
    return FOUND if after.faults else 0


def _lines(found: Verification) -> Iterator[str]:
    count = len(found.faults)
    said = f"{count} {'thing is' if count == 1 else 'things are'} not as signed" if count else "all as signed"
    if not count and found.overrides:
        said = "all as signed, except overrides"
    yield f"{found.subject}: {counted(found.packages, 'package')}, {human_size(found.size)}: {said}"
    for fault in found.faults[:_MOST_SHOWN]:
        yield f"  {fault}"
    if count > _MOST_SHOWN:
        yield f"  and {count - _MOST_SHOWN} more: see --json"
    yield from override_lines(found.overrides)
    for unsigned in found.unsigned:
        yield f"  {unsigned} was added by the user: compared with its own descriptor, as no release holds it"
