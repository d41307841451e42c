"""What the maintainer of a package does about a problem that a proof found, by the problem's type."""

from __future__ import annotations

from farm.core.sets.findings.link_problem import MissingSymbol
from farm.core.sets.findings.need_problem import MissingDistribution, MissingForExtra, ModuleProblem, OtherPython
from farm.core.sets.findings.problem import (
    AmbiguousProvider,
    DanglingLinks,
    FileProblem,
    NewerProcessor,
    NoLibrary,
    NoLoader,
    PathConflict,
    Problem,
    UnmetRequirement,
)

_PYTHON = "Name the package with that Python distribution in `requires`, or correct what this one requires."
_REMEDIES: dict[type[Problem], str] = {
    UnmetRequirement: "Name the package that provides it in `requires`, or do not install what needs it.",
    NoLibrary: "Build the library for this platform, and install nothing else under its name.",
    AmbiguousProvider: "Let one of the packages name the others in `replaces`.",
    PathConflict: "Install each path in one package only, or let one of them name the others in `replaces`.",
    DanglingLinks: "Install what the link leads to, name its package in `requires`, or remove the link in a step.",
    NoLoader: "Link the program with the compiler of the toolchain, which names the loader.",
    NewerProcessor: "Compile it without -march and -mcpu.",
    MissingSymbol: "Link the file with the library that has the symbol. For a plugin, name its program in `plugins`.",
    ModuleProblem: "Name the package that has it in `requires`, or correct the .pc file in a step.",
    MissingDistribution: _PYTHON,
    MissingForExtra: _PYTHON,
    OtherPython: "Build it with the Python that is to load it.",
    FileProblem: "Build the file against the packages that it is used with.",
}


def remedy_of(problem: Problem) -> str:
    """Return what to do about a problem."""
    return next(_REMEDIES[kind] for kind in type(problem).__mro__ if kind in _REMEDIES)
