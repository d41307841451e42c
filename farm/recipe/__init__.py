"""Recipes: text with marks → checked values. Pure: reading a directory of recipes is a face's job.

What reads texts is loaded when it is first asked for: YAML and Jinja2 take long to load, and a subscriber's commands,
which are to be quick, need the values alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from farm.recipe.channel import ChannelPolicy, Transition
from farm.recipe.channel_gates import (
    AbiGate,
    AdvisoriesGate,
    ApprovalsGate,
    Gate,
    HardeningGate,
    HostGate,
    LicencesGate,
    ProofGate,
    ReproducedGate,
    SoakGate,
    TestsGate,
)
from farm.recipe.recipe import (
    DEFAULT_SOURCE_EPOCH,
    SOURCE_DIRECTORY,
    SOURCES_DIRECTORY,
    CarriedSource,
    Limits,
    Origin,
    Output,
    Recipe,
    Source,
    Step,
    Test,
)

if TYPE_CHECKING:
    from farm.recipe.distribution import Distribution
    from farm.recipe.errors import Problem, RecipeError
    from farm.recipe.load import load_recipe
    from farm.recipe.steps import StepDefinition, StepLibrary
    from farm.recipe.toolchain import InvalidLockError, LockedDeb, MissingLockError, ToolchainDefinition, ToolchainLock
    from farm.recipe.tree import RecipeTree, files_beside, load_tree

_READERS = {
    "distribution": ("Distribution",),
    "errors": ("Problem", "RecipeError"),
    "load": ("load_recipe",),
    "steps": ("StepDefinition", "StepLibrary"),
    "toolchain": ("InvalidLockError", "LockedDeb", "MissingLockError", "ToolchainDefinition", "ToolchainLock"),
    "tree": ("RecipeTree", "files_beside", "load_tree"),
}
_HOMES = {name: f"{__name__}.{module}" for module, names in _READERS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(import_module(_HOMES[name]), name)


__all__ = [
    "DEFAULT_SOURCE_EPOCH",
    "SOURCES_DIRECTORY",
    "SOURCE_DIRECTORY",
    "AbiGate",
    "AdvisoriesGate",
    "ApprovalsGate",
    "CarriedSource",
    "ChannelPolicy",
    "Distribution",
    "Gate",
    "HardeningGate",
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
