"""`farm image inspect`: the packages of an image, their releases, and its needs of the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farm.cli.image.form import layers_form, set_form
from farm.cli.options import json_option
from farm.cli.output import Line, say, styled, table, tell_result
from farm.cli.set_lines import named, override_lines, sensitive_lines
from farm.cli.settings import Settings
from farm.cli.subscriber import opened
from farm.core.names.wording import counted
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.client.image.known_image import KnownImage
    from farm.client.image.package_set import ImagePart, PackageDescriptions
    from farm.client.repository.host import Host
    from farm.client.root.sensitive_additions import SensitiveAdditions
    from farm.core.fileset.manifest import Manifest
    from farm.core.names.declared import HostNeeds
    from farm.core.names.digest import Digest
    from farm.core.sets.members.set_record import PlacedPackage
    from farm.oci.own_files import OwnFiles

    Layers = tuple[tuple[Digest, str], ...]

_MOST_FILES = 20


@click.command("inspect")
@click.argument("image")
@json_option
def inspect(image: str, as_json: bool) -> None:
    """Show the packages of IMAGE, their releases, overrides and own files.

    Also shows what the packages need of the host, and layers that are of no package. IMAGE is a name in Docker, an OCI
    layout directory (DIR or DIR:TAG), or the digest of an image made here.

    \b
    Example:
      farm image inspect jq:mine
    """
    from farm.client.image.package_set import PackageDescriptions, UnknownArchiveError
    from farm.client.image.user_layer import own_files_of
    from farm.client.repository.download import DownloadError
    from farm.client.repository.subscriptions import SubscriptionError
    from farm.core.sets.needs.host import joint_needs
    from farm.store.errors import CorruptBlobError, MissingBlobError

    known, host, engine = opened(image, Settings.from_environment())
    own = own_files_of(known, host.blobs, engine)
    described = PackageDescriptions(host)
    try:
        parts = described.parts(known)
    except (DownloadError, SubscriptionError, MissingBlobError, CorruptBlobError, UnknownArchiveError) as error:
        # The contents of the image itself can still be shown.
        say(f"the descriptors of the packages are not on this host: {error.message}", err=True)
        parts = ()
    foreign = _foreign(host, known, described, parts, own)
    needs = joint_needs(part.descriptor.host for part in parts) if parts else None
    files = own.manifest if own else None
    tell_result(
        _lines(known, parts, needs, files, foreign), _form(known, parts, needs, files, foreign), as_json=as_json
    )


def _foreign(
    host: Host, known: KnownImage, described: PackageDescriptions, parts: Sequence[ImagePart], own: OwnFiles | None
) -> Layers | None:
    """Return the layers that are of no package; None if that is not known here."""
    from farm.client.image.accounting import foreign_layers

    if not parts and not known.kept:
        return None
    try:
        return foreign_layers(host, known, described, parts, own)
    except FarmError as error:
        say(f"the layers cannot be matched with the packages: {error.message}", err=True)
        return None


def _form(
    known: KnownImage,
    parts: Sequence[ImagePart],
    needs: HostNeeds | None,
    own: Manifest | None,
    foreign: Layers | None,
) -> dict[str, Any]:
    from farm.client.image.making import imports_in, replaced_in, users_labels

    config = known.config
    return {
        **set_form(known.digest, known.record, parts),
        "host": needs.to_dict() if needs else None,
        "sensitive-files": [additions.to_dict() for additions in _sensitive(parts)],
        "imports": {f"/{imported.path}": str(imported) for imported in imports_in(known.labels)},
        "files": [entry.to_dict() for entry in own.entries] if own else [],
        "replaces": list(replaced_in(known.labels)),
        "layers": layers_form(known.layers),
        "foreign-layers": None if foreign is None else layers_form(foreign),
        "config": {
            "entrypoint": list(config.entrypoint),
            "command": list(config.command),
            "env": dict(config.environment),
            "user": config.user,
            "workdir": config.working_directory,
            "ports": list(config.ports),
            "volumes": list(config.volumes),
            "labels": dict(users_labels(config)),
        },
    }


def _sensitive(parts: Sequence[ImagePart]) -> list[SensitiveAdditions]:
    from farm.client.root.sensitive_additions import sensitive_additions

    return [addition for part in parts for addition in sensitive_additions(part.descriptor, part.manifest, part.facts)]


def _lines(
    known: KnownImage,
    parts: Sequence[ImagePart],
    needs: HostNeeds | None,
    own: Manifest | None,
    foreign: Layers | None,
) -> list[Line]:
    from farm.client.image.accounting import foreign_lines
    from farm.client.image.making import imports_in

    record, config = known.record, known.config
    facts = [
        ("image", known.digest),
        (
            "set",
            f"{record.digest}, {counted(len(record.packages), 'package')} in {counted(len(known.layers), 'layer')}",
        ),
        ("releases", ", ".join(str(release) for release in record.releases) or _no_release(record.packages)),
        ("asked for", " ".join(record.asked)),
        ("runs", " ".join([*config.entrypoint, *config.command]) or "no command"),
        ("user", config.user or "root"),
        ("ports", " ".join(config.ports) or "none"),
        ("host", _asked_of_host(needs)),
    ]
    lines: list[Line] = [styled(f"{heading:<10}", bold=True) + f" {value}" for heading, value in facts]
    rows = [
        (name, package.full_version, package.channel or "local build", "OVERRIDE" if package.is_override else "")
        for name, package in named(record)
    ]
    lines += ["", *table(rows, ("PACKAGE", "VERSION", "FROM", "NOTE"))]
    if imports := imports_in(known.labels):
        lines += ["", *(f"/{imported.path} is {imported}" for imported in imports)]
    if said := [*override_lines(record.packages), *sensitive_lines(_sensitive(parts))]:
        lines += ["", *said]
    if foreign:
        count, *described = foreign_lines(foreign)
        lines += ["", count, *(f"  {line}" for line in described)]
    return lines + (_own_lines(known, own) if own else [])


def _own_lines(known: KnownImage, own: Manifest) -> list[Line]:
    from farm.client.image.making import replaced_in

    files = [f"  /{entry.path}" for entry in own.entries if entry.to_dict()["type"] != "dir"]
    replaced = replaced_in(known.labels)
    how = f", which may replace links of {' and '.join(replaced)}" if replaced else ""
    more = [f"  and {len(files) - _MOST_FILES} more"] if len(files) > _MOST_FILES else []
    return ["", f"own files: {len(files)}{how}", *files[:_MOST_FILES], *more]


def _no_release(packages: Sequence[PlacedPackage]) -> str:
    return "not known here" if any(package.channel for package in packages) else "none: local builds"


def _asked_of_host(needs: HostNeeds | None) -> str:
    if needs is None:
        return "not known here"
    return str(needs) or "nothing in particular"
