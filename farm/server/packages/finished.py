"""Records a finished package of the farm, with what is looked up about it: copied code, and the files it provides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.fileset.manifest import Manifest
from farm.server.packages import packages
from farm.server.packages.code_consumers import add_consumed
from farm.server.packages.provided_files import add_provided

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.core.plan.consumption import Consumption
    from farm.server.tables.records import Package
    from farm.server.transaction.unit_of_work import UnitOfWork


def add_finished(unit: UnitOfWork, package: Package, consumed: Iterable[Consumption]) -> None:
    """Record a package whose blobs are stored, and the library files that its build opened."""
    packages.add_package(unit.session, package)
    add_consumed(unit.session, package.digest, consumed)
    add_provided(unit.session, package.name, Manifest.from_json(unit.blobs.read(package.manifest.digest)))
