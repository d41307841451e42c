"""From what a build has installed to packages: looked over, laid out, captured, described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.blobs import ScanLimits, capture_tree, scan_tree
from farm.blobs.tree_reader import PIECE, TreeReader
from farm.building.errors import EmptyOutputError
from farm.fileset import STORE_ROOT
from farm.names import PackageName
from farm.package import (
    OutputRule,
    OutputRules,
    UnusedDeclarationError,
    check_declared,
    gather_facts,
    lay_out,
    matches,
    package_name,
    sensitive_files_of,
)
from farm.plan import BlobRef, BuiltPackage, describe_output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.blobs import BlobStore
    from farm.fileset import File, Manifest
    from farm.package import Layout
    from farm.plan import Plan

_MB = 1 << 20


def harvest(plan: Plan, installed: Path, store: BlobStore, *, output_mb: int) -> tuple[BuiltPackage, ...]:
    """Put the packages of a plan into the store, the main one first.

    `installed` is the tree under DESTDIR; no link in it is followed. Raises `UnfitTreeError`, `LayoutError`,
    `EmptyOutputError`, and what `make_packages` raises; the store may then hold blobs that nothing names.
    """
    limit = output_mb * _MB
    tree = scan_tree(installed, limits=ScanLimits(file_bytes=limit, total_bytes=limit), absolute_links=True)
    rules = OutputRules(tuple(OutputRule(output.name, output.paths) for output in plan.outputs))
    layouts = lay_out(tree, rules=rules)
    empty = [package_name(plan.name.short, name) for name, layout in layouts.items() if not layout.files]
    if empty:
        raise EmptyOutputError(empty)
    return make_packages(plan, layouts, installed, store)


def make_packages(
    plan: Plan, layouts: Mapping[str, Layout], installed: Path, store: BlobStore
) -> tuple[BuiltPackage, ...]:
    """Put the packages of a plan into the store: of each output the files of `installed` that its layout names.

    Raises `InvalidElfError`, `InvalidPkgConfigError`, `UndeclaredFilesError`, `UnusedDeclarationError`.
    """
    packages = tuple(_make_package(plan, name, layout, installed, store) for name, layout in layouts.items())
    declared = [file.path for package in packages for file in package.descriptor.sensitive_files]
    unused = [each.path for each in plan.sensitive_files if not any(matches(each.path, path) for path in declared)]
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
