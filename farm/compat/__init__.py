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
    needs_touched,
    resolve_needs,
)
from farm.compat.compose import TwoBuildsError, compose
from farm.compat.composition import ComposedPackage, Composition
from farm.compat.foreign import Offer, select_foreign
from farm.compat.host import joint_needs, needs_beyond
from farm.compat.link_problem import (
    ClashingInterposition,
    ClassMismatch,
    MissingCopiedSymbol,
    MissingSymbol,
    MissingVersion,
    ProtectedCopy,
    SizeMismatch,
)
from farm.compat.member import Member, is_foreign
from farm.compat.need_problem import ConflictingModule, MissingForExtra, MissingLinkerFile, UnknownPython
from farm.compat.note import DanglingLibraryLinks, Interposition, LostVersions, MissingRecommended, Note, Underlinked
from farm.compat.package_set import DuplicateMemberError, MixedPlatformsError, PackageSet, set_digest
from farm.compat.private_libraries import moved_privately
from farm.compat.problem import (
    AmbiguousProvider,
    DanglingLinks,
    MissingDistribution,
    MissingInterpreter,
    MissingLinkerLibrary,
    MissingModule,
    MissingSoname,
    NoLibrary,
    OtherModuleVersion,
    OtherPython,
    PathConflict,
    Problem,
    UnmetRequirement,
)
from farm.compat.proof import Proof
from farm.compat.proof_scope import ProofScope, called_commands
from farm.compat.prover import Prover, prove, prove_change
from farm.compat.set_record import InvalidSetRecordError, PlacedPackage, ReleaseRef, SetRecord
from farm.compat.start_problem import NewerProcessor, NoLoader, RefusedLibrary
from farm.compat.test_closures import TestNeedIndex, Unrunnable, test_closures, tested_names
from farm.compat.trial import TrialSet

__all__ = [
    "AmbiguousProvider",
    "Atom",
    "ClashingInterposition",
    "ClassMismatch",
    "ComposedPackage",
    "Composition",
    "ConflictingModule",
    "DanglingLibraryLinks",
    "DanglingLinks",
    "DuplicateMemberError",
    "Interposition",
    "InvalidSetRecordError",
    "LostVersions",
    "Member",
    "MemberSet",
    "MissingCopiedSymbol",
    "MissingDistribution",
    "MissingForExtra",
    "MissingInterpreter",
    "MissingLinkerFile",
    "MissingLinkerLibrary",
    "MissingModule",
    "MissingRecommended",
    "MissingSoname",
    "MissingSymbol",
    "MissingVersion",
    "MixedPlatformsError",
    "NewerProcessor",
    "NoLibrary",
    "NoLoader",
    "Note",
    "Offer",
    "OpenSetError",
    "OtherModuleVersion",
    "OtherPython",
    "PackageSet",
    "PathConflict",
    "PlacedPackage",
    "Problem",
    "Proof",
    "ProofScope",
    "ProtectedCopy",
    "Prover",
    "RefusedLibrary",
    "ReleaseRef",
    "SetRecord",
    "SizeMismatch",
    "TestNeedIndex",
    "TrialSet",
    "TwoBuildsError",
    "Underlinked",
    "UnknownPackageError",
    "UnknownPython",
    "UnmetRequirement",
    "Unrunnable",
    "build_closure",
    "called_commands",
    "closure",
    "compose",
    "find_atoms",
    "from_toolchain",
    "is_foreign",
    "joint_needs",
    "moved_privately",
    "needs_beyond",
    "needs_of",
    "needs_touched",
    "prove",
    "prove_change",
    "resolve_needs",
    "select_foreign",
    "set_digest",
    "test_closures",
    "tested_names",
]
