"""What can be wrong with the needs of pkg-config modules and Python distributions, as values."""

from __future__ import annotations

from dataclasses import dataclass

from farm.core.sets.findings.note import Note
from farm.core.sets.findings.problem import FileProblem, Problem, listed


@dataclass(frozen=True, slots=True)
class ModuleProblem(Problem):
    """A problem of one pkg-config module of a package."""

    package: str
    module: str


@dataclass(frozen=True, slots=True)
class MissingModule(
    ModuleProblem,
    code="missing-module",
    sentence="{self.package}: the pkg-config module {self.module} requires {self.required}, "
    "which no package of the set provides",
):
    """A pkg-config module requires another that is in no package of the set."""

    required: str


@dataclass(frozen=True, slots=True)
class OtherModuleVersion(
    ModuleProblem,
    code="other-module-version",
    parties=("package", "provider"),
    sentence="{self.package}: the pkg-config module {self.module} requires {self.required}, "
    "and that of {self.provider} has version {self.has}",
):
    """A pkg-config module requires another in versions that the set does not have."""

    required: str
    provider: str
    has: str


@dataclass(frozen=True, slots=True)
class MissingLinkerLibrary(ModuleProblem, code="missing-linker-library"):
    """A pkg-config module names a library that a linker would not find."""

    library: str

    @property
    def message(self) -> str:  # noqa: D102
        plain = f"lib{self.library}.so or lib{self.library}.a"
        wanted = self.library.removeprefix(":") if self.library.startswith(":") else plain
        return (
            f"{self.package}: the pkg-config module {self.module} links with -l{self.library}, "
            f"and no package of the set has {wanted} where it looks"
        )


def _instead(has: str) -> str:
    return f"and the set has {has}" if has else "which no package of the set has for its Python"


@dataclass(frozen=True, slots=True)
class MissingDistribution(Problem, code="missing-distribution"):
    """A Python distribution requires another that is missing for its Python, or there in another version (`has`)."""

    package: str
    distribution: str
    required: str
    has: str = ""

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: the Python distribution {self.distribution} requires {self.required}, "
            f"{_instead(self.has)}"
        )


@dataclass(frozen=True, slots=True)
class OtherPython(FileProblem, code="other-python", parties=("package", "python")):
    """Modules are for another Python than the one that would load them: that of the package `python`, where known."""

    why: str
    version: str
    python: str = ""

    @property
    def message(self) -> str:  # noqa: D102
        where = f"the set has {self.python}" if self.python else f"it lies where Python {self.version} looks"
        return f"{self.package}: {self.file}: {self.why}, and {where}"


@dataclass(frozen=True, slots=True)
class MissingForExtra(Problem, code="missing-for-extra", parties=("package", "provider")):
    """A Python distribution requires another with extras, whose own requirements are not met.

    `through` is the requirement with the extras, `provider` the package of the required distribution, `required` what
    that lacks; `has` is what the set has instead, if anything.
    """

    package: str
    distribution: str
    through: str
    provider: str
    required: str
    has: str = ""

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: the Python distribution {self.distribution} requires {self.through}; with that extra "
            f"{self.provider} requires {self.required}, {_instead(self.has)}"
        )


@dataclass(frozen=True, slots=True)
class ConflictingModule(ModuleProblem, code="conflicting-module", parties=("package", "provider")):
    """A pkg-config module requires a module and conflicts with the version of it that the set has."""

    conflicts: str
    provider: str
    has: str

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: the pkg-config module {self.module} conflicts with {self.conflicts}, which it requires, "
            f"and that of {self.provider} has {f'version {self.has}' if self.has else 'an unknown version'}"
        )


@dataclass(frozen=True, slots=True)
class MissingLinkerFile(
    ModuleProblem,
    code="missing-linker-file",
    sentence="{self.package}: the pkg-config module {self.module} links with {self.path}, "
    "which no package of the set has",
):
    """A pkg-config module links with a library by a path at which there is none."""

    path: str


@dataclass(frozen=True, slots=True)
class UnknownPython(Note, code="unknown-python"):
    """The requirements of a Python distribution depend on the version of Python, which is not known.

    It is in a directory that every Python 3 searches, and the set has none or several: `pythons`.
    """

    distribution: str
    pythons: tuple[str, ...]

    @property
    def message(self) -> str:  # noqa: D102
        which = f"Python {listed(self.pythons)}" if self.pythons else "no Python 3"
        return (
            f"{self.package}: the Python distribution {self.distribution} has requirements that depend on the version "
            f"of Python, and the set has {which}: they are not judged"
        )
