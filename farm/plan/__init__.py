"""Pinning of recipes to plans, the graph of what is built from what, and the orders that workers get. Pure."""

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
from farm.plan.plan import FORMAT, PROTOCOL, InvalidPlanError, Plan, PlannedDependency, PlannedSource
from farm.plan.record import InvalidRecordError

__all__ = [
    "FORMAT",
    "PROTOCOL",
    "BlobRef",
    "BuildOrder",
    "BuildOutcome",
    "BuiltPackage",
    "DependencyArchive",
    "InvalidPlanError",
    "InvalidRecordError",
    "Plan",
    "PlannedDependency",
    "PlannedSource",
    "SourceOrigin",
    "TestOrder",
    "TestOutcome",
]
