"""What the dynamic linker would find wrong with files that are loaded together, as values: symbols and versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from farm.core.sets.findings.problem import FileProblem, listed

_CLASSES = {"function": "a function", "object": "a variable", "tls": "a thread-local variable"}


@dataclass(frozen=True, slots=True)
class MissingSymbol(FileProblem, code="missing-symbol"):
    """A strong import that nothing loaded with the file exports.

    `libraries` are the (soname, package) that it may come from: one where the file names it, or where no other library
    that it needs has symbols without versions. `version` is empty for an import without one; `loader` is the command
    that loads the file, if that is a plugin.
    """

    symbol: str
    version: str
    libraries: tuple[tuple[str, str], ...]
    loader: str = ""
    _WANTS: ClassVar[str] = "imports"

    @property
    def message(self) -> str:  # noqa: D102
        version = f"version {self.version}" if self.version else "no version"
        what = f"{self.package}: {self.file} {self._WANTS} {self.symbol} ({version})"
        loader = f" nor its loader {self.loader}" if self.loader else ""
        if len(self.libraries) == 1:
            ((library, provider),) = self.libraries
            verb = f"neither {provider}{loader} exports" if loader else f"{provider} does not export"
            return f"{what} from {library}, which {verb}"
        if not self.libraries:
            who = f"its loader {self.loader} does not export" if loader else "no library that it needs exports"
            return f"{what}, which {who}"
        names = [f"{soname} of {package}" for soname, package in self.libraries]
        if len(names) == 2 and not loader:
            return f"{what}, which neither {names[0]} nor {names[1]} exports"
        return f"{what}, which {'neither' if loader else 'none of'} {listed(names)}{loader} exports"

    @property
    def labels(self) -> tuple[str, ...]:  # noqa: D102
        return tuple(dict.fromkeys([self.package, *(package for _, package in self.libraries)]))


@dataclass(frozen=True, slots=True)
class MissingCopiedSymbol(MissingSymbol, code="missing-copied-symbol"):
    """A variable that the loader is to copy into a program at start, and that nothing loaded with it exports."""

    _WANTS: ClassVar[str] = "copies"


@dataclass(frozen=True, slots=True)
class _Mismatch(FileProblem, parties=("package", "provider")):
    """A symbol differs from the one that a file was linked with. `library` is a soname, `provider` its package."""

    symbol: str
    library: str
    provider: str


@dataclass(frozen=True, slots=True)
class ClassMismatch(_Mismatch, code="class-mismatch"):
    """A file was linked with a symbol of another class than the library has under that name."""

    wanted: str
    found: str

    @property
    def message(self) -> str:  # noqa: D102
        return (
            f"{self.package}: {self.file} uses {self.symbol} of {self.library} as {_CLASSES[self.wanted]}, "
            f"and in {self.provider} it is {_CLASSES[self.found]}"
        )


@dataclass(frozen=True, slots=True)
class SizeMismatch(
    _Mismatch,
    code="size-mismatch",
    sentence="{self.package}: {self.file} copies {self.wanted:,} bytes of {self.symbol} from {self.library}, "
    "and in {self.provider} it has {self.found:,}",
):
    """A program has room for a copy of a variable that has another size in the library."""

    wanted: int
    found: int


@dataclass(frozen=True, slots=True)
class ProtectedCopy(
    _Mismatch,
    code="protected-copy",
    sentence="{self.package}: {self.file} copies {self.symbol} from {self.library}, "
    "and in {self.provider} it is protected: program and library would each use their own",
):
    """A program copies a variable that the library keeps using itself, so that there are two of it."""


@dataclass(frozen=True, slots=True)
class MissingVersion(FileProblem, code="missing-version", parties=("package", "provider")):
    """A version that the loader requires of a library at start, whether a symbol uses it or not.

    `provider` is empty where no such library is loaded with the file at all.
    """

    version: str
    library: str
    provider: str

    @property
    def message(self) -> str:  # noqa: D102
        lacks = f"which {self.provider} does not define" if self.provider else "which is not loaded with it"
        return f"{self.package}: {self.file} needs version {self.version} of {self.library}, {lacks}"


@dataclass(frozen=True, slots=True)
class ClashingInterposition(
    FileProblem, code="clashing-interposition", parties=("package", "using_package", "winner", "loser")
):
    """A library takes a symbol from a file that is loaded before the one it was linked with, and gets something else:
    a symbol of another class, or a smaller one.

    `file` is the program, `user` of `using_package` takes the symbol from `winning_file`. Sizes are in bytes.
    """

    symbol: str
    user: str
    using_package: str
    winning_file: str
    winner: str
    losing_file: str
    loser: str
    wanted: str
    found: str
    wanted_size: int = 0
    found_size: int = 0

    @property
    def message(self) -> str:  # noqa: D102
        if self.wanted != self.found:
            differ = f"{_CLASSES[self.found]} there, and {_CLASSES[self.wanted]} in"
        else:
            differ = f"{self.found_size:,} bytes there, and {self.wanted_size:,} in"
        return (
            f"{self.package}: where {self.file} runs, {self.user} of {self.using_package} takes {self.symbol} from "
            f"{self.winning_file} of {self.winner}: it is {differ} {self.losing_file} of {self.loser}"
        )
