"""More that can be wrong with what files ask for that no linker knows of (`other_needs`), as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from farm.core.sets.findings.note import Note
from farm.core.sets.findings.problem import Problem, listed


@dataclass(frozen=True, slots=True)
class MissingForExtra(Problem):
    """A Python distribution requires another with extras, and what these ask for is not there.

    `through` is the requirement with the extras, `provider` the package that has what it names, `required` what that
    lacks; `has` says what there is instead, if anything.
    """

    code: ClassVar[str] = "missing-for-extra"
    _PACKAGES: ClassVar[tuple[str, ...]] = ("package", "provider")
    package: str
    distribution: str
    through: str
    provider: str
    required: str
    has: str = ""

    @property
    def message(self) -> str:  # noqa: D102
        which = f"and the set has {self.has}" if self.has else "which no package of the set has for its Python"
        return (
            f"{self.package}: the Python distribution {self.distribution} requires {self.through}; with that extra "
            f"{self.provider} requires {self.required}, {which}"
        )


@dataclass(frozen=True, slots=True)
class ConflictingModule(Problem):
    """A pkg-config module requires a module with which, in the version of the set, it says that it conflicts."""

    code: ClassVar[str] = "conflicting-module"
    _PACKAGES: ClassVar[tuple[str, ...]] = ("package", "provider")
    package: str
    module: str
    conflicts: str
    provider: str
    has: str

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: the pkg-config module {self.module} conflicts with {self.conflicts}, which it requires, "
            f"and that of {self.provider} has {f'version {self.has}' if self.has else 'a version that is not known'}"
        )


@dataclass(frozen=True, slots=True)
class MissingLinkerFile(Problem):
    """A pkg-config module links with a library by its path, and it is not there."""

    code: ClassVar[str] = "missing-linker-file"
    package: str
    module: str
    path: str

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: the pkg-config module {self.module} links with {self.path}, "
            "which no package of the set has"
        )


@dataclass(frozen=True, slots=True)
class UnknownPython(Note):
    """A Python distribution goes by the version of its Python, and it lies where whichever Python 3 there is looks.

    `pythons` are those of the set, which are none or several.
    """

    code: ClassVar[str] = "unknown-python"
    package: str
    distribution: str
    pythons: tuple[str, ...]

    @property
    def message(self) -> str:  # noqa: D102
        which = f"Python {listed(self.pythons)}" if self.pythons else "no Python 3"
        return (
            f"{self.package}: the Python distribution {self.distribution} requires this or that by the version of "
            f"Python, and the set has {which}: that is not judged"
        )
