"""What can keep an executable or library from being started or loaded at all, as values: more kinds of problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from farm.core.sets.findings.problem import NoLibrary, Problem, spelt

_REFUSALS = {
    "abi-version": "another version of the ABI (EI_ABIVERSION)",
    "os-abi": "another operating system (EI_OSABI)",
    "padding": "what it does not know (e_ident)",
    "version": "another version of ELF (EI_VERSION, e_version)",
}


@dataclass(frozen=True, slots=True)
class RefusedLibrary(NoLibrary):
    """What the loader takes for a needed library says that it is for another system: it ends the program."""

    code: ClassVar[str] = "refused-library"
    refusals: tuple[str, ...] = ()

    @property
    def message(self) -> str:  # noqa: D102
        why = " and ".join(_REFUSALS[refusal] for refusal in self.refusals)
        return (
            f"{self.package}: {self.file} needs {spelt(self.requirement)}, and finds {self.found} of {self.keeper}, "
            f"which the dynamic linker refuses, because its header is for {why}"
        )


@dataclass(frozen=True, slots=True)
class NoLoader(Problem):
    """An executable names something as its loader that is none: the kernel starts that in place of a loader."""

    code: ClassVar[str] = "no-loader"
    _PACKAGES: ClassVar[tuple[str, ...]] = ("package", "keeper")
    package: str
    file: str
    interpreter: str
    keeper: str

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: {self.file} is to be loaded by {self.interpreter} of {self.keeper}, "
            "which is a program of its own and no loader"
        )


@dataclass(frozen=True, slots=True)
class NewerProcessor(Problem):
    """A file says that it needs a processor that its path does not tell of: on others the loader ends the program."""

    code: ClassVar[str] = "newer-processor"
    package: str
    file: str
    level: str

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: {self.file} needs a processor of the level {self.level}, and lies where others look too: "
            f"build it for any, or put it into lib/glibc-hwcaps/{self.level} beside one that is"
        )
