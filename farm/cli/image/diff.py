"""`farm image diff`: the differences between two images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option
from farm.cli.output import tell_result
from farm.cli.settings import Settings
from farm.cli.subscriber import opened
from farm.core.names.wording import counted

if TYPE_CHECKING:
    from farm.client.image.diff import ImageDiff, Side

DIFFERENT = 3
_MOST = 20


@click.command("diff")
@click.argument("old")
@click.argument("new")
@json_option
def diff(old: str, new: str, as_json: bool) -> int:
    """Show the differences between images OLD and NEW.

    Compares packages, files, symbols of libraries, and advisories. Images are named as for `farm image inspect`. Exits
    with status 0 when the images are the same, and with 3 when they differ.

    \b
    Example:
      farm image diff jq:1 jq:2
    """
    from farm.cli.subscriber import open_host
    from farm.client.image.diff import compare

    settings = Settings.from_environment()
    found = compare(open_host(settings), _side(old, settings), _side(new, settings))
    tell_result(_lines(found), found.to_dict(), as_json=as_json)
    return 0 if found.is_empty else DIFFERENT


def _side(name: str, settings: Settings) -> Side:
    from farm.client.image.accounting import foreign_layers
    from farm.client.image.diff import Side
    from farm.client.image.package_set import PackageDescriptions
    from farm.client.image.user_layer import own_files_of

    known, host, engine = opened(name, settings)
    own, described = own_files_of(known, host.blobs, engine), PackageDescriptions(host)
    parts = described.parts(known)
    foreign = foreign_layers(host, known, described, parts, own)
    return Side(known, parts, own.manifest if own else None, foreign)


def _lines(found: ImageDiff) -> list[str]:
    if found.is_empty:
        return ["no differences"]
    lines = [f"{counted(len(found.packages), 'package')} {'differs' if len(found.packages) == 1 else 'differ'}"]
    lines += [f"  {package}" for package in found.packages]
    if found.settings:
        lines.append(f"settings that differ: {', '.join(found.settings)}")
    lines += _block("files", [f"{file.change} {_path(file.package, file.path)}" for file in found.files])
    layers = [f"{layer.change} {' '.join(layer.holds.split())[:200]} ({layer.diff_id})" for layer in found.layers]
    lines += _block("layers that are of no package", layers)
    for symbol in found.symbols:
        changed = [f"removed {name}" for name in symbol.removed] + [f"added {name}" for name in symbol.added]
        lines += _block(f"symbols of {symbol.soname}", changed)
    if found.advisories is None:
        lines.append("advisories: not known: no channel of these images publishes any")
    else:
        lines += _block(
            "advisories",
            [
                f"{advisory.change} {advisory.advisory} ({advisory.severity}) in {advisory.package}"
                for advisory in found.advisories
            ],
        )
    return lines


def _block(heading: str, items: list[str]) -> list[str]:
    if not items:
        return []
    more = [f"  and {len(items) - _MOST} more"] if len(items) > _MOST else []
    return [f"{heading}: {len(items)}", *(f"  {item}" for item in items[:_MOST]), *more]


def _path(package: str, path: str) -> str:
    return f"{package.rpartition('/')[2]}: {path}" if package else f"/{path}"
