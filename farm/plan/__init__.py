"""Pinning of recipes to plans, the graph of what is built from what, and the orders that workers get. Pure."""

from farm.plan.abi import MOST_LINE, MOST_REPORT_LINES, MOST_UNDESCRIBED, AbiOrder, AbiOutcome, AbiSide, AbiVerdict
from farm.plan.consumption import MOST_PATHS, ConsumedKind, Consumption, OpenedFiles
from farm.plan.graph import (
    BuildGraph,
    DependencyCycleError,
    DuplicatePackageError,
    MissingDependency,
    MissingDependencyError,
    UnknownRecipeError,
)
from farm.plan.job import (
    BlobRef,
    BuildOrder,
    BuildOutcome,
    BuiltPackage,
    DependencyArchive,
    SourceOrigin,
    TestOrder,
    TestOutcome,
)
from farm.plan.outputs import describe_output, differing_fields, output_names
from farm.plan.pin import UnknownToolchainPackageError, UnpinnedDependencyError, pin, source_origins
from farm.plan.plan import FORMAT, PROTOCOL, InvalidPlanError, Plan, PlannedDependency, PlannedSource
from farm.plan.record import InvalidRecordError

__all__ = [
    "FORMAT",
    "MOST_LINE",
    "MOST_PATHS",
    "MOST_REPORT_LINES",
    "MOST_UNDESCRIBED",
    "PROTOCOL",
    "AbiOrder",
    "AbiOutcome",
    "AbiSide",
    "AbiVerdict",
    "BlobRef",
    "BuildGraph",
    "BuildOrder",
    "BuildOutcome",
    "BuiltPackage",
    "ConsumedKind",
    "Consumption",
    "DependencyArchive",
    "DependencyCycleError",
    "DuplicatePackageError",
    "InvalidPlanError",
    "InvalidRecordError",
    "MissingDependency",
    "MissingDependencyError",
    "OpenedFiles",
    "Plan",
    "PlannedDependency",
    "PlannedSource",
    "SourceOrigin",
    "TestOrder",
    "TestOutcome",
    "UnknownRecipeError",
    "UnknownToolchainPackageError",
    "UnpinnedDependencyError",
    "describe_output",
    "differing_fields",
    "output_names",
    "pin",
    "source_origins",
]
