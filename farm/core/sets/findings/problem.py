"""What can be wrong with a set of packages, as values: requirements, paths, links, and what keeps files from starting.

Each says in one sentence which package, file and symbol is concerned. Packages are named by their labels, `jq 1.7.1-1`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import chain
from typing import Any, ClassVar

from farm.core.package.package_capability import exact_package

_KINDS = {
    "command": "the command ",
    "package": "the package ",
    "interpreter": "",
    "soname": "",
    "pkgconfig": "",
}
_REFUSALS = {
    "abi-version": "another version of the ABI (EI_ABIVERSION)",
    "os-abi": "another operating system (EI_OSABI)",
    "padding": "what it does not know (e_ident)",
    "version": "another version of ELF (EI_VERSION, e_version)",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a proof found. `code` is its kind, `parties` the fields that name packages, worst off first.

    `sentence` is the message, with the names of attributes in it: `{self.package}: {self.file} is not a loader`.
    """

    code: ClassVar[str] = ""
    _parties: ClassVar[tuple[str, ...]] = ("package",)
    _sentence: ClassVar[str] = ""

    def __init_subclass__(cls, *, code: str = "", parties: tuple[str, ...] = (), sentence: str = "") -> None:
        # `dataclass(slots=True)` makes each class a second time, without these arguments.
        cls.code = code or cls.code
        cls._parties = parties or cls._parties
        cls._sentence = sentence or cls._sentence

    @property
    def message(self) -> str:
        """One sentence for people, without its full stop."""
        return self._sentence.format(self=self)

    @property
    def labels(self) -> tuple[str, ...]:
        """The packages that the finding is about."""
        parties = (getattr(self, field) for field in self._parties)
        labels = chain.from_iterable((party,) if isinstance(party, str) else party for party in parties)
        return tuple(dict.fromkeys(filter(None, labels)))

    @property
    def packages(self) -> tuple[str, ...]:
        """Their short names, by which a candidate is split."""
        return tuple(label.partition(" ")[0] for label in self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, with its code, message and packages."""
        own = {field.name.replace("_", "-"): getattr(self, field.name) for field in fields(self)}
        return {"code": self.code, "message": self.message, "packages": list(self.packages), "details": own}


@dataclass(frozen=True, slots=True)
class Problem(Finding):
    """One reason why a set cannot be released."""


@dataclass(frozen=True, slots=True)
class FileProblem(Problem):
    """A problem of one file of a package."""

    package: str
    file: str


@dataclass(frozen=True, slots=True)
class UnmetRequirement(Problem, code="unmet-requirement"):
    """No package provides a capability that a package requires. `file` is the file that needs it, where it is known."""

    package: str
    requirement: str
    file: str = ""
    nearest: str = ""

    @property
    def wanted(self) -> str:
        """The requirement in words."""
        return capability_in_words(self.requirement)

    @property
    def message(self) -> str:  # noqa: D102
        if self.file and self.requirement.endswith("\r"):
            return self._carriage_return("env")
        return f"{self._who} requires {self.wanted}, which no package of the set provides{self.nearest}"

    @property
    def _who(self) -> str:
        return f"{self.package}: {self.file}" if self.file else self.package

    def _carriage_return(self, seeker: str) -> str:
        """Say why the interpreter of a script with CRLF line ends is not found."""
        name = self.requirement.partition(":")[2]
        return (
            f"{self.package}: the first line of {self.file} ends with a carriage return, so that {seeker} looks for "
            f"{name!r}: end its lines with a line feed alone"
        )


@dataclass(frozen=True, slots=True)
class MissingInterpreter(UnmetRequirement, code="missing-interpreter"):
    """The program that runs a script or loads an executable is in no package of the set."""

    @property
    def message(self) -> str:  # noqa: D102
        if self.requirement.endswith("\r"):
            return self._carriage_return("the kernel")
        path = self.requirement.partition(":")[2]
        if not path.startswith("/"):
            return f"{self.package}: {self.file} is run by the relative path {path}: name it by its absolute path"
        return f"{self._who} is run by {self.wanted}, which no package of the set provides{self.nearest}"


@dataclass(frozen=True, slots=True)
class MissingSoname(UnmetRequirement, code="missing-soname"):
    """A library that a file needs is in no package of the set."""

    @property
    def message(self) -> str:  # noqa: D102
        return f"{self._who} needs {self.wanted}, which no package of the set provides{self.nearest}"


@dataclass(frozen=True, slots=True)
class NoLibrary(UnmetRequirement, code="no-library", parties=("package", "keeper")):
    """The loader finds something else where a library should be: `found` of `keeper`, a program, text or directory."""

    found: str = ""
    keeper: str = ""
    program: bool = False

    @property
    def message(self) -> str:  # noqa: D102
        what = "a program" if self.program else "not a library"
        return (
            f"{self.package}: {self.file} needs {self.wanted}, and finds {self.found} of {self.keeper}, which is {what}"
        )


@dataclass(frozen=True, slots=True)
class AmbiguousProvider(Problem, code="ambiguous-provider", parties=("package", "providers")):
    """A required capability is provided by several packages, none of which replaces the others."""

    package: str
    requirement: str
    providers: tuple[str, ...]

    @property
    def message(self) -> str:  # noqa: D102
        both = "both" if len(self.providers) == 2 else "all"
        required = capability_in_words(self.requirement)
        return f"{self.package} requires {required}, which {listed(self.providers)} {both} provide"


@dataclass(frozen=True, slots=True)
class PathConflict(Problem, code="path-conflict", parties=("parties",)):
    """Packages claim the same paths of the root. `parties` is one package where its own files conflict."""

    parties: tuple[str, ...]
    paths: tuple[str, ...]

    @property
    def message(self) -> str:  # noqa: D102
        more = len(self.paths) - 1
        rest = f" and {more:,} other path{'s' if more > 1 else ''}" if more else ""
        if len(self.parties) == 1:
            return f"{self.parties[0]} claims /{self.paths[0]}{rest} in two ways"
        both = "both" if len(self.parties) == 2 else "all"
        return f"{listed(self.parties)} {both} claim /{self.paths[0]}{rest}"


@dataclass(frozen=True, slots=True)
class DanglingLinks(Problem, code="dangling-link"):
    """Links of a package lead to nothing; `links` are pairs of path and target."""

    package: str
    links: tuple[tuple[str, str], ...]

    @property
    def message(self) -> str:  # noqa: D102
        path, target = self.links[0]
        more = len(self.links) - 1
        others = f", and {more:,} more of its links likewise" if more else ""
        return f"{self.package}: the link {path} leads to {target}, which is not there{others}"


@dataclass(frozen=True, slots=True)
class RefusedLibrary(NoLibrary, code="refused-library"):
    """The loader finds a library for another system, refuses it, and ends the program."""

    refusals: tuple[str, ...] = ()

    @property
    def message(self) -> str:  # noqa: D102
        why = " and ".join(_REFUSALS[refusal] for refusal in self.refusals)
        return (
            f"{self.package}: {self.file} needs {self.wanted}, and finds {self.found} of {self.keeper}, "
            f"which the dynamic linker refuses, because its header is for {why}"
        )


@dataclass(frozen=True, slots=True)
class NoLoader(
    FileProblem,
    code="no-loader",
    parties=("package", "keeper"),
    sentence="{self.package}: {self.file} is to be loaded by {self.interpreter} of {self.keeper}, "
    "which is a program, not a loader",
):
    """The program that an executable names as its loader is not one; the kernel would start it nevertheless."""

    interpreter: str
    keeper: str


@dataclass(frozen=True, slots=True)
class NewerProcessor(
    FileProblem,
    code="newer-processor",
    sentence="{self.package}: {self.file} needs a {self.level} processor, but lies where all processors look: "
    "build it for any processor, or put it into lib/glibc-hwcaps/{self.level} beside one that is",
):
    """A file needs a newer processor than its path says: on others the loader ends the program."""

    level: str


def capability_in_words(capability: str) -> str:
    """Return a capability in words: `the command jq`, `libz.so.1`, `exactly jq 1.7.1-1`."""
    if exact := exact_package(capability):
        package, version = exact
        return f"exactly {package} {version}{'' if '-' in version else ' (any revision)'}"
    kind, colon, name = capability.partition(":")
    return f"{_KINDS[kind]}{name}" if colon and kind in _KINDS else capability


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Join names as a sentence does, the first three of many."""
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
