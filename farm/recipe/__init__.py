"""Recipes: text with marks → checked values. Pure: reading a directory of recipes is a face's job."""

from farm.recipe.channel import ChannelPolicy, Transition
from farm.recipe.channel_gates import (
    AdvisoriesGate,
    ApprovalsGate,
    Gate,
    HostGate,
    LicencesGate,
    ProofGate,
    ReproducedGate,
    SoakGate,
    TestsGate,
)
from farm.recipe.distribution import Distribution
from farm.recipe.errors import Problem, RecipeError
from farm.recipe.load import load_recipe
from farm.recipe.recipe import (
    DEFAULT_SOURCE_EPOCH,
    SOURCE_DIRECTORY,
    SOURCES_DIRECTORY,
    Limits,
    Origin,
    Output,
    Recipe,
    Source,
    Step,
    Test,
)
from farm.recipe.steps import StepDefinition, StepLibrary
from farm.recipe.toolchain import InvalidLockError, LockedDeb, MissingLockError, ToolchainDefinition, ToolchainLock
from farm.recipe.tree import RecipeTree, files_beside, load_tree

__all__ = [
    "DEFAULT_SOURCE_EPOCH",
    "SOURCES_DIRECTORY",
    "SOURCE_DIRECTORY",
    "AdvisoriesGate",
    "ApprovalsGate",
    "ChannelPolicy",
    "Distribution",
    "Gate",
    "HostGate",
    "InvalidLockError",
    "LicencesGate",
    "Limits",
    "LockedDeb",
    "MissingLockError",
    "Origin",
    "Output",
    "Problem",
    "ProofGate",
    "Recipe",
    "RecipeError",
    "RecipeTree",
    "ReproducedGate",
    "SoakGate",
    "Source",
    "Step",
    "StepDefinition",
    "StepLibrary",
    "Test",
    "TestsGate",
    "ToolchainDefinition",
    "ToolchainLock",
    "Transition",
    "files_beside",
    "load_recipe",
    "load_tree",
]
