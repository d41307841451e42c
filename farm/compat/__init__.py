"""What is true of packages together: closure, conflicts, sonames, symbols, composition. Pure; opens no archive."""

from farm.compat.atoms import Atom, find_atoms
from farm.compat.closure import (
    MemberSet,
    OpenSetError,
    UnknownPackageError,
    build_closure,
    closure,
    from_toolchain,
    needs_of,
    resolve_needs,
)
from farm.compat.compose import TwoBuildsError, compose
from farm.compat.composition import ComposedPackage, Composition
from farm.compat.foreign import Offer, select_foreign
from farm.compat.host import joint_needs, needs_beyond
from farm.compat.member import Member, is_foreign
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
from farm.compat.set_record import InvalidSetRecordError, PlacedPackage, ReleaseRef, SetRecord
from farm.compat.trial import TrialSet

__all__ = [
    "AmbiguousProvider",
    "Atom",
    "ComposedPackage",
    "Composition",
    "DuplicateMemberError",
    "InvalidSetRecordError",
    "Member",
    "MemberSet",
    "MissingInterpreter",
    "MissingSoname",
    "MissingSymbol",
    "MissingVersion",
    "MixedPlatformsError",
    "Offer",
    "OpenSetError",
    "PackageSet",
    "PathConflict",
    "PlacedPackage",
    "Problem",
    "Proof",
    "Prover",
    "ReleaseRef",
    "SetRecord",
    "TrialSet",
    "TwoBuildsError",
    "UnknownPackageError",
    "UnmetRequirement",
    "build_closure",
    "closure",
    "compose",
    "find_atoms",
    "from_toolchain",
    "is_foreign",
    "joint_needs",
    "needs_beyond",
    "needs_of",
    "prove",
    "prove_change",
    "resolve_needs",
    "select_foreign",
    "set_digest",
]
