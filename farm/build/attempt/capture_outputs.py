"""From the files that a build installed to packages: scanned, laid out, captured, described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.build.attempt.errors import EmptyOutputError
from farm.core.fileset.archive_reader import STORE_ROOT
from farm.core.names.package_name import PackageName
from farm.core.package.gather import gather_facts
from farm.core.package.layout import lay_out, package_name
from farm.core.package.path_glob import matches
from farm.core.package.sensitive_files import UnusedDeclarationError, check_declared, sensitive_files_of
from farm.core.plan.job import BlobRef, BuiltPackage
from farm.core.plan.outputs import describe_output
from farm.store.capture import capture_tree
from farm.store.scan import ScanLimits, scan_tree
from farm.store.tree_reader import PIECE, TreeReader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.core.fileset.manifest import File, Manifest
    from farm.core.package.layout import Layout
    from farm.core.plan.plan import Plan
    from farm.store.blobs import BlobStore

_MB = 1 << 20


def capture_packages(plan: Plan, installed: Path, store: BlobStore, *, output_mb: int) -> tuple[BuiltPackage, ...]:
    """Put the packages of a plan into the store, the main one first.

    `installed` is the tree under DESTDIR; no link in it is followed. Raises `UnfitTreeError`, `LayoutError`,
    `EmptyOutputError`, and what `make_packages` raises; the store may then hold blobs that nothing names.
    """
    limit = output_mb * _MB
    tree = scan_tree(installed, limits=ScanLimits(file_bytes=limit, total_bytes=limit), absolute_links=True)
    layouts = lay_out(tree, plan.outputs)
    empty = [package_name(plan.name.short, name) for name, layout in layouts.items() if not layout.files]
    if empty:
        raise EmptyOutputError(
            f"nothing was installed for {', '.join(empty)}",
            remedy="See that the steps install below $DESTDIR, and that the globs of the outputs match.",
        )
    return make_packages(plan, layouts, installed, store)


def make_packages(
    plan: Plan, layouts: Mapping[str, Layout], installed: Path, store: BlobStore
) -> tuple[BuiltPackage, ...]:
    """Put the packages of a plan into the store: of each output the files of `installed` that its layout names.

    Raises `InvalidElfError`, `InvalidPkgConfigError`, `UndeclaredFilesError`, `UnusedDeclarationError`.
    """
    packages = tuple(_make_package(plan, name, layout, installed, store) for name, layout in layouts.items())
    declared = [file.path for package in packages for file in package.descriptor.sensitive_files]
    unused = [
        declaration.path
        for declaration in plan.sensitive_files
        if not any(matches(declaration.path, path) for path in declared)
    ]
    if unused:
        raise UnusedDeclarationError(plan.name, unused)
    return packages


def _make_package(plan: Plan, output: str, layout: Layout, installed: Path, store: BlobStore) -> BuiltPackage:
    name = PackageName(plan.name.distribution, package_name(plan.name.short, output))
    sources = {entry.path: source for source, entry in layout.files}

    def prefix(manifest: Manifest) -> str:
        return f"{STORE_ROOT}/{manifest.store_path(name.short, str(plan.version))}"

    captured = capture_tree(installed, layout.manifest, store, prefix=prefix, sources=sources)
    manifest = captured.manifest
    with TreeReader(installed) as reader:

        def read(path: str) -> bytes:
            size = files[path].size
            return reader.read(sources[path], size) if size <= PIECE else b"".join(reader.pieces(sources[path], size))

        files: dict[str, File] = {file.path: file for file in manifest.files()}
        facts = gather_facts(manifest, read)
    content = facts.to_json()
    descriptor = describe_output(plan, output, manifest, facts, captured.diff_id)
    check_declared(name, sensitive_files_of(descriptor, manifest, facts), descriptor.sensitive_files)
    store.put_bytes(descriptor.to_json())
    return BuiltPackage(
        descriptor=descriptor,
        archive=captured.archive,
        manifest=BlobRef(captured.tree, len(manifest.to_json())),
        facts=BlobRef(store.put_bytes(content), len(content)),
    )
