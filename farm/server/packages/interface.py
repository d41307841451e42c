"""What other builds can see of a recipe's packages: headers, sonames, pkg-config modules, symbols as exported.

Static libraries are no part of it: who has copied from them is known (`farm.server.packages.code_copies`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest
from farm.server.packages import packages

if TYPE_CHECKING:
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork


def interface_of(unit: UnitOfWork, plan: Digest) -> Digest:
    """Return a digest that changes when the interface of what this plan put out does."""
    return Digest.of_json([_visible(unit, package) for package in packages.packages_of_plan(unit.session, plan)])


def _visible(unit: UnitOfWork, package: Package) -> dict[str, object]:
    facts = unit.packages.member(package).facts
    manifest = Manifest.from_json(unit.blobs.read(package.tree))
    headers = set(facts.headers)
    return {
        "package": package.name,
        "headers": {file.path: file.digest for file in manifest.files() if file.path in headers},
        "libraries": [
            [elf.facts.soname, sorted(map(list, elf.facts.exports))] for elf in facts.elf if elf.facts.soname
        ],
        "modules": [module.to_dict() for module in facts.pkg_config],
    }
