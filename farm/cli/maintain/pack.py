"""`farm pack`: make a package of a directory, for images and runs on this host."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.options import json_option, name_and_value
from farm.cli.output import say, tell_result, tell_table
from farm.cli.settings import Settings
from farm.cli.subscriber import open_host
from farm.core.names.declared import SensitiveFile
from farm.core.names.package_name import PackageName
from farm.core.names.utc import utc_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farm.build.packing import PackedDirectory
    from farm.client.override.overrides import BuiltHere
    from farm.client.override.packed_packages import OwnPackages
    from farm.client.repository.host import Host
    from farm.trust.index.release_index import ReleaseEntry


@click.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option("--name", default="", help="The full name of the package, as mine.example.org/app.")
@click.option("--version", default="", help="The version of the package, as 1.2.")
@click.option("--summary", default="", help="A description in one line.")
@click.option("--license", default="NOASSERTION", help="Its license, an SPDX expression.")
@click.option(
    "--sensitive-file",
    "sensitive_files",
    multiple=True,
    metavar="PATH=REASON",
    help="A file that changes how programs load or users log in (etc/passwd), and why; may be repeated.",
)
@click.option("--list", "list_them", is_flag=True, help="List the packages that were packed here.")
@click.option("--forget", metavar="NAME", default="", help="Forget a package. Images that contain it keep it.")
@json_option
def pack(
    directory: Path | None,
    name: str,
    version: str,
    summary: str,
    license: str,
    sensitive_files: tuple[str, ...],
    list_them: bool,
    forget: str,
    as_json: bool,
) -> None:
    """Make a package of DIRECTORY, for image files and runs on this host.

    Nothing is built. Image files and `farm run` take the package by its full name. Its `bin`, `lib`, `share` and `etc`
    become parts of the image as those of every package; `imports` can put the whole directory at a path. The libraries
    that its programs need are found in them, and proven with each image. Files that .farmignore names are left out.
    Packing other files under the same version makes the next revision.

    \b
    Examples:
      farm pack ./app --name mine.example.org/app --version 1.2
      farm pack --list
    """
    from farm.client.override.packed_packages import OwnPackages

    host = open_host(Settings.from_environment())
    own = OwnPackages(host)
    if sum((directory is not None, list_them, bool(forget))) != 1:
        raise click.UsageError("Name a directory, or --list, or --forget NAME.")
    if list_them:
        _list(own, as_json=as_json)
    elif forget:
        own.forget(PackageName.parse(forget))
        say(f"{forget} is forgotten")
    elif directory is not None:
        if not name or not version:
            raise click.UsageError("A package needs a --name, as mine.example.org/app, and a --version.")
        declared = [_sensitive_file(text) for text in sensitive_files]
        full = PackageName.parse(name)
        _pack(host, own, directory.absolute(), full, version, summary, license, declared, as_json=as_json)


def _sensitive_file(text: str) -> SensitiveFile:
    path, reason = name_and_value(text)
    if not path or not reason.strip():
        raise click.UsageError(f"{text!r} is not PATH=REASON.")
    return SensitiveFile(path, reason.strip())


def _pack(
    host: Host,
    own: OwnPackages,
    directory: Path,
    full: PackageName,
    version: str,
    summary: str,
    license: str,
    sensitive_files: Sequence[SensitiveFile],
    *,
    as_json: bool,
) -> None:
    from farm.client.override.overrides import BuiltHere
    from farm.client.override.packed_packages import OwnPackageError

    if any(full.distribution == subscription.distribution for subscription in host.subscriptions.all()):
        raise OwnPackageError(
            f"{full} is a name of {full.distribution}, which this host follows: only its owner makes its packages",
            remedy="Use a name in a domain of your own, as mine.example.org/app.",
        )
    with host.in_use():
        before = own.find(full)
        packed = _packed(host, directory, full, version, before, license=license, sensitive_files=sensitive_files)
        entry = _entry(host, packed, full, version, summary or f"What lies in {directory.name}")
        own.keep(full, BuiltHere(entry, str(directory)))
    descriptor = packed.package.descriptor
    again = " is unchanged" if before and before.entry.descriptor.digest == entry.descriptor.digest else ""
    lines = [f"{full} {version}-{entry.revision}{again}: {descriptor.digest}"]
    if needs := [requirement for requirement in descriptor.requires if requirement not in descriptor.provides]:
        lines.append(f"it requires {', '.join(needs)}")
    tell_result(lines, {"package": str(full), **descriptor.to_dict()}, as_json=as_json)


def _packed(
    host: Host,
    directory: Path,
    name: PackageName,
    version: str,
    before: BuiltHere | None,
    *,
    license: str,
    sensitive_files: Sequence[SensitiveFile],
) -> PackedDirectory:
    """Pack a directory; as the next revision if other files were packed under this version before."""
    from farm.build.local_state import LocalState
    from farm.build.packing import pack as pack_directory
    from farm.core.names.platform import Platform
    from farm.core.names.version import Version
    from farm.trust.keys.key_files import load_or_create_key

    settings = Settings.from_environment()
    packing = partial(
        pack_directory,
        directory,
        name,
        Version(version),
        platform=Platform.parse("linux/amd64"),
        license=license,
        store=host.blobs,
        signer=load_or_create_key(LocalState(settings.state, settings.host).key),
        now=utc_text(datetime.now(UTC)),
        sensitive_files=sensitive_files,
    )
    known = before.entry if before and before.entry.version == version else None
    packed = packing(known.revision if known else 1)
    if known and packed.package.descriptor.digest != known.descriptor.digest:
        return packing(known.revision + 1)
    return packed


def _entry(host: Host, packed: PackedDirectory, name: PackageName, version: str, summary: str) -> ReleaseEntry:
    from farm.core.plan.job import BlobRef
    from farm.trust.index.release_index import ReleaseEntry

    package = packed.package
    return ReleaseEntry(
        name=name.short,
        version=version,
        revision=package.descriptor.revision,
        summary=summary,
        descriptor=BlobRef(package.descriptor.digest, len(package.descriptor.to_json())),
        archive=package.archive,
        manifest=package.manifest,
        facts=package.facts,
        provenance=BlobRef(packed.provenance, host.blobs.size(packed.provenance)),
        recipe=packed.source,
        needs=(),
    )


def _list(own: OwnPackages, *, as_json: bool) -> None:
    found = [(name, packed.place, packed.entry) for name, packed in own.all().items()]
    forms = [{"package": name, "place": place, **entry.to_dict()} for name, place, entry in found]
    rows = [(name, f"{entry.version}-{entry.revision}", place, entry.summary) for name, place, entry in found]
    headings = ("NAME", "VERSION", "PACKED FROM", "SUMMARY")
    tell_table(rows, headings, forms, nothing="no packages were packed here", as_json=as_json)
