"""What is true of packages together: closure, conflicts, sonames, symbols, composition. Pure; opens no archive."""

from farm.compat.closure import OpenSetError, UnknownPackageError, build_closure, closure, resolve_needs
from farm.compat.compose import TwoBuildsError, compose
from farm.compat.composition import ComposedPackage, Composition
from farm.compat.host import joint_needs
from farm.compat.member import Member
from farm.compat.package_set import DuplicateMemberError, MixedPlatformsError, PackageSet, set_digest
from farm.compat.problem import (
    AmbiguousProvider,
    MissingInterpreter,
    MissingSoname,
    MissingSymbol,
    MissingVersion,
    PathConflict,
    Problem,
    UnmetRequirement,
)
from farm.compat.proof import Proof, Prover, prove, prove_change

__all__ = [
    "AmbiguousProvider",
    "ComposedPackage",
    "Composition",
    "DuplicateMemberError",
    "Member",
    "MissingInterpreter",
    "MissingSoname",
    "MissingSymbol",
    "MissingVersion",
    "MixedPlatformsError",
    "OpenSetError",
    "PackageSet",
    "PathConflict",
    "Problem",
    "Proof",
    "Prover",
    "TwoBuildsError",
    "UnknownPackageError",
    "UnmetRequirement",
    "build_closure",
    "closure",
    "compose",
    "joint_needs",
    "prove",
    "prove_change",
    "resolve_needs",
    "set_digest",
]
