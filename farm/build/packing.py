"""A directory as a package: nothing is built; its files are packed, and its requirements are found in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.build.attempt.capture_outputs import make_packages
from farm.core.fileset.manifest import Directory, Manifest
from farm.core.names.declared import HostNeeds
from farm.core.package.layout import MAIN, Layout
from farm.core.package.sensitive_files import UndeclaredFilesError
from farm.core.plan.plan import Plan, PlannedSource
from farm.core.recipe.recipe import DEFAULT_SOURCE_EPOCH
from farm.errors import FarmError
from farm.oci.own_files import scan_own_tree
from farm.store.capture import digest_tree
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from securesystemslib.signer import Signer

    from farm.core.names.declared import SensitiveFile
    from farm.core.names.digest import Digest
    from farm.core.names.package_name import PackageName
    from farm.core.names.platform import Platform
    from farm.core.names.version import Version
    from farm.core.plan.job import BuiltPackage
    from farm.store.blobs import BlobStore


@dataclass(frozen=True, slots=True)
class PackedDirectory:
    """A package in the store, the digest of the tree that it was made from, and the blob of its provenance."""

    package: BuiltPackage
    source: Digest
    provenance: Digest


def pack(
    directory: Path,
    name: PackageName,
    version: Version,
    revision: int,
    *,
    platform: Platform,
    license: str,
    store: BlobStore,
    signer: Signer,
    now: str,
    sensitive_files: Sequence[SensitiveFile] = (),
) -> PackedDirectory:
    """Put the files of a directory into the store as a package, except those that its `.farmignore` names.

    Its `bin`, `lib`, `share` and `etc` are linked into a root like those of every package. `signer` is the key of this
    host, `now` in RFC 3339. Empty directories are left out. `sensitive_files` are declared as in a recipe. Raises the
    errors `nothing-to-pack` and `ignore-file`, `UnfitTreeError`, `TreeChangedError`, and what `make_packages` raises.
    """
    if not directory.is_dir():
        raise FarmError(f"{directory} is not a directory", remedy="Name the directory to pack.", code="nothing-to-pack")
    tree = digest_tree(directory, scan_own_tree(directory))
    layout = Layout(tuple((entry.path, entry) for entry in tree.entries if not isinstance(entry, Directory)))
    if not layout.files:
        raise FarmError(f"{directory} has no file to pack", remedy="Check its .farmignore.", code="nothing-to-pack")
    plan = _plan(name, version, revision, tree.tree_digest, platform=platform, license=license)
    plan = replace(plan, sensitive_files=tuple(sensitive_files))
    try:
        (package,) = make_packages(plan, {MAIN: layout}, directory, store)
    except UndeclaredFilesError as error:
        remedy = (
            "Leave out what the package does not need, in .farmignore. Declare what it needs, with the reason: "
            f"--sensitive-file '{error.findings[0].pattern}=REASON'."
        )
        raise UndeclaredFilesError(name, error.findings, remedy=remedy) from error
    run = BuildRun(signer.public_key.keyid, "pack", now, now, store.put_bytes(b""), {})
    subjects = [(package.descriptor, package.archive.digest)]
    statement = build_statement(plan, tree.tree_digest, subjects, (), run)
    return PackedDirectory(package, tree.tree_digest, store.put_bytes(sign_statement(statement, signer)))


def _plan(
    name: PackageName, version: Version, revision: int, tree: Digest, *, platform: Platform, license: str
) -> Plan:
    """Return the plan of a package that is not built: no steps, an empty toolchain, and the tree as its source."""
    return Plan(
        name=name,
        version=version,
        revision=revision,
        platform=platform,
        toolchain=Manifest.of(()).tree_digest,
        sources=(PlannedSource(name.short, tree, unpack=False),),
        dependencies=(),
        steps=(),
        outputs=(),
        links=(),
        replaces=(),
        plugins=(),
        host=HostNeeds(),
        requires=(),
        license=license,
        shadows=(),
        environment=(),
        source_epoch=DEFAULT_SOURCE_EPOCH,
    )
